export { KeyService, type PolicyStatement } from './access-policy';
export * from './cluster-addons';
export { type ICluster } from './cluster';
export * from './eks-cluster';
export { ControlPlaneLog, EndpointAccess, NatGateways, type SystemNodesProps } from './eks-cluster-options';
export { type EksVpcProps } from './eks-vpc';
export * from './existing-eks-cluster';
export * from './gpu-node-group';
export * from './karpenter-access';
export { DEFAULT_KUBERNETES_VERSION } from './kubernetes-versions';
export * from './helm-provider';
export * from './identity-provider';
export { BucketExpiry, BucketTransition, type ExpiryRule } from './bucket-lifecycle';
export { EncryptionKey, type EncryptionKeyProps } from './encryption-key';
export { type BuildImages } from './image-lifecycle';
export * from './ml-platform-stack';
export * from './ml-platform-stack-props';
export { MlflowDatabase, type MlflowDatabaseOptions, type MlflowDatabaseProps } from './mlflow-database';
export {
  type AuroraServerlessEngineOptions,
  MlflowDatabaseEngine,
  type MlflowDatabaseEngineOptions,
  type PostgresEngineOptions,
} from './mlflow-database-engine';
export { ModelBucket, type ModelBucketProps } from './model-bucket';
export * from './model-image-repositories';
export * from './model-storage';
export { PlatformCluster } from './platform-cluster';
export * from './platform-identities';
export { type S3StateOptions, TerraformState } from './terraform-state';
export * from './workload-identity';
