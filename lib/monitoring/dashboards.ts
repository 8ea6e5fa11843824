import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { objectMetadata } from '../platform/object-metadata';
import { labelKeyProblem, labelValueProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { httpUrlProblem } from '../validation/uri';
import drift from './dashboards/drift.json';
import gpu from './dashboards/gpu.json';
import latency from './dashboards/latency.json';
import modelHealth from './dashboards/model-health.json';
import performance from './dashboards/performance.json';
import rollout from './dashboards/rollout.json';
import training from './dashboards/training.json';

/** Where Grafana's dashboards go. */
export interface DashboardsProps {
  /** The platform in whose namespace the dashboards are kept. */
  readonly platform: MlModelPlatform;

  /**
   * Folder of Grafana. The sidecar heeds it where it is told by which annotation: `folderAnnotation: grafana_folder` and
   * `provider.foldersFromFilesStructure: true` of the chart.
   *
   * @default MLOps
   */
  readonly folder?: string;

  /**
   * Labels by which Grafana's sidecar finds dashboards.
   *
   * @default - `grafana_dashboard: "1"`, as in kube-prometheus-stack
   */
  readonly labels?: { readonly [key: string]: string };

  /**
   * Address of the folder with the pages `<name of the alert>.md` of the default alerts, as in docs/runbooks of this library: panels
   * link to those of their alerts.
   *
   * @default - no links
   */
  readonly runbooksUrl?: string;
}

/** The address of the runbooks in the shipped files. */
const RUNBOOKS_PLACEHOLDER = 'https://runbooks.invalid';

const DASHBOARDS: Readonly<Record<string, object>> = {
  'model-health': modelHealth,
  drift,
  performance,
  latency,
  rollout,
  training,
  gpu,
};

/**
 * Dashboards for all models: health, drift, performance, latency and throughput, roll-outs, training and gates, GPUs. They are
 * ConfigMaps that the sidecar of Grafana loads. They name no model, and so one installation of Grafana needs them once.
 */
export class Dashboards extends Construct {
  /** The uid of each dashboard, which is part of every link to it. */
  public readonly uids: readonly string[];

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: DashboardsProps) {
    super(scope, id);
    const { platform, folder = 'MLOps', labels = { grafana_dashboard: '1' }, runbooksUrl } = props;
    const problems = Problems.of(this);
    problems.check('folder', folder, folderProblem(folder));
    if (Object.keys(labels).length === 0) {
      problems.add('labels', labels, 'must have at least one label: without any no sidecar finds the dashboards');
    }
    for (const [key, value] of Object.entries(labels)) {
      problems.check('labels', key, labelKeyProblem(key));
      problems.check(`labels.${key}`, value, labelValueProblem(value));
    }
    if (runbooksUrl !== undefined) problems.check('runbooksUrl', runbooksUrl, httpUrlProblem(runbooksUrl));
    problems.throwIfAny();

    const annotations = { grafana_folder: folder };
    this.uids = Object.keys(DASHBOARDS).map((name) => `mlops-${name}`);
    for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
      const identity = { name: `dashboard-${name}`, namespace: platform.namespace, app: 'dashboards' };
      new k8s.KubeConfigMap(this, name, {
        metadata: objectMetadata({ ...identity, labels, annotations }),
        data: { [`mlops-${name}.json`]: withRunbooks(dashboard, runbooksUrl) },
      });
    }
  }
}

/** The dashboard as JSON, with its links to runbooks or without them. */
function withRunbooks(dashboard: object, address: string | undefined): string {
  return JSON.stringify(dashboard, (_key, value: unknown) => {
    if (typeof value === 'string') return value.replace(RUNBOOKS_PLACEHOLDER, address ?? RUNBOOKS_PLACEHOLDER);
    if (address !== undefined || !Array.isArray(value)) return value;
    const items = value as readonly ({ readonly url?: string } | null)[];
    return items.filter((item) => !item?.url?.startsWith(RUNBOOKS_PLACEHOLDER));
  });
}

/** The sidecar makes a directory of the folder's name. */
function folderProblem(folder: string): string | undefined {
  const parts = folder.split('/');
  return parts.every((part) => part.trim() !== '' && part !== '.' && part !== '..')
    ? undefined
    : "must be a folder's name, or names separated by single slashes, for example 'MLOps'";
}
