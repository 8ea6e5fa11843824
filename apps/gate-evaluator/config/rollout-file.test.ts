import { Duration } from 'cdk8s';
import {
  Exposure,
  ModelSource,
  RolloutStrategy,
  type ServedModelProps,
  ServedModel,
  ServingEngine,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
import { type RolloutFile } from 'cdk8s-mlops/contract';
import { find, newChart, newModel, newPlatform, rendered } from '../../../test/support/synth';
import { failureOf } from '../../common/testing/problems';
import { parseYaml } from '../../common/yaml-file';
import { readRolloutFile, ROLLOUT_FILE } from './rollout-file';

const service = (name: string): RolloutFile['stable']['manifest'] => ({
  ...{ apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService' },
  metadata: { name, namespace: 'ml', annotations: { 'mlops/version': '$(VERSION)' } },
  spec: { predictor: { model: { storageUri: '$(URI)' } } },
});
const route: RolloutFile['routes'][number] = {
  manifest: {
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' },
    metadata: { name: 'churn-route', namespace: 'ml' },
    spec: { rules: [{ backendRefs: [{ name: 'churn-predictor', port: 80 }] }] },
  },
  ...{ stableService: 'churn-predictor', candidateService: 'churn-candidate-predictor', port: 80 },
};

const VALID: RolloutFile = {
  ...{ version: 1, model: 'churn', namespace: 'ml', engine: 'kserve-standard' },
  ...{ registry: 'http://mlflow.ml.svc:5000', prometheus: 'http://prometheus.monitoring.svc:9090' },
  steps: [
    { kind: 'shadow', percent: 10, pauseSeconds: 600, judged: true },
    { kind: 'weight', percent: 100, pauseSeconds: 0, judged: false },
  ],
  analysis: {
    ...{ windowSeconds: 600, intervalSeconds: 60, holdSeconds: 0 },
    requests: { query: 'sum(r)', atLeast: 100 },
    checks: [{ name: 'error-rate', query: 'sum(e)', atMost: 0, summary: 'share of requests without an answer' }],
  },
  stable: { manifest: service('churn'), workload: { kind: 'Deployment', name: 'churn-predictor', readySeconds: 600 } },
  candidate: {
    manifests: [service('churn-candidate')],
    workload: { kind: 'Deployment', name: 'churn-candidate-predictor', readySeconds: 600 },
  },
  routes: [route],
};

const KNATIVE: RolloutFile = {
  ...VALID,
  ...{ engine: 'kserve-knative', candidate: undefined, routes: [] },
  steps: [{ kind: 'weight', percent: 10, pauseSeconds: 600, judged: true }],
  stable: { manifest: service('churn'), workload: { kind: 'InferenceService', name: 'churn', readySeconds: 600 } },
};

const ARGO: RolloutFile = {
  ...VALID,
  ...{ engine: 'argo-rollouts', candidate: undefined, routes: [] },
  steps: [{ kind: 'update', pauseSeconds: 0, judged: false }],
  stable: { manifest: service('churn'), workload: { kind: 'Rollout', name: 'churn', readySeconds: 600 } },
};

const read = (file: unknown): RolloutFile => parseYaml(JSON.stringify(file, null, 2), 'r.yaml', ROLLOUT_FILE);
const problemsOf = async (file: unknown): Promise<readonly string[]> =>
  (await failureOf(() => Promise.resolve().then(() => read(file)))).problems;

test.each([
  ['of KServe', VALID],
  ['of Knative', KNATIVE],
  ['of Argo Rollouts', ARGO],
  ['with a directory as registry', { ...VALID, registry: '/tmp/registry' }],
  ['that judges nothing', { ...ARGO, analysis: { ...ARGO.analysis, checks: [] } }],
])('a file %s is read as it is, manifests and placeholders too', (_, file) => {
  expect(read(file)).toEqual(JSON.parse(JSON.stringify(file)));
});

/** The file with one value replaced, by its path. */
function changed(file: RolloutFile, path: string, value: unknown): unknown {
  const copy = structuredClone(file) as unknown as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop()!;
  const parent = keys.reduce((object, key) => object[key] as Record<string, unknown>, copy);
  parent[last] = value;
  return copy;
}

test.each<[string, unknown, RegExp]>([
  ['version', 2, /'version': expected 1, got 2$/],
  ['model', '', /'model': .* got ""$/],
  ['engine', 'knative', /'engine': .*kserve-standard.* got "knative"$/],
  ['registry', 'ftp://mlflow', /'registry': expected the address of a tracking server .* got "ftp:\/\/mlflow"$/],
  ['prometheus', 'prometheus:9090', /'prometheus': expected an address that begins with http:\/\/ or https:\/\//],
  ['steps.0.kind', 'mirror', /'steps.0.kind': .* got "mirror"$/],
  ['steps.0.percent', 101, /'steps.0.percent': .*100, got 101$/],
  ['steps.0.percent', undefined, /'steps.0': 'shadow' and 'weight' need 'percent', and 'update' has none, got/],
  ['steps.0.kind', 'update', /'steps.0': 'shadow' and 'weight' need 'percent', and 'update' has none, got/],
  ['steps.0.pauseSeconds', -1, /'steps.0.pauseSeconds': .* got -1$/],
  ['analysis.requests.atLeast', 0, /'analysis.requests.atLeast': .*>0, got 0$/],
  ['analysis.windowSeconds', 0, /'analysis.windowSeconds': .* got 0$/],
  ['analysis.checks', [], /'analysis.checks': a step is judged: expected at least one check, got \[\]$/],
  ['analysis.checks.0.atMost', undefined, /'analysis.checks.0': needs 'atMost', 'atLeast' or both: .*, got/],
  ['analysis.checks.0.atMost', 'NaN', /'analysis.checks.0.atMost': .* got "NaN"$/],
  ['analysis.checks.0.name', 'requests', /'analysis.checks.0.name': is the name of another check, got "requests"$/],
  ['stable.workload.kind', 'Rollout', /'stable.workload.kind': expected Deployment for the engine kserve-standard/],
  ['stable.manifest.metadata.namespace', undefined, /'stable.manifest.metadata.namespace' is missing$/],
  ['stable.manifest.spec', 'x', /'stable.manifest.spec': .* got "x"$/],
  ['candidate.manifests', [], /'candidate.manifests': .* got \[\]$/],
  ['candidate', undefined, /'steps.0.kind': needs a 'candidate' that gets a copy of the traffic, got "shadow"$/],
  ['routes', [], /'steps.0.kind': needs one of 'routes' that gives the candidate its traffic, got "shadow"$/],
  ['routes.0.port', 70_000, /'routes.0.port': .* got 70000$/],
])("'%s' cannot be %p", async (path, value, problem) => {
  const problems = await problemsOf(changed(VALID, path, value));
  expect(problems[0]).toMatch(/^r\.yaml:\d+:\d+: /);
  expect(problems[0]).toMatch(problem);
});

test('what is misspelt is suggested, and everything that is wrong is said at once, with its place', async () => {
  const file = { ...VALID, model: 1, enginee: 'deployment', analysis: { ...VALID.analysis, holdSecond: 3 } };
  expect(await problemsOf(file)).toEqual([
    expect.stringMatching(/^r\.yaml:3:12: 'model': expected string, got 1$/),
    expect.stringMatching(/^r\.yaml:\d+:5: 'analysis.holdSecond' is not a key here; did you mean 'holdSeconds'\?$/),
    expect.stringMatching(/^r\.yaml:\d+:3: 'enginee' is not a key here; did you mean 'engine'\?$/),
  ]);
});

test('a file that is not there says which', async () => {
  const { exitCode, problems } = await failureOf(() => readRolloutFile('/nowhere/rollout.yaml'));
  expect([exitCode, problems]).toEqual([
    2,
    [expect.stringMatching(/^cannot read the roll-out file '\/nowhere\/rollout.yaml': ENOENT/)],
  ]);
});

describe('what ServedModel renders', () => {
  const gateway = Exposure.gateway({ name: 'public', namespace: 'gateways', hostnames: ['churn.example.com'] });
  const deployment: Partial<ServedModelProps> = {
    engine: ServingEngine.deployment(),
    exposure: gateway,
    runtime: ServingRuntime.custom({ image: 'registry.example/churn-server:1' }),
  };
  const standard: Partial<ServedModelProps> = { engine: ServingEngine.kserveStandard(), exposure: gateway };
  const knative: Partial<ServedModelProps> = { engine: ServingEngine.kserveKnative(), exposure: Exposure.byKserve() };
  const pause = Duration.hours(2);

  test.each<[string, Partial<ServedModelProps>, RolloutStrategy]>([
    ['a shadow of KServe', standard, RolloutStrategy.shadow()],
    ['a canary of KServe', standard, RolloutStrategy.canary()],
    ['a shadow and a canary of KServe', standard, RolloutStrategy.shadowThenCanary()],
    ['blue and green of KServe', standard, RolloutStrategy.blueGreen()],
    ['a rolling update of KServe', standard, RolloutStrategy.rolling()],
    ['a canary of Knative', knative, RolloutStrategy.canary()],
    ['a shadow of a Deployment', deployment, RolloutStrategy.shadow()],
    ['a canary of Argo Rollouts', deployment, RolloutStrategy.canary()],
    ['a shadow and a canary of Argo Rollouts', deployment, RolloutStrategy.shadowThenCanary()],
    ['blue and green of Argo Rollouts', deployment, RolloutStrategy.blueGreen()],
    ['a rolling update of a Deployment', deployment, RolloutStrategy.rolling()],
    [
      'a canary that labels judge',
      standard,
      RolloutStrategy.canary({
        steps: [
          { weight: 10, pause },
          { weight: 100, pause },
        ],
        analysis: { performance: ['accuracy'] },
      }),
    ],
  ])('for %s is read', (_, props, rollout) => {
    const chart = newChart();
    new ServedModel(chart, 'serving', {
      platform: newPlatform(chart, { storageInitializer: StorageInitializer.restricted() }),
      model: newModel({ objectives: { minAccuracy: 0.9 }, labelDelay: Duration.hours(1) }),
      source: ModelSource.uri('s3://acme-models/churn/v1'),
      runtime: ServingRuntime.sklearn(),
      ...props,
      rollout,
    });
    const text = find(rendered(chart), 'ConfigMap', 'churn-rollout').data['rollout.yaml'] as string;
    const file = parseYaml(text, 'rollout.yaml', ROLLOUT_FILE);
    expect(file).toMatchObject({ model: 'churn', namespace: 'ml', registry: 'http://mlflow.ml.svc:5000' });
    expect(file.steps.length).toBeGreaterThan(0);
  });
});
