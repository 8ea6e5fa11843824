export { Addon, type AddonOptions } from './addon';
export { type AddonIdentity } from './addon-spec';
export * from './cluster-addons';
export * from './cluster-addons-props';
export { type MonitoringStorage } from './kube-prometheus-stack';
export { type ClusterAutoscalerOptions, type KarpenterOptions, NodeScaling } from './node-scaling';
