import { createHash } from 'node:crypto';
import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { stringify } from 'yaml';
import { ANNOTATIONS, COMPONENTS } from '../contract';
import { imageProblem } from '../validation/image';
import { Problems } from '../validation/problems';
import { resourceRequirements } from './container-resources';
import { GPU_PRESENT_LABEL, NVIDIA_GPU } from './node-pool';
import { objectLabels, objectMetadata, selectorLabels } from './object-metadata';

/** The device plugin image that is rendered unless another is asked for. */
export const DEFAULT_DEVICE_PLUGIN_IMAGE = 'nvcr.io/nvidia/k8s-device-plugin:v0.20.0';

/**
 * How MIG partitions are advertised.
 *
 * @see https://github.com/NVIDIA/k8s-device-plugin#configuration-option-details
 */
export enum MigStrategy {
  /** MIG is not used. */
  NONE = 'none',
  /** Every GPU of a node is cut the same way; partitions are advertised as `nvidia.com/gpu`. */
  SINGLE = 'single',
  /** Partitions are advertised by profile, as `nvidia.com/mig-1g.10gb`. */
  MIXED = 'mixed',
}

/** Options of {@link GpuDevicePlugin.daemonSet}. */
export interface GpuDevicePluginOptions {
  /**
   * Image of the device plugin.
   *
   * @default nvcr.io/nvidia/k8s-device-plugin:v0.20.0
   */
  readonly image?: string;

  /**
   * How many pods share each GPU in turns. They are not kept out of each other's memory.
   *
   * @default - GPUs are not shared
   */
  readonly timeSlicingReplicas?: number;

  /**
   * How MIG partitions are advertised.
   *
   * @default MigStrategy.NONE
   */
  readonly mig?: MigStrategy;

  /**
   * Namespace of the DaemonSet. It mounts a host path, which the platform's own namespace does not allow.
   *
   * @default kube-system
   */
  readonly namespace?: string;
}

/** Who tells Kubernetes of the nodes' GPUs. Immutable data. */
export class GpuDevicePlugin {
  /**
   * NVIDIA's device plugin as a DaemonSet on nodes labelled `nvidia.com/gpu.present` or by Node Feature Discovery.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static daemonSet(options: GpuDevicePluginOptions = {}): GpuDevicePlugin {
    const { image = DEFAULT_DEVICE_PLUGIN_IMAGE, timeSlicingReplicas } = options;
    const problems = new Problems('GpuDevicePlugin.daemonSet');
    problems.check('image', image, imageProblem(image));
    if (timeSlicingReplicas !== undefined && !(Number.isInteger(timeSlicingReplicas) && timeSlicingReplicas >= 2)) {
      problems.add('timeSlicingReplicas', timeSlicingReplicas, 'must be a whole number from 2 on');
    }
    problems.throwIfAny();
    return new GpuDevicePlugin({ ...options, image });
  }

  /** The node image, the GPU Operator or someone else brings it (Bottlerocket and EKS Auto Mode do): none is rendered. */
  public static providedByNodes(): GpuDevicePlugin {
    return new GpuDevicePlugin(undefined);
  }

  private constructor(
    /** @internal */
    public readonly _daemonSet: (GpuDevicePluginOptions & { readonly image: string }) | undefined,
  ) {}
}

const NAME = 'nvidia-device-plugin';
const KUBELET_SOCKETS = '/var/lib/kubelet/device-plugins';

/** Any of these says that a node has an NVIDIA GPU; the last two are set by Node Feature Discovery. */
const GPU_NODES = [
  { key: GPU_PRESENT_LABEL, value: 'true' },
  { key: 'feature.node.kubernetes.io/pci-10de.present', value: 'true' },
  { key: 'feature.node.kubernetes.io/cpu-model.vendor_id', value: 'NVIDIA' },
];

/** @internal */
export class GpuDevicePluginDaemonSet extends Construct {
  constructor(scope: Construct, id: string, options: GpuDevicePluginOptions & { readonly image: string }) {
    super(scope, id);
    const { namespace = 'kube-system', mig = MigStrategy.NONE } = options;
    const identity = { app: NAME, component: COMPONENTS.gpuDevicePlugin };
    const metadata = objectMetadata({ name: NAME, namespace, ...identity });
    const config = stringify(pluginConfig(mig, options.timeSlicingReplicas));

    new k8s.KubeConfigMap(this, 'Config', { metadata, data: { 'config.yaml': config } });
    new k8s.KubeDaemonSet(this, 'Resource', {
      metadata,
      spec: {
        selector: { matchLabels: selectorLabels(NAME) },
        updateStrategy: { type: 'RollingUpdate' },
        template: {
          metadata: {
            labels: objectLabels(identity),
            // The plugin reads its configuration once: a change must make new pods.
            annotations: { [ANNOTATIONS.configHash]: createHash('sha256').update(config).digest('hex').slice(0, 16) },
          },
          spec: {
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            priorityClassName: 'system-node-critical',
            // GPU nodes may have further taints; without the plugin their GPUs do not exist for Kubernetes.
            tolerations: [{ operator: 'Exists' }],
            affinity: gpuNodeAffinity(),
            containers: [container(options.image, mig)],
            volumes: [
              { name: 'device-plugins', hostPath: { path: KUBELET_SOCKETS, type: 'Directory' } },
              { name: 'config', configMap: { name: NAME } },
            ],
          },
        },
      },
    });
  }
}

function pluginConfig(mig: MigStrategy, replicas: number | undefined): object {
  const timeSlicing = { resources: [{ name: NVIDIA_GPU, replicas }] };
  return {
    version: 'v1',
    flags: { migStrategy: mig },
    ...(replicas === undefined ? {} : { sharing: { timeSlicing } }),
  };
}

function gpuNodeAffinity(): k8s.Affinity {
  const nodeSelectorTerms = GPU_NODES.map(({ key, value }) => ({
    matchExpressions: [{ key, operator: 'In', values: [value] }],
  }));
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
}

function container(image: string, mig: MigStrategy): k8s.Container {
  // Watching MIG devices takes SYS_ADMIN; otherwise nothing is granted.
  const partitioned = mig !== MigStrategy.NONE;
  return {
    name: NAME,
    image,
    command: ['nvidia-device-plugin'],
    env: [
      { name: 'CONFIG_FILE', value: '/config/config.yaml' },
      { name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' },
      { name: 'NVIDIA_DRIVER_CAPABILITIES', value: 'compute,utility' },
      ...(partitioned ? [{ name: 'NVIDIA_MIG_MONITOR_DEVICES', value: 'all' }] : []),
    ],
    securityContext: partitioned
      ? { capabilities: { add: ['SYS_ADMIN'] } }
      : { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true },
    resources: resourceRequirements({ cpu: '10m', memory: '64Mi', memoryLimit: '256Mi' }),
    volumeMounts: [
      { name: 'device-plugins', mountPath: KUBELET_SOCKETS },
      { name: 'config', mountPath: '/config', readOnly: true },
    ],
  };
}
