import * as z from 'zod';
import {
  DEGRADED_ACTIONS,
  DRIFT_CHECK_FILE_VERSION,
  DRIFT_STATISTICS,
  type DriftCheckFile,
  PREDICTION_LOG_COLUMNS,
  RETRAIN_TRIGGERS,
} from 'cdk8s-mlops/contract';

const text = z.string().min(1);
const count = z.int().positive();
const share = z.number().min(0).lt(1);
const column = text.optional();
/** An HTTP address. */
export const ADDRESS = z.url({
  protocol: /^https?$/,
  error: 'expected an address that begins with http:// or https://',
});
const c = PREDICTION_LOG_COLUMNS;

/** Longest window: ten years. */
export const MAX_HOURS = 87_600;

/** The configuration file of `check`; its JSON Schema is published in docs/reference. */
export const DRIFT_CHECK_CONFIG: z.ZodType<DriftCheckFile> = z.strictObject({
  version: z.literal(DRIFT_CHECK_FILE_VERSION),
  model: text,
  namespace: text,
  schema: text,
  predictions: text,
  capture: text.optional(),
  labels: text.optional(),
  columns: z
    .strictObject({
      [c.requestId]: column,
      [c.timestamp]: column,
      [c.model]: column,
      [c.version]: column,
      [c.prediction]: column,
      [c.predictionScore]: column,
      [c.label]: column,
      [c.labelTimestamp]: column,
    })
    .optional(),
  reference: z.strictObject({ registry: ADDRESS, alias: text }),
  window: z.strictObject({
    hours: count.max(MAX_HOURS),
    minRows: count,
    extendDays: z
      .int()
      .nonnegative()
      .max(MAX_HOURS / 24),
  }),
  decision: z.strictObject({
    featureThreshold: z.number().positive(),
    driftedShare: share,
    significance: z.number().gt(0).lt(1),
    consecutiveWindows: count,
  }),
  features: z
    .record(
      text,
      z.strictObject({ statistic: z.enum(DRIFT_STATISTICS).optional(), threshold: z.number().positive().optional() }),
    )
    .optional(),
  performance: z.strictObject({
    minLabels: count,
    maxDrop: z.number().gt(0).lt(1),
    confidence: z.number().gt(0.5).lt(1),
    onDegraded: z.enum(DEGRADED_ACTIONS),
  }),
  retrain: z
    .strictObject({
      ...{ engine: z.enum(['argo', 'cronjob']), name: text, loop: text, minPredictions: count },
      trigger: z.enum(RETRAIN_TRIGGERS).optional(),
    })
    .optional(),
  reports: text.optional(),
  pushgateway: ADDRESS,
});
