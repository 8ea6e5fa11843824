export { BUILT_IN_STEPS } from '../contract';
export {
  DEFAULT_STEP_RESOURCES,
  type ExtraStep,
  type PipelineStep,
  type StepToleration,
  type TrainingSteps,
} from './pipeline-step';
export { TrainingEngine } from './training-engine';
export * from './training-pipeline';
export { VolumeAccessMode, type VolumeWorkspaceOptions, Workspace, WORKSPACE_MOUNT } from './workspace';
