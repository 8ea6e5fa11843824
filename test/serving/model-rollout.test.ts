import { Duration } from 'cdk8s';
import { Exposure, RolloutStrategy, type ServedModelProps, ServingRuntime } from 'cdk8s-mlops';
import { find, newModel, type Rendered } from '../support/synth';
import { COMBINATIONS, GATEWAY, ON, renderRollout, STRATEGIES } from './rollout-support';

const SHADOW = 'shadow 10, 1800 s, judged';
const WEIGHTS = [10, 30, 60, 100].map((weight) => `weight ${weight}, 600 s, judged`);
const UPDATE = 'update, 600 s, judged';
const BY_ARGO = 'update, 0 s';
/** Steps of every engine, and whether it has a candidate. */
const PLANS: Readonly<Record<string, readonly [engine: string, steps: readonly string[], candidate: boolean]>> = {
  'standard shadow': ['kserve-standard', [SHADOW], true],
  'standard canary': ['kserve-standard', WEIGHTS, true],
  'standard shadowThenCanary': ['kserve-standard', [SHADOW, ...WEIGHTS], true],
  'standard blueGreen': ['kserve-standard', ['weight 100, 600 s, judged'], true],
  'standard rolling': ['kserve-standard', [UPDATE], false],
  'deployment shadow': ['deployment', [SHADOW], true],
  'deployment canary': ['argo-rollouts', [BY_ARGO], false],
  'deployment shadowThenCanary': ['argo-rollouts', [SHADOW, BY_ARGO], true],
  'deployment blueGreen': ['argo-rollouts', [BY_ARGO], false],
  'deployment rolling': ['deployment', [UPDATE], false],
  'knative canary': ['kserve-knative', WEIGHTS, false],
  'knative blueGreen': ['kserve-knative', ['weight 100, 600 s, judged'], false],
  'knative rolling': ['kserve-knative', [UPDATE], false],
  'replicas canary': ['argo-rollouts', [BY_ARGO], false],
  'replicas blueGreen': ['argo-rollouts', [BY_ARGO], false],
  'replicas rolling': ['deployment', [UPDATE], false],
};

const of = (
  engine: keyof typeof ON,
  strategy: keyof typeof STRATEGIES,
  props: Partial<ServedModelProps> = {},
): ReturnType<typeof renderRollout> => renderRollout({ ...ON[engine], rollout: STRATEGIES[strategy], ...props });

const selects = (selector: Record<string, string>, labels: Record<string, string>): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

describe.each(COMBINATIONS)('%s, %s', (engine, strategy) => {
  const { steady, bootstrap, file } = of(engine, strategy);

  test('has the steps of the strategy', () => {
    const steps = file.steps.map(
      ({ kind, percent, pauseSeconds, judged }) =>
        `${kind}${percent === undefined ? '' : ` ${percent}`}, ${pauseSeconds} s${judged ? ', judged' : ''}`,
    );
    expect([file.engine, steps, file.candidate !== undefined]).toEqual(PLANS[`${engine} ${strategy}`]);
  });

  test('changes of the stable object only artifact and version', () => {
    const { metadata, spec } = file.stable.manifest as Rendered;
    expect(metadata).toEqual({ name: 'churn', namespace: 'ml' });
    const labels = { 'cdk8s-mlops.dev/version': '$(VERSION)' };
    expect(spec).toEqual(
      file.engine.startsWith('kserve')
        ? {
            predictor: {
              labels,
              annotations: { 'cdk8s-mlops.dev/version': '$(VERSION)' },
              model: { storageUri: '$(URI)' },
            },
          }
        : { template: { metadata: { labels, annotations: { 'cdk8s-mlops.dev/uri': '$(URI)' } } } },
    );
  });

  test('creates routes once, with everything on the stable version, and applies none', () => {
    expect(steady.filter(({ kind }) => kind === 'HTTPRoute')).toEqual([]);
    const routes = bootstrap.filter(({ kind }) => kind === 'HTTPRoute');
    expect(file.routes.map(({ manifest }) => manifest)).toEqual(routes);
    for (const { spec } of routes) expect(spec.rules[0].backendRefs[0]).toMatchObject({ weight: 100 });
  });

  test('may write each object of its file, and no other', () => {
    const rules: Rendered[] = find(steady, 'Role', 'churn-rollout').rules;
    const allowed = rules.flatMap(({ apiGroups, resources, resourceNames = ['*'], verbs }) =>
      (resourceNames as string[]).map((name) => `${apiGroups[0]} ${resources[0]} ${name}: ${verbs.join(' ')}`),
    );
    const routes = file.routes.map(
      ({ manifest }) => `gateway.networking.k8s.io httproutes ${manifest.metadata.name}: get patch`,
    );
    const write = 'get patch create delete';
    const own = [`apps deployments churn-candidate: ${write}`, ` services churn-candidate: ${write}`];
    const expected: Record<string, string[]> = {
      'kserve-standard': [
        'serving.kserve.io inferenceservices churn: get patch',
        ...(file.candidate ? [`serving.kserve.io inferenceservices churn-candidate: ${write}`] : []),
        'apps deployments churn-predictor: get',
        ...(file.candidate ? ['apps deployments churn-candidate-predictor: get'] : []),
      ],
      'kserve-knative': [
        'serving.kserve.io inferenceservices churn: get patch',
        'serving.knative.dev revisions *: get',
      ],
      deployment: ['apps deployments churn: get patch', ...(file.candidate ? own : [])],
      'argo-rollouts': [
        'argoproj.io rollouts churn: get patch',
        'argoproj.io rollouts/status churn: patch',
        ...(file.candidate ? own : []),
      ],
    };
    expect([...allowed].sort()).toEqual([...expected[file.engine]!, ...routes].sort());
  });

  test('covers the candidate by policies and monitor, and never sends it what is for the stable version', () => {
    const [manifest] = (file.candidate?.manifests ?? []) as Rendered[];
    if (!manifest) return;
    const labels = manifest.spec.template?.metadata.labels ?? manifest.spec.predictor.labels;
    expect(selects(find(steady, 'PodMonitor', 'churn').spec.selector.matchLabels, labels)).toBe(true);
    const policies = steady.filter(
      ({ kind, spec }) => kind === 'NetworkPolicy' && selects(spec.podSelector.matchLabels ?? {}, labels),
    );
    expect(policies.map(({ metadata }) => metadata.name)).toContain('churn');
    for (const { kind, metadata, spec } of steady)
      if (kind === 'Service' && metadata.name !== 'churn-candidate' && spec.selector)
        expect([metadata.name, selects(spec.selector, labels)]).toEqual([metadata.name, false]);
    for (const { kind, spec } of [...steady, ...bootstrap])
      if (kind === 'Deployment' || kind === 'Rollout') expect(selects(spec.selector.matchLabels, labels)).toBe(false);
  });
});

describe('a candidate answers under the name of the model', () => {
  const candidate = (runtime: ServingRuntime): Rendered =>
    (of('standard', 'canary', { runtime }).file.candidate?.manifests[0] as Rendered).spec.predictor;

  test.each([
    ['sklearn', ServingRuntime.sklearn()],
    ['xgboost', ServingRuntime.xgboost()],
    ['lightgbm', ServingRuntime.lightgbm()],
    ['huggingface', ServingRuntime.huggingface()],
  ])('%s, by an argument', (_, runtime) => {
    expect(candidate(runtime).model).toMatchObject({ args: ['--model_name=churn'], storageUri: '$(URI)' });
  });

  test('mlflow, by a variable', () => {
    expect(candidate(ServingRuntime.mlflow()).model.env).toContainEqual({
      name: 'MLSERVER_MODEL_NAME',
      value: 'churn',
    });
  });

  test('an image of one’s own, by a variable, and its artifact is mounted', () => {
    const predictor = candidate(ServingRuntime.custom({ image: 'registry.example/churn:1' }));
    expect(predictor.containers[0].env).toContainEqual({ name: 'MODEL_NAME', value: 'churn' });
    expect(predictor.storageUris).toEqual([{ uri: '$(URI)', mountPath: '/mnt/models' }]);
  });
});

test('a candidate of KServe is reached within the cluster only, and is named a candidate', () => {
  const { metadata, spec } = of('standard', 'canary').file.candidate?.manifests[0] as Rendered;
  expect(metadata.name).toBe('churn-candidate');
  expect(metadata.labels['networking.kserve.io/visibility']).toBe('cluster-local');
  expect(spec.predictor.labels).toMatchObject({
    'cdk8s-mlops.dev/role': 'candidate',
    'cdk8s-mlops.dev/version': '$(VERSION)',
  });
  expect(spec.predictor.annotations).toMatchObject({
    'cdk8s-mlops.dev/role': 'candidate',
    'cdk8s-mlops.dev/version': '$(VERSION)',
  });
});

describe('Argo Rollouts', () => {
  const strategyOf = (props: ReturnType<typeof renderRollout>): Rendered =>
    find(props.steady, 'Rollout', 'churn').spec.strategy;

  test('does the steps of a canary by itself, by the route', () => {
    const { canary } = strategyOf(of('deployment', 'canary'));
    expect(canary).toMatchObject({ stableService: 'churn', canaryService: 'churn-canary' });
    expect(canary.trafficRouting.plugins['argoproj-labs/gatewayAPI']).toEqual({
      httpRoutes: [{ name: 'churn-route' }],
      namespace: 'ml',
    });
    const analysis = { templates: [{ templateName: 'churn-rollout' }] };
    expect(canary.steps.slice(0, 3)).toEqual([{ setWeight: 10 }, { pause: { duration: '600s' } }, { analysis }]);
    expect(canary.steps).toHaveLength(12);
    const [route] = of('deployment', 'canary').file.routes;
    const backends = [
      { name: 'churn', port: 80, weight: 100 },
      { name: 'churn-canary', port: 80, weight: 0 },
    ];
    expect((route?.manifest as Rendered).spec.rules[0].backendRefs).toEqual(backends);
  });

  test('steers the route of a mesh as well', () => {
    const exposure = Exposure.gateway({ ...GATEWAY, mesh: true });
    const both = of('deployment', 'canary', { exposure });
    expect(strategyOf(both).canary.trafficRouting.plugins['argoproj-labs/gatewayAPI'].httpRoutes).toEqual(
      both.file.routes.map(({ manifest }) => ({ name: manifest.metadata.name })),
    );
  });

  test('has neither services nor routes where shares are shares of the pods', () => {
    const { canary } = strategyOf(of('replicas', 'canary'));
    expect(canary.canaryService).toBeUndefined();
    expect(canary.trafficRouting).toBeUndefined();
    expect(canary).toMatchObject({ maxSurge: 1, maxUnavailable: 0 });
  });

  test('keeps the old pods of a switch until the new ones are judged, and does not judge before the pause is over', () => {
    const hold = Duration.hours(3);
    const rollout = RolloutStrategy.blueGreen({ pause: Duration.minutes(20), analysis: { hold } });
    const { steady, file } = renderRollout({ ...ON.deployment, rollout });
    const { blueGreen } = find(steady, 'Rollout', 'churn').spec.strategy;
    expect(blueGreen).toMatchObject({ activeService: 'churn', previewService: 'churn-canary' });
    expect(blueGreen.scaleDownDelaySeconds).toBeGreaterThan(20 * 60 + 3 * 3600);
    for (const { initialDelay } of find(steady, 'AnalysisTemplate', 'churn-rollout').spec.metrics)
      expect(initialDelay).toBe('1200s');
    // Bringing up, pause, measuring.
    expect(file.stable.workload.readySeconds).toBeGreaterThan(900 + 20 * 60 + 3 * 3600);
  });

  test('measures until there is an answer: one yes is enough, one no too much, and too few requests are none', () => {
    const { steady, file } = of('deployment', 'canary');
    const { metrics } = find(steady, 'AnalysisTemplate', 'churn-rollout').spec;
    expect(metrics.map(({ name }: Rendered) => name)).toEqual(file.analysis.checks.map(({ name }) => name));
    const [{ query }] = file.analysis.checks as [Rendered];
    expect(metrics[0]).toEqual({
      name: 'error-rate',
      interval: '60s',
      count: 31,
      consecutiveSuccessLimit: 1,
      failureLimit: 0,
      inconclusiveLimit: 31,
      consecutiveErrorLimit: 31,
      successCondition: 'len(result) > 0 && !isNaN(result[0]) && result[0] <= 0.01',
      failureCondition: 'len(result) > 0 && !isNaN(result[0]) && !(result[0] <= 0.01)',
      provider: {
        prometheus: {
          address: file.prometheus,
          query: `(${query}) and on () (${file.analysis.requests.query} >= 300)`,
        },
      },
    });
  });
});

describe('callers within the cluster', () => {
  const ANNOTATION = 'cdk8s-mlops.dev/in-cluster-callers';
  const callers = (rendering: ReturnType<typeof renderRollout>): string =>
    find(rendering.steady, 'WorkflowTemplate', 'churn-rollout').metadata.annotations[ANNOTATION];

  test('get the stable version where a route steers', () => {
    const only = (service: string): string =>
      `${service}: the stable version only; a share of the candidate gets who calls through the Gateway`;
    expect(callers(of('standard', 'canary'))).toBe(only('churn-predictor'));
    expect(callers(of('deployment', 'canary'))).toBe(only('churn'));
  });

  test('get what everybody gets where it does not, or in a mesh', () => {
    const same = (service: string): string => `${service}: the same share of the candidate as everybody`;
    expect(callers(of('knative', 'canary'))).toBe(same('churn-predictor'));
    expect(callers(of('standard', 'rolling'))).toBe(same('churn-predictor'));
    expect(callers(of('replicas', 'canary'))).toBe(same('churn'));
    expect(callers(of('deployment', 'blueGreen'))).toBe(same('churn'));
    const mesh = { exposure: Exposure.gateway({ ...GATEWAY, mesh: true }) };
    expect(callers(of('standard', 'canary', mesh))).toBe(`${same('churn-predictor')}, by the route of the mesh`);
  });
});

test('a mesh has a route of the Service, beside that of the Gateway', () => {
  const exposure = Exposure.gateway({ ...GATEWAY, mesh: true });
  const { bootstrap } = of('standard', 'canary', { exposure });
  const route = find(bootstrap, 'HTTPRoute', 'churn-mesh-route');
  expect(route.spec.parentRefs).toEqual([{ group: '', kind: 'Service', name: 'churn-predictor', port: 80 }]);
  expect(route.spec.hostnames).toBeUndefined();
  expect(find(bootstrap, 'HTTPRoute', 'churn-route').spec.hostnames).toEqual(['churn.acme.example']);
});

describe('workflows', () => {
  const { steady, file } = of('standard', 'shadowThenCanary');
  const spec = find(steady, 'WorkflowTemplate', 'churn-rollout').spec;
  const template = (from: Rendered, name: string): Rendered =>
    from.templates.find((each: Rendered) => each.name === name);
  const passed = '"{{steps.analyze.outputs.parameters.passed}}" == "true"';

  test('act, wait, judge, and go on only on a yes', () => {
    const groups = (name: string): unknown =>
      template(spec, name).steps.map(([each]: Rendered[]) => [each.name, ...(each.when ? [each.when] : [])]);
    expect(groups('rollout')).toEqual([['start'], ['step-1']]);
    expect(groups('step-1')).toEqual([['shadow'], ['pause'], ['analyze'], ['step-2', passed]]);
    expect(groups('step-5')).toEqual([['weight'], ['pause'], ['analyze'], ['finish', passed]]);
    expect(template(spec, 'analyze').outputs.parameters).toEqual([
      { name: 'passed', valueFrom: { path: '/tmp/outputs/passed', default: 'false' } },
      { name: 'verdict', valueFrom: { path: '/tmp/outputs/verdict', default: 'inconclusive' } },
    ]);
  });

  test('Argo Rollouts judges by itself, so nothing waits or asks', () => {
    const argo = find(of('deployment', 'canary').steady, 'WorkflowTemplate', 'churn-rollout').spec;
    const steps = template(argo, 'step-1').steps.map(([each]: Rendered[]) => [each.name, each.when]);
    expect(steps).toEqual([
      ['update', undefined],
      ['finish', undefined],
    ]);
    expect([template(argo, 'pause'), template(argo, 'analyze')]).toEqual([undefined, undefined]);
  });

  test('restore whatever becomes of a roll-out, one at a time; a rollback waits for nobody', () => {
    const rollback = find(steady, 'WorkflowTemplate', 'churn-rollback').spec;
    const janitor = find(steady, 'CronWorkflow', 'churn-janitor').spec;
    const mutex = { mutexes: [{ name: 'churn-rollout' }] };
    expect(spec).toMatchObject({ onExit: 'restore', synchronization: mutex, serviceAccountName: 'churn-rollout' });
    expect(janitor).toMatchObject({ schedules: ['*/10 * * * *'], concurrencyPolicy: 'Forbid' });
    expect(janitor.workflowSpec.synchronization).toEqual(mutex);
    expect([rollback.synchronization, rollback.onExit]).toEqual([undefined, undefined]);
    expect(template(rollback, 'take-back').container.args).not.toContain('--config');
    expect(template(rollback, 'take-back').volumes).toEqual([{ name: 'tmp', emptyDir: {} }]);
    expect(template(rollback, 'restore').container.args).toEqual([
      ...['rollout', 'restore', '--config', '/etc/mlops/rollout/rollout.yaml'],
      ...['--reason', 'a rollback was asked for', '--by', 'run {{workflow.name}}'],
    ]);
  });

  test('have time for every pause and every wait for an answer', () => {
    const { steps, analysis } = file;
    const paused = steps.reduce((sum, { pauseSeconds }) => sum + pauseSeconds + analysis.holdSeconds, 0);
    const ready = file.stable.workload.readySeconds + (file.candidate?.workload.readySeconds ?? 0);
    expect(spec.activeDeadlineSeconds).toBeGreaterThan(paused + (steps.length + 2) * ready);
    expect(template(spec, 'analyze').activeDeadlineSeconds).toBeGreaterThan(analysis.holdSeconds);
    for (const name of ['start', 'shadow', 'weight', 'restore'])
      expect(template(spec, name).activeDeadlineSeconds).toBeGreaterThan(ready);
  });

  test('take a version, a run and a reason, each of which may be empty', () => {
    expect(spec.arguments.parameters.map(({ name, value }: Rendered) => [name, value])).toEqual([
      ['version', ''],
      ['run', ''],
      ['reason', 'manual'],
    ]);
  });

  test('run restricted, and try again what was interrupted', () => {
    const calls = spec.templates.filter(({ container }: Rendered) => container !== undefined);
    expect(calls.map(({ name }: Rendered) => name).sort()).toEqual([
      'analyze',
      'finish',
      'restore',
      'shadow',
      'start',
      'weight',
    ]);
    for (const { container, retryStrategy } of calls) {
      expect(container.securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
      });
      expect(container.env.map(({ name }: Rendered) => name)).toContain('MLFLOW_TRACKING_URI');
      expect(retryStrategy.limit).toBeDefined();
    }
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532 });
  });

  test('reach Prometheus', () => {
    const { egress } = find(steady, 'NetworkPolicy', 'churn-rollout').spec;
    expect(JSON.stringify(egress)).toContain('"port":9090');
  });
});

test('the longest name of a model fits every object of its roll-out', () => {
  const name = `m${'x'.repeat(37)}`;
  const { steady, bootstrap } = of('deployment', 'shadowThenCanary', {
    exposure: Exposure.gateway({ ...GATEWAY, mesh: true }),
    model: newModel({ name }),
  });
  for (const { kind, metadata } of [...steady, ...bootstrap])
    expect([kind, metadata.name.length <= (kind === 'CronWorkflow' ? 52 : 63)]).toEqual([kind, true]);
});
