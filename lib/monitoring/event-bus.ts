import { dnsLabelProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { bytesProblem } from '../validation/quantity';

/** The version of NATS that Argo Events 1.9.11 offers and that is rendered unless another is asked for. */
export const DEFAULT_JETSTREAM_VERSION = '2.10.29';

/** The name that Argo Events looks for where none is given. */
const DEFAULT_NAME = 'default';

/** Options of {@link EventBus.jetStream}. */
export interface JetStreamEventBusOptions {
  /**
   * Version of NATS: one that the ConfigMap `argo-events-controller-config` of the controller lists. Argo Events' own manifests list this
   * one. Its Helm chart lists only `latest`: add the version under `configs.jetstream.versions`, as `ClusterAddons` does.
   *
   * @default 2.10.29
   */
  readonly version?: string;

  /**
   * Pods of the bus: 1, or at least 3.
   *
   * @default 3
   */
  readonly replicas?: number;

  /**
   * Volume of each pod. An alert takes a few kilobytes, and is kept for a week.
   *
   * @default 1Gi
   */
  readonly volumeSize?: string;

  /**
   * Storage class of the volumes.
   *
   * @default - the default class of the cluster
   */
  readonly storageClassName?: string;
}

/** What an {@link EventBus} that is rendered consists of. @internal */
export interface JetStreamSettings {
  readonly version: string;
  readonly replicas: number;
  readonly volumeSize: string;
  readonly storageClassName?: string;
}

/** What carries alerts to trainings, so that none is lost while something restarts. Immutable data. */
export class EventBus {
  /**
   * NATS JetStream on volumes, as the bus `default` of the namespace, shared by all models of the platform.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static jetStream(options: JetStreamEventBusOptions = {}): EventBus {
    const { version = DEFAULT_JETSTREAM_VERSION, replicas = 3, volumeSize = '1Gi', storageClassName } = options;
    const problems = new Problems('EventBus.jetStream');
    if (!/^\d+\.\d+\.\d+(-alpine)?$/.test(version)) {
      problems.add('version', version, `must be a version that is pinned, for example '${DEFAULT_JETSTREAM_VERSION}'`);
    }
    if (!Number.isInteger(replicas) || replicas < 1 || replicas === 2) {
      problems.add('replicas', replicas, 'must be 1, or at least 3: two cannot agree when one is gone');
    }
    problems.check('volumeSize', volumeSize, bytesProblem(volumeSize));
    if (storageClassName !== undefined) {
      problems.check('storageClassName', storageClassName, dnsLabelProblem(storageClassName));
    }
    problems.throwIfAny();
    return new EventBus(DEFAULT_NAME, { version, replicas, volumeSize, storageClassName });
  }

  /**
   * One on JetStream that exists in the namespace. Its pods must be allowed to run there and to talk to each other.
   *
   * @param name name of the EventBus
   * @throws ValidationError when the name is none.
   */
  public static existing(name: string): EventBus {
    const problems = new Problems('EventBus.existing');
    problems.check('name', name, dnsLabelProblem(name));
    problems.throwIfAny();
    return new EventBus(name, undefined);
  }

  private constructor(
    /** Name of the EventBus. */
    public readonly name: string,
    /** @internal */
    public readonly _jetStream: JetStreamSettings | undefined,
  ) {}
}
