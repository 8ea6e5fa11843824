import { Addon } from './addon';
import { type AddonContext, type AddonKey, type AddonSpec } from './addon-spec';
import { argoEvents } from './argo-events';
import { argoRollouts } from './argo-rollouts';
import { argoWorkflows } from './argo-workflows';
import { certManager } from './cert-manager';
import { type ClusterAddonsProps } from './cluster-addons-props';
import { envoyGateway } from './envoy-gateway';
import { externalSecrets } from './external-secrets';
import { dcgmExporter, nvidiaDevicePlugin } from './gpu';
import { kserve } from './kserve';
import { kubePrometheusStack } from './kube-prometheus-stack';
import { NodeScaling } from './node-scaling';
import { pushgateway } from './pushgateway';
import { keda, metricsServer } from './small-addons';

/** What is done about each add-on. */
export type AddonChoices = Readonly<Record<AddonKey, Addon>>;

const scalingOf = ({ nodeScaling }: ClusterAddonsProps): NodeScaling => nodeScaling ?? NodeScaling.clusterAutoscaler();

/** Whether there is no GPU node, as far as is known, that needs one. */
export function allNodesBringDevicePlugin({ gpuNodeImages = [] }: ClusterAddonsProps): boolean {
  return gpuNodeImages.length > 0 && gpuNodeImages.every(({ bringsDevicePlugin }) => bringsDevicePlugin);
}

/** The choices of the props, and those that are made where none was. */
export function choicesOf(props: ClusterAddonsProps): AddonChoices {
  const hasDevicePlugin = allNodesBringDevicePlugin(props) || props.manifests?.gpu?._daemonSet !== undefined;
  return {
    nodeScaling: scalingOf(props)._addon,
    certManager: props.certManager ?? Addon.install(),
    envoyGateway: props.envoyGateway ?? Addon.install(),
    kserve: props.kserve ?? Addon.install(),
    argoWorkflows: props.argoWorkflows ?? Addon.install(),
    argoRollouts: props.argoRollouts ?? Addon.install(),
    argoEvents: props.argoEvents ?? Addon.install(),
    kubePrometheusStack: props.kubePrometheusStack ?? Addon.install(),
    pushgateway: props.pushgateway ?? Addon.leftOut(),
    nvidiaDevicePlugin: props.nvidiaDevicePlugin ?? (hasDevicePlugin ? Addon.provided() : Addon.install()),
    dcgmExporter: props.dcgmExporter ?? Addon.install(),
    externalSecrets: props.externalSecrets ?? Addon.install(),
    keda: props.keda ?? Addon.leftOut(),
    metricsServer: props.metricsServer ?? Addon.provided(),
  };
}

/** Every add-on, installed or not. */
export function specsOf(props: ClusterAddonsProps, context: AddonContext): AddonSpec[] {
  const { secretArns = [], secretKeyArns: keyArns = [], kserveGateway: gateway } = props;
  return [
    scalingOf(props)._spec(context),
    kubePrometheusStack(context, props.monitoringStorage),
    certManager(context),
    envoyGateway(),
    keda(context),
    kserve({ storageInitializer: props.manifests?.storageInitializer, gateway }),
    argoWorkflows(context),
    argoRollouts(context),
    argoEvents(context),
    externalSecrets(context, { secretArns, keyArns }),
    pushgateway(context),
    nvidiaDevicePlugin(),
    dcgmExporter(context),
    metricsServer(),
  ];
}
