import { join } from 'node:path';
import { type FeatureSchema, type ModelSchema } from 'cdk8s-mlops/contract';
import { temporaryDirectory } from '../../common/temporary-files';
import { SILENT, type TestColumns, writeData } from '../../common/testing/test-data';
import { makeProfile } from '../profile/make-profile';
import { type ReferenceProfile } from '../profile/reference-profile';
import { type DriftReport, type Finding, type FindingKind } from './drift-report';
import { type CheckConfig, type CheckOptions, runCheck } from './run-check';

/** A schema of the named features; a property more says what is special about one. */
export function testSchema(
  features: Readonly<Record<string, Partial<FeatureSchema>>>,
  schema: Partial<ModelSchema> = {},
): ModelSchema {
  return {
    version: 1,
    model: 'fraud',
    task: { type: 'binary-classification', classes: ['no', 'yes'], positiveClass: 'yes' },
    features: Object.entries(features).map(([name, feature]) => ({
      ...{ name, type: 'numeric', required: false, importance: 1 },
      ...feature,
    })),
    objectives: {},
    ...schema,
  };
}

/** The defaults of `check`. */
export const TEST_CONFIG: CheckConfig = {
  model: 'fraud',
  namespace: 'models',
  predictions: '',
  window: { hours: 24, minRows: 500, extendDays: 7 },
  decision: { featureThreshold: 0.15, driftedShare: 0.3, significance: 0.01, consecutiveWindows: 1 },
  performance: { minLabels: 200, maxDrop: 0.05, confidence: 0.95, onDegraded: 'review' },
};

/** A retraining that needs as many predictions. */
export const testRetrain = (minPredictions: number): Pick<CheckConfig, 'retrain'> => ({
  retrain: { engine: 'argo', name: 'fraud-training', loop: 'fraud-loop', minPredictions },
});

let files = 0;

/** Writes a file into a folder of its own. */
export async function testFile(
  columns: TestColumns,
  types?: Readonly<Record<string, string>>,
  extension = 'parquet',
): Promise<string> {
  return writeData(join(await temporaryDirectory('check'), `data-${files++}.${extension}`), columns, types);
}

export async function testProfile(
  schema: ModelSchema,
  data: TestColumns,
  predictions?: TestColumns,
): Promise<ReferenceProfile> {
  const options = { schema, log: SILENT, data: await testFile(data) };
  return makeProfile(predictions ? { ...options, predictions: await testFile(predictions) } : options);
}

/** What a test's check is made of: all rows of a file, unless it says otherwise. */
export interface TestCheck extends Partial<Omit<CheckOptions, 'config'>> {
  readonly schema: ModelSchema;
  readonly profile: ReferenceProfile;
  readonly current: TestColumns | string;
  readonly types?: Readonly<Record<string, string>>;
  readonly config?: Partial<CheckConfig>;
}

export async function check({ current, types, config, ...options }: TestCheck): Promise<DriftReport> {
  const predictions = typeof current === 'string' ? current : await testFile(current, types);
  return runCheck({
    selection: { by: 'all' },
    profileSource: 'profile.json',
    log: SILENT,
    ...options,
    config: { ...TEST_CONFIG, predictions, ...config },
  });
}

/** The findings of a kind, without their kind. */
export function findings({ quality }: { quality: readonly Finding[] }, kind: FindingKind): Omit<Finding, 'kind'>[] {
  return quality.filter((finding) => finding.kind === kind).map(({ kind: _, ...rest }) => rest);
}
