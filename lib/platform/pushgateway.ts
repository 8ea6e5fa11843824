import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { COMPONENTS } from '../contract';
import { ServiceMonitor } from '../crds/prometheus-operator';
import { imageProblem } from '../validation/image';
import { dnsSubdomainProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { bytesProblem } from '../validation/quantity';
import { httpUrlProblem, portProblem } from '../validation/uri';
import { resourceRequirements } from './container-resources';
import { type Monitoring } from './monitoring';
import { objectLabels, objectMetadata, selectorLabels, serviceSelector } from './object-metadata';
import { restrictedContainer, restrictedPod } from './pod-security';
import { ServiceAddress } from './service-address';

/** The Pushgateway image that is rendered unless another is asked for. */
export const DEFAULT_PUSHGATEWAY_IMAGE = 'quay.io/prometheus/pushgateway:v1.11.3';

/** Options of {@link Pushgateway.managed}. */
export interface ManagedPushgatewayOptions {
  /**
   * Image of the Pushgateway.
   *
   * @default quay.io/prometheus/pushgateway:v1.11.3
   */
  readonly image?: string;

  /**
   * Size of a volume for what was pushed, for example `1Gi`. With it nothing is lost when the pod is replaced: a weekly training
   * that failed is not forgotten, and no alert says that a check is silent.
   *
   * @default - none: after a new pod the jobs push again, each when it runs the next time
   */
  readonly volumeSize?: string;

  /**
   * Class of the volume.
   *
   * @default - the cluster's default storage class
   */
  readonly storageClassName?: string;
}

/** A volume for what was pushed. @internal */
export interface PushgatewayVolume {
  readonly size: string;
  readonly storageClassName?: string;
}

/** Options of {@link Pushgateway.existing}. */
export interface ExistingPushgatewayOptions {
  /**
   * Port of its pod, opened in the network policy, where its Service maps another to it.
   *
   * @default - the port of the address
   */
  readonly podPort?: number;
}

/** Where short-lived jobs push their metrics. Immutable data. */
export class Pushgateway {
  /**
   * A Pushgateway of the platform's own.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static managed(options: ManagedPushgatewayOptions = {}): Pushgateway {
    const { image = DEFAULT_PUSHGATEWAY_IMAGE, volumeSize, storageClassName } = options;
    const problems = new Problems('Pushgateway.managed');
    problems.check('image', image, imageProblem(image));
    if (volumeSize !== undefined) problems.check('volumeSize', volumeSize, bytesProblem(volumeSize));
    if (storageClassName !== undefined) {
      problems.check('storageClassName', storageClassName, dnsSubdomainProblem(storageClassName));
      if (volumeSize === undefined) {
        problems.add('storageClassName', storageClassName, "has no effect without a volume: give 'volumeSize'");
      }
    }
    problems.throwIfAny();
    return new Pushgateway(
      image,
      undefined,
      volumeSize === undefined ? undefined : { size: volumeSize, storageClassName },
    );
  }

  /**
   * One that exists. It must be scraped with `honorLabels: true`.
   *
   * @param url base address, for example `http://pushgateway.monitoring.svc:9091`
   * @throws ValidationError when the address is none.
   */
  public static existing(url: string, options: ExistingPushgatewayOptions = {}): Pushgateway {
    const problems = new Problems('Pushgateway.existing');
    problems.check('url', url, httpUrlProblem(url));
    if (options.podPort !== undefined) problems.check('podPort', options.podPort, portProblem(options.podPort));
    problems.throwIfAny();
    return new Pushgateway(undefined, new ServiceAddress(url, options.podPort));
  }

  private constructor(
    /** @internal */
    public readonly _image: string | undefined,
    /** @internal */
    public readonly _existing: ServiceAddress | undefined,
    /** @internal */
    public readonly _volume?: PushgatewayVolume,
  ) {}
}

/** Port of the Pushgateway and of its Service. */
export const PUSHGATEWAY_PORT = 9091;

const NAME = 'pushgateway';
const USER = 65534;

/** Without these labels of its pod, a new pod does not start new series. @internal */
export const PUSHGATEWAY_RELABELINGS = [{ action: 'labeldrop', regex: 'pod|service|container|endpoint' }];

/** @internal */
export interface PushgatewayServerProps {
  readonly namespace: string;
  readonly image: string;
  readonly volume?: PushgatewayVolume;
  readonly monitoring: Monitoring;
}

/**
 * One Pushgateway: it must not have replicas, since a Service would split the pushes among them.
 *
 * @internal
 */
export class PushgatewayServer extends Construct {
  /** Base address within the cluster. */
  public readonly url: string;

  constructor(scope: Construct, id: string, props: PushgatewayServerProps) {
    super(scope, id);
    const { namespace, image, volume, monitoring } = props;
    this.url = `http://${NAME}.${namespace}.svc:${PUSHGATEWAY_PORT}`;
    const identity = { app: NAME, component: COMPONENTS.metricsPush };
    const metadata = objectMetadata({ name: NAME, namespace, ...identity });

    if (volume) {
      new k8s.KubePersistentVolumeClaim(this, 'Volume', {
        metadata,
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: volume.storageClassName,
          resources: { requests: { storage: k8s.Quantity.fromString(volume.size) } },
        },
      });
    }
    new k8s.KubeDeployment(this, 'Resource', {
      metadata,
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: selectorLabels(NAME) },
        template: {
          metadata: { labels: objectLabels(identity) },
          spec: {
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            securityContext: restrictedPod(USER),
            containers: [container(image)],
            volumes: [
              volume
                ? { name: 'data', persistentVolumeClaim: { claimName: NAME } }
                : // Survives a restart of the container. After a new pod the jobs push again; until then `absent()` alerts tell.
                  { name: 'data', emptyDir: { sizeLimit: k8s.Quantity.fromString('256Mi') } },
            ],
          },
        },
      },
    });
    new k8s.KubeService(this, 'Service', {
      metadata,
      spec: {
        selector: serviceSelector(COMPONENTS.metricsPush, NAME),
        ports: [{ name: 'http', port: PUSHGATEWAY_PORT, targetPort: k8s.IntOrString.fromString('http') }],
      },
    });
    new ServiceMonitor(this, 'Monitor', {
      metadata: objectMetadata({ name: NAME, namespace, ...identity, labels: monitoring.selectionLabels }),
      spec: {
        selector: { matchLabels: selectorLabels(NAME) },
        endpoints: [
          {
            port: 'http',
            // The pushed job, namespace and model are those of the pushing job, not of the Pushgateway's pod.
            honorLabels: true,
            relabelings: PUSHGATEWAY_RELABELINGS,
          },
        ],
      },
    });
  }
}

function container(image: string): k8s.Container {
  const probe = (path: string): k8s.Probe => ({ httpGet: { path, port: k8s.IntOrString.fromString('http') } });
  return {
    name: 'pushgateway',
    image,
    args: ['--persistence.file=/data/metrics', '--persistence.interval=1m'],
    ports: [{ name: 'http', containerPort: PUSHGATEWAY_PORT }],
    securityContext: restrictedContainer(),
    resources: resourceRequirements({ cpu: '10m', memory: '64Mi', memoryLimit: '256Mi' }),
    readinessProbe: probe('/-/ready'),
    livenessProbe: probe('/-/healthy'),
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
}
