import {
  AlertRouting,
  DriftAlerting,
  ModelSource,
  PlatformAlerting,
  QualityGates,
  Receiver,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { find, newChart, newModel, newPlatform, rendered, type Rendered } from '../support/synth';
import { ApiServer } from './api-server';
import { judge, type JudgeName } from './judges';
import { promtool } from './promtool';
import { schemasDirectory } from './schemas';

/*
 * Every judge is seen to judge: what the constructs render passes, and with one fault planted it does not.
 */

function render(): Rendered[] {
  const chart = newChart();
  const platform = newPlatform(chart, { storageInitializer: StorageInitializer.restricted() });
  const model = newModel({ objectives: { minAccuracy: 0.9 } });
  const servedModel = new ServedModel(chart, 'serving', {
    ...{ platform, model, runtime: ServingRuntime.sklearn(), source: ModelSource.uri('s3://acme-models/churn/v1') },
    replicas: { min: 1, max: 4 },
  });
  const retrains = new TrainingPipeline(chart, 'training', {
    ...{ platform, model, schedule: '0 2 * * 0', trainingDataUri: 's3://acme/data' },
    workspace: Workspace.objectStore('s3://acme/runs'),
    gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } }),
    steps: { train: { image: 'train:1', command: ['train'] } },
  });
  new DriftAlerting(chart, 'drift', { servedModel, retrains, predictionLogUri: 's3://acme/predictions' });
  new PlatformAlerting(chart, 'platform-alerts', { platform });
  const receivers = [Receiver.webhook({ url: 'http://hook.ml.svc/alerts' })];
  new AlertRouting(chart, 'routing', { platform, routes: [{ receivers }] });
  return rendered(chart);
}

const template = (object: Rendered, name: string): Rendered =>
  object.spec.templates.find((each: Rendered) => each.name === name);
const task = (object: Rendered, name: string): Rendered =>
  template(object, 'pipeline').dag.tasks.find((each: Rendered) => each.name === name);

interface Fault {
  readonly name: string;
  readonly judge: JudgeName;
  /** Kind and name of the object that the fault is planted in. */
  readonly in: readonly [kind: string, name: string];
  readonly plant: (object: Rendered) => void;
  readonly says: RegExp;
}

const WORKFLOW = ['WorkflowTemplate', 'churn-training'] as const;
const CRON = ['CronWorkflow', 'churn-training'] as const;
const MLFLOW = ['Deployment', 'mlflow'] as const;
const SERVICE = ['InferenceService', 'churn'] as const;
const RULES = ['PrometheusRule', 'churn-drift-check'] as const;
const ROUTING = ['AlertmanagerConfig', 'model-alerts'] as const;

const FAULTS: readonly Fault[] = [
  {
    name: 'an exit handler that is not there',
    judge: 'argo-workflows',
    in: WORKFLOW,
    plant: (object) => (object.spec.onExit = 'tell-nobody'),
    says: /tell-nobody/,
  },
  {
    name: 'a route to a receiver that is not there',
    judge: 'prometheus-operator',
    in: ROUTING,
    plant: (object) => (object.spec.route.routes[0].receiver = 'pager'),
    says: /pager/,
  },
  {
    name: 'two receivers of one name',
    judge: 'prometheus-operator',
    in: ROUTING,
    plant: (object) => object.spec.receivers.push(object.spec.receivers[1]),
    says: /unique/,
  },
  {
    name: 'a task of a template that does not exist',
    judge: 'argo-workflows',
    in: WORKFLOW,
    plant: (object) => (task(object, 'gate').template = 'gates'),
    says: /template name 'gates' undefined/,
  },
  {
    name: 'a parameter that nobody defines',
    judge: 'argo-workflows',
    in: WORKFLOW,
    plant: (object) => (template(object, 'train').container.args = ['{{workflow.parameters.reasons}}']),
    says: /failed to resolve \{\{workflow\.parameters\.reasons\}\}/,
  },
  {
    name: 'an output that the step does not have',
    judge: 'argo-workflows',
    in: WORKFLOW,
    plant: (object) => (task(object, 'train').when = '{{tasks.validate-data.outputs.parameters.pased}} == true'),
    says: /failed to resolve/,
  },
  {
    name: 'a dependency on a task that does not exist',
    judge: 'argo-workflows',
    in: WORKFLOW,
    plant: (object) => (task(object, 'train').depends = 'validate.Succeeded'),
    says: /validate/,
  },
  {
    name: 'a cycle of tasks',
    judge: 'argo-workflows',
    in: WORKFLOW,
    plant: (object) => (task(object, 'validate-data').depends = 'register.Succeeded'),
    says: /cycle/,
  },
  {
    name: 'an entrypoint that does not exist',
    judge: 'argo-workflows',
    in: WORKFLOW,
    plant: (object) => (object.spec.entrypoint = 'main'),
    says: /main/,
  },
  {
    name: 'a retry on an expression that cannot be evaluated',
    judge: 'argo-workflows',
    in: WORKFLOW,
    plant: (object) => (template(object, 'train').retryStrategy.expression = 'lastRetry.exitCode in [137'),
    says: /retryStrategy\.expression of template train/,
  },
  {
    name: 'an unknown field of a workflow',
    judge: 'argo-workflows',
    in: WORKFLOW,
    plant: (object) => (object.spec.synchronisation = {}),
    says: /unknown field "synchronisation"/,
  },
  {
    name: 'a schedule of a template that does not exist',
    judge: 'argo-workflows',
    in: CRON,
    plant: (object) => (object.spec.workflowSpec.workflowTemplateRef.name = 'churn-trainings'),
    says: /churn-trainings/,
  },
  {
    name: 'a schedule that is none',
    judge: 'argo-workflows',
    in: CRON,
    plant: (object) => (object.spec.schedules = ['0 2 * *']),
    says: /malformed/,
  },
  {
    name: 'a scale metric that the HPA does not know',
    judge: 'kserve',
    in: SERVICE,
    plant: (object) => Object.assign(object.spec.predictor, { scaleMetric: 'concurrency', scaleTarget: 70 }),
    says: /concurrency|metric/i,
  },
  {
    name: 'a CPU target of 150 %',
    judge: 'kserve',
    in: SERVICE,
    plant: (object) => (object.spec.predictor.scaleTarget = 150),
    says: /utilization|150|range/i,
  },
  {
    name: 'more replicas at least than at most',
    judge: 'kserve',
    in: SERVICE,
    plant: (object) => (object.spec.predictor.minReplicas = 9),
    says: /replicas/i,
  },
  {
    name: 'a name that KServe refuses',
    judge: 'kserve',
    in: SERVICE,
    plant: (object) => (object.metadata.name = '1churn'),
    says: /name/i,
  },
  {
    name: 'an expression of the wrong type',
    judge: 'prometheus-operator',
    in: RULES,
    plant: (object) => (object.spec.groups[0].rules[0].expr = 'rate(up)'),
    says: /expected type range vector/,
  },
  {
    name: 'an expression that is none',
    judge: 'prometheus-operator',
    in: RULES,
    plant: (object) => (object.spec.groups[0].rules[0].expr = 'sum(up'),
    says: /parse error/,
  },
  {
    name: 'a duration that is none',
    judge: 'prometheus-operator',
    in: RULES,
    plant: (object) => (object.spec.groups[0].rules[0].for = '5 minutes'),
    says: /duration/,
  },
  {
    name: 'a label of a template that does not exist',
    judge: 'prometheus-operator',
    in: RULES,
    plant: (object) => (object.spec.groups[0].rules[0].annotations.summary = '{{ $label.model }}'),
    says: /undefined variable/,
  },
  {
    name: 'an unknown field of a container',
    judge: 'kubernetes',
    in: MLFLOW,
    plant: (object) => (object.spec.template.spec.containers[0].imagee = 'x'),
    says: /unknown field/,
  },
  {
    name: 'a selector that selects nothing',
    judge: 'kubernetes',
    in: MLFLOW,
    plant: (object) => (object.spec.selector.matchLabels = { app: 'mlflow' }),
    says: /selector.* does not match template/,
  },
  {
    name: 'a mount of a volume that does not exist',
    judge: 'kubernetes',
    in: MLFLOW,
    plant: (object) => (object.spec.template.spec.containers[0].volumeMounts[0].name = 'temp'),
    says: /Not found: "temp"/,
  },
  {
    name: 'a limit below the request',
    judge: 'kubernetes',
    in: MLFLOW,
    plant: (object) => (object.spec.template.spec.containers[0].resources.limits.memory = '1Mi'),
    says: /must be less than or equal to memory limit/,
  },
  {
    name: 'a pod that may be root in a restricted namespace',
    judge: 'kubernetes',
    in: MLFLOW,
    plant: (object) => (object.spec.template.spec.securityContext.runAsNonRoot = false),
    says: /violates PodSecurity "restricted".*runAsNonRoot/s,
  },
  {
    name: "Argo's own containers without a security context",
    judge: 'kubernetes',
    in: WORKFLOW,
    plant: (object) => delete template(object, 'train').podSpecPatch,
    says: /template train violates PodSecurity "restricted".*containers? "init", "wait"/s,
  },
  {
    name: 'a storage initializer as KServe ships it',
    judge: 'kubernetes',
    in: ['ClusterStorageContainer', 'default'],
    plant: (object) => delete object.spec.container.securityContext,
    says: /predictor violates PodSecurity "restricted".*storage-initializer/s,
  },
  {
    name: 'a schedule of a CronJob that is none',
    judge: 'kubernetes',
    in: ['CronJob', 'churn-drift-check'],
    plant: (object) => (object.spec.schedule = '61 * * * *'),
    says: /spec\.schedule: Invalid value/,
  },
  {
    name: 'a range of addresses that is none',
    judge: 'kubernetes',
    in: ['NetworkPolicy', 'churn'],
    plant: (object) => (object.spec.egress[0].to[0].ipBlock.cidr = '10.0.0.0/64'),
    says: /cidr: Invalid value/,
  },
  {
    name: 'a binding to nothing',
    judge: 'kubernetes',
    in: ['RoleBinding', 'churn-drift-check'],
    plant: (object) => (object.roleRef.name = ''),
    says: /roleRef\.name: Required value/,
  },
];

test('what the constructs render passes', () => {
  const objects = render();
  for (const name of ['kubernetes', 'argo-workflows', 'kserve', 'prometheus-operator'] as const) {
    const verdicts = judge(name, objects);
    expect(verdicts.length).toBeGreaterThan(0);
    expect(verdicts.filter(({ problems }) => problems.length > 0)).toEqual([]);
  }
});

test.each(FAULTS)('$judge finds $name', ({ judge: name, in: [kind, object], plant, says }) => {
  const objects = render();
  plant(find(objects, kind, object));
  const problems = judge(name, objects).flatMap((verdict) => verdict.problems);
  expect(problems.join('\n')).toMatch(says);
});

test("Prometheus 3's promtool finds an expression of the wrong type", () => {
  const objects = render();
  expect(promtool(objects).flatMap(({ problems }) => problems)).toEqual([]);
  find(objects, ...RULES).spec.groups[0].rules[0].expr = 'histogram_quantile("a", up)';
  expect(promtool(objects)[0]?.problems.join()).toMatch(/expected type scalar/);
});

describe('argo-rollouts', () => {
  const analysis = (metric: object): Rendered => ({
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name: 'errors', namespace: 'ml' },
    spec: {
      metrics: [
        {
          name: 'errors',
          provider: { prometheus: { address: 'http://p:9090', query: 'up' } },
          successCondition: 'result[0] < 1',
          ...metric,
        },
      ],
    },
  });
  const rollout = (setWeight: number): Rendered => ({
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'churn', namespace: 'ml' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'churn' } },
      template: { metadata: { labels: { app: 'churn' } }, spec: { containers: [{ name: 'c', image: 'x:1' }] } },
      strategy: { canary: { steps: [{ setWeight }] } },
    },
  });
  const problems = (object: Rendered): string =>
    judge('argo-rollouts', [object])
      .flatMap((each) => each.problems)
      .join();

  test('passes what is right', () => {
    expect([problems(analysis({ interval: '1m', count: 5 })), problems(rollout(10))]).toEqual(['', '']);
  });

  test('finds an interval without count, which would measure for ever', () => {
    expect(problems(analysis({ interval: '1m' }))).toMatch(/runs indefinitely/);
  });

  test('finds a weight above 100 and an unknown field', () => {
    expect(problems(rollout(101))).toMatch(/setWeight/i);
    expect(problems(analysis({ successCriteria: 'x' }))).toMatch(/unknown field/);
  });
});

test('the Prometheus operator finds a receiver without its Secret', () => {
  const webhook = { url: 'http://x', httpConfig: { authorization: { credentials: { name: 'token', key: 'token' } } } };
  const config = {
    apiVersion: 'monitoring.coreos.com/v1alpha1',
    kind: 'AlertmanagerConfig',
    metadata: { name: 'alerts', namespace: 'ml' },
    spec: { route: { receiver: 'hook' }, receivers: [{ name: 'hook', webhookConfigs: [webhook] }] },
  };
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'token', namespace: 'ml' },
    stringData: { token: 'x' },
  };
  const problems = (objects: object[]): string =>
    judge('prometheus-operator', objects)
      .flatMap((each) => each.problems)
      .join();
  expect(problems([config, secret])).toBe('');
  expect(problems([config])).toMatch(/"token" not found/);
});

describe('API server', () => {
  let server: ApiServer;
  beforeAll(async () => (server = await ApiServer.start(schemasDirectory())), 120_000);
  afterAll(() => server?.stop());

  const applied = async (object: object): Promise<{ status: number; message: string }> => {
    const { status, body } = await server.apply(object, { fieldManager: 'test' });
    return { status, message: String(body.message) };
  };
  const service = (): Rendered => find(render(), ...SERVICE);

  test('takes what is right, and again', async () => {
    expect(await applied(service())).toMatchObject({ status: 201 });
    expect(await applied(service())).toMatchObject({ status: 200 });
  });

  test('refuses to create what exists', async () => {
    expect((await server.create(service(), 'other')).status).toBe(409);
  });

  test.each<[string, (object: Rendered) => void, RegExp]>([
    [
      'an unknown field',
      (object) => (object.spec.predictor.minReplica = 1),
      /field not declared in schema|unknown field/,
    ],
    ['an enum', (object) => (object.spec.predictor.scaleMetric = 'qps'), /Unsupported value: "qps"/],
    ['a type', (object) => (object.spec.predictor.minReplicas = '1'), /expected|must be of type integer/],
    ['a required field', (object) => delete object.spec.predictor.model.modelFormat.name, /name.*[Rr]equired/],
  ])('refuses %s', async (_, plant, says) => {
    const object = service();
    object.metadata.name = 'wrong';
    plant(object);
    expect(await applied(object)).toMatchObject({ status: expect.any(Number), message: expect.stringMatching(says) });
  });

  test('evaluates CEL: a mirror has a percentage or a fraction', async () => {
    const requestMirror = {
      backendRef: { name: 'a', port: 80 },
      percent: 10,
      fraction: { numerator: 1, denominator: 10 },
    };
    const route = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'r', namespace: 'ml' },
      spec: {
        rules: [{ filters: [{ type: 'RequestMirror', requestMirror }], backendRefs: [{ name: 'a', port: 80 }] }],
      },
    };
    expect((await applied(route)).message).toMatch(/Only one of percent or fraction/);
  });

  test('evaluates CEL over time: an immutable field', async () => {
    const pool = (kind: string): object => ({
      apiVersion: 'karpenter.sh/v1',
      kind: 'NodePool',
      metadata: { name: 'gpu' },
      spec: { template: { spec: { requirements: [], nodeClassRef: { group: 'karpenter.k8s.aws', kind, name: 'x' } } } },
    });
    expect((await applied(pool('EC2NodeClass'))).status).toBe(201);
    expect((await applied(pool('OtherClass'))).message).toMatch(/immutable/);
  });
});
