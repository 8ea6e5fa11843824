import * as z from 'zod';
import { MODEL_SCHEMA_VERSION, type ModelSchema } from 'cdk8s-mlops/contract';
import { readYamlFile } from '../../common/yaml-file';

const ratio = z.number().min(0).max(1).optional();
const positive = z.number().positive().optional();

/** The schema file; its JSON Schema is published in docs/reference. */
export const MODEL_SCHEMA_FILE: z.ZodType<ModelSchema> = z.strictObject({
  version: z.literal(MODEL_SCHEMA_VERSION),
  model: z.string().min(1),
  task: z.strictObject({
    type: z.enum(['binary-classification', 'multiclass-classification', 'regression']),
    classes: z.array(z.string()).min(2).optional(),
    positiveClass: z.string().optional(),
    decisionThreshold: z.number().optional(),
  }),
  features: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        type: z.enum(['numeric', 'categorical']),
        required: z.boolean(),
        importance: z.number().nonnegative(),
        minimum: z.number().optional(),
        maximum: z.number().optional(),
        values: z.array(z.string()).optional(),
      }),
    )
    .min(1),
  objectives: z.strictObject({
    minAccuracy: ratio,
    minPrecision: ratio,
    minRecall: ratio,
    minF1: ratio,
    minAuc: ratio,
    maxMae: positive,
    maxRmse: positive,
    maxLatencyP95Seconds: positive,
    maxErrorRate: ratio,
  }),
  labelDelaySeconds: z.number().nonnegative().optional(),
});

/** @throws Failure with file, line and column of everything that is wrong */
export function readModelSchema(path: string): Promise<ModelSchema> {
  return readYamlFile(path, 'the schema file', MODEL_SCHEMA_FILE);
}
