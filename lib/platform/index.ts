export { AwsEnvironment, type AwsEnvironmentProps, type PlatformBuckets } from './aws-environment';
export * from './container-images';
export { type ContainerResources } from './container-resources';
export {
  DEFAULT_DEVICE_PLUGIN_IMAGE,
  GpuDevicePlugin,
  type GpuDevicePluginOptions,
  MigStrategy,
} from './gpu-device-plugin';
export * from './gpu-node-image';
export * from './gpu-request';
export * from './cluster-autoscaler-priorities';
export * from './karpenter-gpu-pool';
export * from './karpenter-names';
export * from './ml-model-platform';
export { MLFLOW_DATABASE_SECRET } from './database-secret';
export {
  ExternalSecretStore,
  type PodIdentityStoreOptions,
  type ServiceAccountStoreOptions,
} from './external-secret-store';
export {
  DEFAULT_MLFLOW_IMAGE,
  type ExistingMlflowOptions,
  Mlflow,
  type MlflowServerOptions,
  type PostgresMlflowOptions,
  type SqliteMlflowOptions,
} from './mlflow';
export {
  type ManagedConnectionOptions,
  MlflowDatabaseConnection,
  type SecretsManagerConnectionOptions,
  type UriConnectionOptions,
} from './mlflow-database-connection';
export * from './monitoring';
export * from './platform-outputs';
export { type NamespaceQuota } from './namespace-limits';
export { type EgressRule, type NetworkOptions } from './network-policies';
export * from './node-pool';
export {
  DEFAULT_PUSHGATEWAY_IMAGE,
  type ExistingPushgatewayOptions,
  type ManagedPushgatewayOptions,
  Pushgateway,
} from './pushgateway';
export { type ObjectAccess } from './object-access';
export * from './object-grant';
export * from './secret-reference';
export {
  DEFAULT_STORAGE_INITIALIZER_IMAGE,
  type RestrictedStorageInitializerOptions,
  StorageInitializer,
} from './storage-initializer';
export * from './mlops-app';
export * from './workload-role';
