export { Capture, type CaptureOptions, type CaptureReplicas } from './capture';
export * from './exposure';
export * from './model-source';
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
