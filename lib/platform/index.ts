export * from './container-images';
export { type ContainerResources } from './container-resources';
export {
  DEFAULT_DEVICE_PLUGIN_IMAGE,
  GpuDevicePlugin,
  type GpuDevicePluginOptions,
  MigStrategy,
} from './gpu-device-plugin';
export * from './gpu-request';
export * from './ml-model-platform';
export {
  DEFAULT_MLFLOW_IMAGE,
  type ExistingMlflowOptions,
  Mlflow,
  type MlflowServerOptions,
  type PostgresMlflowOptions,
  type SqliteMlflowOptions,
} from './mlflow';
export * from './monitoring';
export { type NamespaceQuota } from './namespace-limits';
export { type EgressRule, type NetworkOptions } from './network-policies';
export * from './node-pool';
export {
  DEFAULT_PUSHGATEWAY_IMAGE,
  type ExistingPushgatewayOptions,
  type ManagedPushgatewayOptions,
  Pushgateway,
} from './pushgateway';
export * from './secret-reference';
export {
  DEFAULT_STORAGE_INITIALIZER_IMAGE,
  type RestrictedStorageInitializerOptions,
  StorageInitializer,
} from './storage-initializer';
export * from './mlops-app';
