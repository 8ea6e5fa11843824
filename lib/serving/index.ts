export { Capture, type CaptureOptions, type CaptureReplicas } from './capture';
export * from './exposure';
export { ModelGateway, type ModelGatewayProps } from './model-gateway';
export * from './model-source';
export { type LabelledMetric, type RolloutAnalysisOptions } from './rollout-analysis';
export {
  type CanaryOptions,
  type CanaryStep,
  type RolloutOptions,
  RolloutStrategy,
  type ShadowOptions,
  type ShadowThenCanaryOptions,
  type SwitchOptions,
} from './rollout-strategy';
export { type BatchingOptions, type ReplicasOptions, ScaleTarget } from './scaling';
export * from './served-model';
export { type KnativeOptions, ServingEngine } from './serving-engine';
export {
  type CustomRuntimeOptions,
  InferenceProtocol,
  KSERVE_VERSION,
  ServingRuntime,
  type TritonOptions,
} from './serving-runtime';
