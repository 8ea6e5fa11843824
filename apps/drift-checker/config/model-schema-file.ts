import * as z from 'zod';
import {
  FEATURE_RECORDINGS,
  MODEL_SCHEMA_VERSION,
  type ModelSchema,
  PREDICTION_LOG_COLUMNS,
} from 'cdk8s-mlops/contract';
import { readYamlFile } from '../../common/yaml-file';

const ratio = z.number().min(0).max(1).optional();
const positive = z.number().positive().optional();

/** Names that a feature cannot have: a table has one column of a name, whatever its case. */
const TAKEN = new Set<string>(
  [...Object.values(PREDICTION_LOG_COLUMNS)].filter((name) => name !== PREDICTION_LOG_COLUMNS.label),
);

interface Inconsistency {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What is wrong between parts that are right each by itself. */
function inconsistencies({ features, task }: ModelSchema): Inconsistency[] {
  const found: Inconsistency[] = [];
  const seen = new Map<string, string>();
  features.forEach((feature, index) => {
    const lower = feature.name.toLowerCase();
    const earlier = seen.get(lower);
    if (earlier !== undefined)
      found.push({
        path: ['features', index, 'name'],
        message: `is the name of another feature, '${earlier}', apart from its case at most`,
      });
    if (TAKEN.has(lower))
      found.push({
        path: ['features', index, 'name'],
        message: `is a column of the prediction log: a feature needs a name of its own`,
      });
    seen.set(lower, feature.name);
    const { minimum, maximum } = feature;
    if (minimum !== undefined && maximum !== undefined && minimum > maximum) {
      found.push({
        path: ['features', index, 'minimum'],
        message: `is above the maximum ${maximum}: no value could be valid`,
      });
    }
    const { recorded } = feature;
    if (recorded === (feature.type === 'numeric' ? 'hashed' : 'bucketed'))
      found.push({
        path: ['features', index, 'recorded'],
        message: feature.type === 'numeric' ? 'is for categorical features' : 'is for numeric features',
      });
    if (feature.type === 'numeric' && feature.values)
      found.push({ path: ['features', index, 'values'], message: 'is for categorical features' });
  });
  const { type, classes, positiveClass } = task;
  if (type !== 'regression' && !classes) found.push({ path: ['task'], message: `must name its classes` });
  if (
    type === 'binary-classification' &&
    classes &&
    classes.length > 1 &&
    (positiveClass === undefined || !classes.includes(positiveClass))
  ) {
    found.push({ path: ['task', 'positiveClass'], message: `must be one of the classes ${classes.join(', ')}` });
  }
  return found;
}

/** The schema file; its JSON Schema is published in docs/reference. */
export const MODEL_SCHEMA_FILE: z.ZodType<ModelSchema> = z
  .strictObject({
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
          recorded: z.enum(FEATURE_RECORDINGS).optional(),
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
  })
  .superRefine((schema, context) => {
    for (const { path, message } of inconsistencies(schema))
      context.addIssue({ code: 'custom', path: [...path], message });
  });

/** @throws Failure with file, line and column of everything that is wrong */
export function readModelSchema(path: string): Promise<ModelSchema> {
  return readYamlFile(path, 'the schema file', MODEL_SCHEMA_FILE);
}
