import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { ANNOTATIONS, COMPONENTS } from '../contract';
import { ServiceMonitor } from '../crds/prometheus-operator';
import { resourceRequirements } from './container-resources';
import { type MlflowServerConfig } from './mlflow';
import { type BackendStore, DATA_FOLDER, DATABASE_VARIABLE, renderBackendStore } from './mlflow-backend-store';
import { type Monitoring } from './monitoring';
import { objectLabels, objectMetadata, selectorLabels, serviceSelector } from './object-metadata';
import { restrictedContainer, restrictedPod } from './pod-security';

/** Port of the server, of its Service and of its metrics. */
export const MLFLOW_PORT = 5000;

const NAME = 'mlflow';

/** Service account of the server. */
export const MLFLOW_ACCOUNT = NAME;

const USER = 1000;

/**
 * Host patterns of pod addresses: Prometheus scrapes by IP. The same private ranges that MLflow allows by default, which
 * `--allowed-hosts` replaces.
 *
 * @see https://mlflow.org/docs/latest/self-hosting/security/network/
 */
const PRIVATE_ADDRESSES = [
  '10.*',
  '192.168.*',
  ...Array.from({ length: 16 }, (_, index) => `172.${16 + index}.*`),
  'fc00:*',
  'fd00:*',
];

/** @internal */
export interface MlflowServerProps {
  readonly namespace: string;
  readonly config: MlflowServerConfig;
  readonly monitoring: Monitoring;
}

/**
 * The tracking server and model registry: Deployment, Service, service account, monitor, and the volume or what keeps the
 * connection to the database. While the database is not known, the Deployment is left out.
 *
 * One replica: the database's schema is migrated by an init container before the server starts, and the server keeps no
 * state of its own that a second one would share.
 *
 * @internal
 */
export class MlflowServer extends Construct {
  /** Base address within the cluster. */
  public readonly url: string;

  private readonly namespace: string;
  private readonly identity = { app: NAME, component: COMPONENTS.experimentTracking };

  constructor(scope: Construct, id: string, props: MlflowServerProps) {
    super(scope, id);
    const { config, namespace, monitoring } = props;
    this.namespace = namespace;
    this.url = `http://${NAME}.${namespace}.svc:${MLFLOW_PORT}`;

    const metadata = objectMetadata({ name: NAME, namespace, ...this.identity });
    new k8s.KubeServiceAccount(this, 'ServiceAccount', {
      metadata: { ...metadata, annotations: { ...config.serviceAccountAnnotations } },
      automountServiceAccountToken: false,
    });
    const store = renderBackendStore(this, NAME, namespace, config);
    if (store) new k8s.KubeDeployment(this, 'Resource', { metadata, spec: this.deployment(config, store) });
    const remedy = 'volumeSize' in config.database ? undefined : config.database._pending;
    const pending = remedy && { annotations: { [ANNOTATIONS.pending]: `MLflow is left out: ${remedy}` } };
    new k8s.KubeService(this, 'Service', {
      metadata: { ...metadata, ...pending },
      spec: {
        selector: serviceSelector(COMPONENTS.experimentTracking, NAME),
        ports: [{ name: 'http', port: MLFLOW_PORT, targetPort: k8s.IntOrString.fromString('http') }],
      },
    });
    new ServiceMonitor(this, 'Monitor', {
      metadata: objectMetadata({ name: NAME, namespace, ...this.identity, labels: monitoring.selectionLabels }),
      spec: { selector: { matchLabels: selectorLabels(NAME) }, endpoints: [{ port: 'http', path: '/metrics' }] },
    });
  }

  /** Every Host header under which the server may be called. */
  private allowedHosts(config: MlflowServerConfig): string[] {
    const names = [NAME, `${NAME}.${this.namespace}`, `${NAME}.${this.namespace}.svc`];
    const all = [...names, `${NAME}.${this.namespace}.svc.cluster.local`, 'localhost', '127.0.0.1'];
    return [...all.flatMap((name) => [name, `${name}:*`]), ...PRIVATE_ADDRESSES, ...config.allowedHosts];
  }

  private deployment(config: MlflowServerConfig, store: BackendStore): k8s.DeploymentSpec {
    const common: Pick<k8s.Container, 'image' | 'securityContext' | 'volumeMounts'> = {
      image: config.image,
      securityContext: restrictedContainer(),
      volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }, ...store.mounts],
    };
    const env = [
      ...store.env,
      { name: 'HOME', value: '/tmp' },
      // The job runners of MLflow's GenAI features take more than 1 GiB and are not part of the loop.
      { name: 'MLFLOW_SERVER_ENABLE_JOB_EXECUTION', value: 'false' },
    ];
    return {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: selectorLabels(NAME) },
      template: {
        metadata: { labels: objectLabels(this.identity) },
        spec: {
          serviceAccountName: NAME,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: restrictedPod(USER),
          initContainers: [
            {
              ...common,
              name: 'migrate',
              command: ['mlflow', 'db', 'upgrade', `$(${DATABASE_VARIABLE})`],
              env,
              resources: resourceRequirements({ cpu: '100m', memory: '512Mi', memoryLimit: '1Gi' }),
            },
          ],
          containers: [
            {
              ...common,
              name: 'server',
              command: ['mlflow', 'server', ...this.serverArguments(config)],
              env,
              ports: [{ name: 'http', containerPort: MLFLOW_PORT }],
              resources: resourceRequirements({ cpu: '250m', memory: '1Gi', memoryLimit: '2Gi' }),
              startupProbe: { ...probe(), periodSeconds: 5, failureThreshold: 60 },
              readinessProbe: { ...probe(), periodSeconds: 10, timeoutSeconds: 5 },
              livenessProbe: { ...probe(), periodSeconds: 30, timeoutSeconds: 10, failureThreshold: 5 },
            },
          ],
          volumes: [{ name: 'tmp', emptyDir: { sizeLimit: k8s.Quantity.fromString('5Gi') } }, ...store.volumes],
        },
      },
    };
  }

  private serverArguments(config: MlflowServerConfig): string[] {
    return [
      ...['--host', '0.0.0.0', '--port', String(MLFLOW_PORT), '--workers', String(config.workers)],
      ...['--artifacts-destination', config.artifactsDestination ?? `${DATA_FOLDER}/artifacts`],
      ...['--allowed-hosts', this.allowedHosts(config).join(',')],
      ...['--expose-prometheus', '/tmp/metrics'],
    ];
  }
}

function probe(): k8s.Probe {
  return { httpGet: { path: '/health', port: k8s.IntOrString.fromString('http') } };
}
