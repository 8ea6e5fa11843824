import { type RolloutFile } from 'cdk8s-mlops/contract';
import { type Log } from '../../common/log';
import { BesideDelivery } from './beside-delivery';
import { type Cluster } from './cluster';
import { KnativeDelivery } from './knative-delivery';
import { type Release } from './placeholders';
import { type Traffic } from './route';

/** What an engine does with a version. Everything may be repeated, from any state that a killed command left. */
export interface Delivery {
  /** Whether something of the cluster is of a version that is being rolled out. */
  isUnderWay(version: string): Promise<boolean>;
  /** Brings up the candidate, where the engine has one, and waits until it is ready. */
  bringUp(candidate: Release): Promise<void>;
  /** Gives a candidate that is ready its traffic. */
  setTraffic(candidate: Release, traffic: Traffic): Promise<void>;
  /** Brings a version to the stable object, and waits until its controller is done. */
  update(candidate: Release): Promise<void>;
  /** Makes the cluster serve the champion and nothing else. */
  settle(champion: Release): Promise<void>;
}

/** What the engine of a file does. */
export function deliveryOf(file: RolloutFile, cluster: Cluster, log: Log): Delivery {
  return file.engine === 'kserve-knative'
    ? new KnativeDelivery(file, cluster, log)
    : new BesideDelivery(file, cluster, log);
}
