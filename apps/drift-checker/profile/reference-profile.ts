import * as z from 'zod';
import { Failure } from '../../common/failure';
import { readText } from '../../common/object-store';

/** Version of the profile's format; readers refuse others. */
export const PROFILE_VERSION = 1;

const count = z.int().nonnegative();
const kind = z.enum(['number', 'text', 'boolean', 'time', 'other']);

const NUMERIC = z.strictObject({
  type: z.literal('numeric'),
  name: z.string(),
  kind,
  missing: count,
  infinite: count,
  outOfRange: count,
  /** Rows with a finite value; the moments are theirs. */
  values: count,
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  mean: z.number(),
  standardDeviation: z.number().nonnegative(),
  /** Upper, inclusive bounds of all bins but the last, ascending. */
  edges: z.array(z.number()),
  counts: z.array(count),
  /** Values of the sampled rows, null where there is none. */
  sample: z.array(z.number().nullable()),
});

const CATEGORICAL = z.strictObject({
  type: z.literal('categorical'),
  name: z.string(),
  kind,
  missing: count,
  /** Bins: the categories that are frequent enough to be one. */
  categories: z.array(z.string()),
  counts: z.array(count),
  /** Rows with another category. */
  other: count,
  /** Other categories that were seen; not all of them when `complete` is false. */
  rare: z.array(z.string()),
  complete: z.boolean(),
});

const CLASSIFICATION = z.strictObject({
  type: z.literal('classification'),
  labels: count,
  correct: count,
  /** Of the positive class (binary). */
  confusion: z
    .strictObject({ truePositive: count, falsePositive: count, falseNegative: count, trueNegative: count })
    .optional(),
  auc: z.number().optional(),
});

const REGRESSION = z.strictObject({
  type: z.literal('regression'),
  labels: count,
  meanAbsolute: z.number(),
  varianceAbsolute: z.number(),
  meanSquared: z.number(),
  varianceSquared: z.number(),
});

const PROFILE = z.strictObject({
  version: z.literal(PROFILE_VERSION),
  model: z.string(),
  /** Absent while the candidate is not registered. */
  modelVersion: z.string().optional(),
  rows: count,
  /** What was read: SHA-256 over the files' names and contents. */
  data: z.strictObject({ digest: z.string(), files: count, bytes: count }),
  seed: z.int(),
  features: z.array(z.discriminatedUnion('type', [NUMERIC, CATEGORICAL])),
  /** Priority of each sampled row: the lowest are kept when profiles merge. */
  priorities: z.array(z.number()),
  predictions: z
    .strictObject({
      rows: count,
      digest: z.string(),
      score: NUMERIC.optional(),
      class: CATEGORICAL.optional(),
      performance: z.discriminatedUnion('type', [CLASSIFICATION, REGRESSION]).optional(),
      /** Points of the map from score to the chance that the prediction's subject holds; see the guide. */
      calibration: z.array(z.strictObject({ score: z.number(), probability: z.number() })).optional(),
    })
    .optional(),
});

export type NumericProfile = z.infer<typeof NUMERIC>;
export type CategoricalProfile = z.infer<typeof CATEGORICAL>;
export type FeatureProfile = NumericProfile | CategoricalProfile;
/** What performance is computed from, so that its confidence may be chosen later. */
export type PerformanceFacts = z.infer<typeof CLASSIFICATION> | z.infer<typeof REGRESSION>;
export type PredictionProfile = NonNullable<z.infer<typeof PROFILE>['predictions']>;

/** What a model's data looked like when it was trained. */
export type ReferenceProfile = z.infer<typeof PROFILE>;

/** The profile's file: one line, the same bytes for the same profile. */
export function serializeProfile(profile: ReferenceProfile): string {
  return `${JSON.stringify(profile)}\n`;
}

/** @throws Failure when the text is no profile of this version */
export function parseProfile(text: string, source: string): ReferenceProfile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw Failure.configuration(`'${source}' is no reference profile: it is not JSON, or it was cut off`);
  }
  if (typeof value === 'object' && value !== null && 'task' in value) {
    throw Failure.configuration(
      `'${source}' is no reference profile but a schema file: make the profile with 'drift-checker profile'`,
    );
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (version !== PROFILE_VERSION) {
    throw Failure.configuration(
      `'${source}' is no reference profile of version ${PROFILE_VERSION}: got version ${JSON.stringify(version)}; make it again with 'drift-checker profile'`,
    );
  }
  const result = PROFILE.safeParse(value);
  if (result.success) return result.data;
  throw Failure.configuration(
    ...result.error.issues.slice(0, 10).map((issue) => `'${source}': ${issue.path.join('.')}: ${issue.message}`),
  );
}

/** @throws Failure when there is none, or it is of another model */
export async function readProfile(uri: string, model?: string): Promise<ReferenceProfile> {
  const text = await readText(uri);
  if (text === undefined)
    throw Failure.configuration(`there is no reference profile at '${uri}': make it with 'drift-checker profile'`);
  const profile = parseProfile(text, uri);
  if (model !== undefined) checkProfileModel(profile, model, uri);
  return profile;
}

export function checkProfileModel(profile: ReferenceProfile, model: string, source: string): void {
  if (profile.model === model) return;
  throw Failure.configuration(`'${source}' is the reference profile of model '${profile.model}', not of '${model}'`);
}
