import { type Chart, Duration } from 'cdk8s';
import {
  Capture,
  DriftAlerting,
  type DriftAlertingProps,
  Mlflow,
  MlflowDatabaseConnection,
  type MlModelPlatform,
  type MlModelPlatformProps,
  ModelSource,
  type ObjectAccess,
  ObjectGrant,
  QualityGates,
  RolloutStrategy,
  SecretReference,
  ServedModel,
  type ServedModelProps,
  ServingRuntime,
  StorageInitializer,
  TrainingEngine,
  TrainingPipeline,
  type TrainingPipelineProps,
  Workspace,
} from 'cdk8s-mlops';
import { newChart, newModel, newPlatform, problemsOf } from '../support/synth';

const MODEL = newModel({ labelDelay: Duration.days(7) });
const STEP = { image: 'registry.example/training:1', command: ['train'] };

function platformOf(chart: Chart, props: Partial<MlModelPlatformProps> = {}): MlModelPlatform {
  return newPlatform(chart, { storageInitializer: StorageInitializer.restricted(), ...props });
}

function serve(chart: Chart, platform: MlModelPlatform, props: Partial<ServedModelProps> = {}): ServedModel {
  return new ServedModel(chart, 'serving', {
    ...{ platform, model: MODEL, runtime: ServingRuntime.sklearn(), capture: Capture.off() },
    source: ModelSource.uri('s3://acme-models/churn/v1'),
    ...props,
  });
}

function train(chart: Chart, platform: MlModelPlatform, props: Partial<TrainingPipelineProps> = {}): TrainingPipeline {
  return new TrainingPipeline(chart, 'training', {
    ...{ platform, model: MODEL, schedule: '0 2 * * 0', steps: { extract: STEP, train: STEP } },
    gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } }),
    workspace: Workspace.objectStore('s3://acme-training/runs'),
    ...props,
  });
}

/** `account: what address (purpose)`, one line each; what: r(eads), w(rites), d(eletes), a(rchives). */
function lines(access: readonly ObjectAccess[]): string[] {
  return access.map(({ serviceAccountName: account, uri, reads, writes, deletes, archives, purpose }) => {
    const what = [reads && 'r', writes && 'w', deletes && 'd', archives && 'a'].filter(Boolean).join('');
    return `${account}: ${what} ${uri} (${purpose})`;
  });
}

/** What is declared when `build` has made its constructs on a platform. */
function declared(
  build: (chart: Chart, platform: MlModelPlatform) => unknown,
  props: Partial<MlModelPlatformProps> = {},
): string[] {
  const chart = newChart();
  const platform = platformOf(chart, props);
  build(chart, platform);
  return lines(platform.objectAccess);
}

describe('the platform', () => {
  const postgres = (artifactsDestination: string): Mlflow =>
    Mlflow.postgres({
      database: MlflowDatabaseConnection.uri(SecretReference.of('mlflow-database', 'uri')),
      artifactsDestination,
    });

  test('declares that MLflow keeps artifacts, where these are in an object store', () => {
    expect(declared(() => undefined, { mlflow: postgres('s3://acme-mlflow/artifacts') })).toEqual([
      'mlflow: rwd s3://acme-mlflow/artifacts (artifacts of runs)',
    ]);
    expect(declared(() => undefined, { mlflow: Mlflow.sqlite() })).toEqual([]);
    expect(declared(() => undefined, { mlflow: Mlflow.existing('http://mlflow.tools.svc:5000') })).toEqual([]);
  });

  test('says the namespace, and each access once, in an order of its own', () => {
    const chart = newChart();
    const platform = platformOf(chart);
    train(chart, platform, {
      access: [ObjectGrant.read('s3://b/x'), ObjectGrant.read('s3://a'), ObjectGrant.read('s3://b/x')],
    });
    const mine = platform.objectAccess.filter(({ purpose }) => purpose.includes('user'));
    const base = { namespace: 'ml', serviceAccountName: 'churn-training', purpose: "the user's steps" };
    expect(mine).toEqual([
      { ...base, uri: 's3://a', reads: true, writes: false, deletes: false },
      { ...base, uri: 's3://b/x', reads: true, writes: false, deletes: false },
    ]);
  });
});

describe('a training', () => {
  const STORE = 'churn-training: rw s3://acme-models/churn (artifacts of registered versions)';
  const RUNS = 'churn-training: rwd s3://acme-training/runs (workspaces of runs)';

  test('works in its workspace, and writes registered artifacts, which it never deletes', () => {
    expect(declared(train)).toEqual([STORE, RUNS]);
    const cron = { engine: TrainingEngine.cronJob() };
    expect(declared((chart, platform) => train(chart, platform, cron))).toEqual([STORE, RUNS]);
  });

  test('keeps nothing of its runs in an object store when its workspace is a volume', () => {
    const volume = { workspace: Workspace.volume({ size: '10Gi' }) };
    expect(declared((chart, platform) => train(chart, platform, volume))).toEqual([STORE]);
  });

  test('reads training data, writes checkpoints, and does what its user says', () => {
    const found = declared((chart, platform) =>
      train(chart, platform, {
        trainingDataUri: 's3://acme-lake/churn/dt=*/part.parquet',
        steps: { train: { ...STEP, checkpointUri: 's3://acme-checkpoints/churn' } },
        extraSteps: [{ ...STEP, name: 'export', checkpointUri: 's3://acme-checkpoints/export' }],
        modelStore: 's3://acme-own/models',
        access: [
          ObjectGrant.read('s3://acme-lake/stores'),
          ObjectGrant.write('s3://acme-scores'),
          ObjectGrant.manage('s3://acme-features'),
        ],
      }),
    );
    expect(found).toEqual([
      'churn-training: rwd s3://acme-checkpoints/churn (checkpoints)',
      'churn-training: rwd s3://acme-checkpoints/export (checkpoints)',
      "churn-training: rwd s3://acme-features (the user's steps)",
      // Of a pattern, the folder that is listed.
      'churn-training: r s3://acme-lake/churn (training data)',
      "churn-training: r s3://acme-lake/stores (the user's steps)",
      'churn-training: rw s3://acme-own/models (artifacts of registered versions)',
      "churn-training: w s3://acme-scores (the user's steps)",
      RUNS,
    ]);
  });

  test('reads files that its gates name', () => {
    const gates = QualityGates.fromObject({
      baseline: { from: { file: 's3://acme-baselines/churn/metrics.json' } },
      metrics: { accuracy: { minimum: 0.9 } },
    });
    expect(declared((chart, platform) => train(chart, platform, { gates }))).toContain(
      'churn-training: r s3://acme-baselines/churn/metrics.json (files that the gates name)',
    );
  });

  test('that promotes by itself lets artifacts expire, and keeps those that serve', () => {
    const found = declared((chart, platform) => train(chart, platform, { promotes: true }));
    expect(found).toEqual([
      STORE,
      'churn-training: rwa s3://acme-models/churn (lets artifacts of archived versions expire)',
      RUNS,
    ]);
  });
});

describe('a served model', () => {
  test('loads any version, wherever its training keeps them', () => {
    const found = declared((chart, platform) => {
      serve(chart, platform, { source: ModelSource.uri('s3://acme-legacy/churn/live') });
      train(chart, platform, { modelStore: 's3://acme-own/models' });
    });
    expect(found.filter((line) => line.startsWith('churn-serving'))).toEqual([
      'churn-serving: r s3://acme-legacy/churn/live (artifacts that are served)',
      'churn-serving: r s3://acme-models/churn (artifacts that are served)',
      'churn-serving: r s3://acme-own/models (artifacts that are served)',
    ]);
  });

  test('of a source in the model store says the store alone', () => {
    expect(declared(serve)).toEqual(['churn-serving: r s3://acme-models/churn (artifacts that are served)']);
  });

  test('of a source that is in no object store needs none for it', () => {
    const found = declared(
      (chart, platform) => serve(chart, platform, { source: ModelSource.uri('hf://acme/churn') }),
      {
        modelStore: undefined,
      },
    );
    expect(found).toEqual([]);
  });

  test('does what its user says', () => {
    const access = [ObjectGrant.read('gs://acme-features/churn')];
    expect(declared((chart, platform) => serve(chart, platform, { access }))).toEqual([
      "churn-serving: r gs://acme-features/churn (the user's servers)",
      'churn-serving: r s3://acme-models/churn (artifacts that are served)',
    ]);
  });

  test('with a roll-out keeps artifacts that serve, and lets the others expire', () => {
    const rollout = RolloutStrategy.rolling();
    const found = declared((chart, platform) => serve(chart, platform, { rollout, capture: Capture.on() }));
    expect(found).toContain(
      'churn-rollout: rwa s3://acme-models/churn (keeps artifacts that serve, and lets those of archived versions expire)',
    );
  });

  test('that is captured writes events and labels, and reads nothing', () => {
    expect(declared((chart, platform) => serve(chart, platform, { capture: Capture.on() })).slice(0, 2)).toEqual([
      'churn-capture: w s3://acme-predictions/churn/_events (events of calls)',
      'churn-capture: w s3://acme-predictions/churn/_labels (labels that come later)',
    ]);
  });
});

describe('a drift check', () => {
  const watch = (props: Partial<DriftAlertingProps>, capture = Capture.on()): string[] =>
    declared((chart, platform) => {
      const servedModel = serve(chart, platform, { capture });
      new DriftAlerting(chart, 'drift', { servedModel, ...props });
    }).filter((line) => /^churn-(drift-check|performance)/.test(line));
  const LOG = 'rwd s3://acme-predictions/churn (the prediction log, which is compacted)';

  test('compacts the log of the capture, as does the one of performance', () => {
    expect(watch({})).toEqual([`churn-drift-check: ${LOG}`, `churn-performance: ${LOG}`]);
  });

  test('keeps reports in a folder of the model, and reads labels', () => {
    expect(watch({ reportsUri: 's3://acme-reports/drift', labelsUri: 's3://acme-labels/churn' })).toEqual([
      'churn-drift-check: r s3://acme-labels/churn (labels that come later)',
      `churn-drift-check: ${LOG}`,
      'churn-drift-check: w s3://acme-reports/drift/churn (reports)',
      'churn-performance: r s3://acme-labels/churn (labels that come later)',
      `churn-performance: ${LOG}`,
    ]);
  });

  test('only reads a log that is not the capture’s', () => {
    expect(watch({ predictionLogUri: 's3://acme-other/churn', labelsUri: 's3://acme-labels' }, Capture.off())[1]).toBe(
      'churn-drift-check: r s3://acme-other/churn (the prediction log)',
    );
  });
});

test.each(['read', 'write', 'manage'] as const)(
  'ObjectGrant.%s refuses what is no address of an object store',
  (what) => {
    expect(problemsOf(() => ObjectGrant[what]('/data'))).toHaveLength(1);
    expect(problemsOf(() => ObjectGrant[what]('s3://acme/data/'))[0]).toMatch(/^'uri' .* must not end with a slash$/);
  },
);
