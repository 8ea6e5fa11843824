/** Name of every alert that this library has by default. */
export const ALERTS = {
  accuracy: 'ModelAccuracyDegraded',
  precision: 'ModelPrecisionDegraded',
  recall: 'ModelRecallDegraded',
  f1: 'ModelF1Degraded',
  auc: 'ModelAucDegraded',
  mae: 'ModelMaeDegraded',
  rmse: 'ModelRmseDegraded',
  latency: 'ModelLatencyHigh',
  errors: 'ModelErrorRateHigh',
  traffic: 'ModelTrafficLow',
  dataDrift: 'DataDriftDetected',
  predictionShift: 'PredictionDistributionShift',
  missingFeatures: 'HighMissingFeatureRate',
  labelsLate: 'LabelsLate',
  checkSilent: 'DriftCheckSilent',
  pushedStale: 'PushedMetricsStale',
  shedding: 'CaptureShedding',
  bufferFilling: 'CaptureBufferFilling',
  gateFailed: 'GateFailed',
  retrainingNeeded: 'RetrainingNeeded',
  trainingNotStarted: 'TrainingNotStarted',
  trainingFailed: 'TrainingRunFailed',
  trainingInVain: 'TrainingInVain',
  rolloutHeld: 'RolloutHeld',
  rolloutGivenUp: 'RolloutGivenUp',
  gpuIdle: 'GpuIdle',
  spotReclaimLoop: 'SpotReclaimLoop',
} as const;

/** Names of the alerts of a platform as a whole; all others are of one model. */
export const PLATFORM_ALERTS: readonly string[] = [ALERTS.gpuIdle, ALERTS.spotReclaimLoop];

/** Names of the alerts that a platform and its models may have by default. */
export const DEFAULT_ALERTS: readonly string[] = Object.values(ALERTS);

/** What an alert is about: the value of its label `topic`. A critical alert silences the warnings of its topic. */
export const TOPICS = {
  performance: 'performance',
  latency: 'latency',
  errors: 'errors',
  traffic: 'traffic',
  drift: 'drift',
  dataQuality: 'data-quality',
  labels: 'labels',
  check: 'check',
  capture: 'capture',
  gate: 'gate',
  training: 'training',
  rollout: 'rollout',
  gpu: 'gpu',
  spot: 'spot',
} as const;
