import { ApiObject, type Chart, Duration } from 'cdk8s';
import { parse } from 'yaml';
import {
  type ExtraStep,
  GpuRequest,
  Mlflow,
  NodePool,
  type PipelineStep,
  Pushgateway,
  QualityGates,
  SecretReference,
  TrainingEngine,
  TrainingPipeline,
  type TrainingPipelineProps,
  VolumeAccessMode,
  Workspace,
} from 'cdk8s-mlops';
import {
  envOf,
  find,
  identities,
  newChart,
  newModel,
  newPlatform,
  problemsOf,
  rendered,
  type Rendered,
} from '../support/synth';

const STEP: PipelineStep = { image: 'registry.example/churn:1', command: ['python', 'run.py'] };
const GATES = QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } });

function pipeline(chart: Chart, props: Partial<TrainingPipelineProps> = {}): TrainingPipeline {
  return new TrainingPipeline(chart, 'training', {
    platform: props.platform ?? newPlatform(chart),
    model: newModel(),
    schedule: '0 2 * * 0',
    steps: { extract: STEP, train: STEP },
    gates: GATES,
    workspace: Workspace.objectStore('s3://acme-training/runs'),
    ...props,
  });
}

function synth(props: Partial<TrainingPipelineProps> = {}): Rendered[] {
  const chart = newChart();
  pipeline(chart, props);
  return rendered(chart);
}

const workflow = (props: Partial<TrainingPipelineProps> = {}): Rendered =>
  find(synth(props), 'WorkflowTemplate', 'churn-training').spec;
const template = (spec: Rendered, name: string): Rendered =>
  spec.templates.find((each: Rendered) => each.name === name);
const tasks = (spec: Rendered): Rendered[] => template(spec, 'pipeline').dag.tasks;
const problems = (props: Partial<TrainingPipelineProps>): readonly string[] => problemsOf(() => synth(props));

test('renders one definition, its schedule, its accounts and its configuration', () => {
  expect(identities(synth()).slice(17)).toEqual([
    'ConfigMap churn-schema',
    'ConfigMap churn-gates',
    'ConfigMap churn-loop',
    'ServiceAccount churn-training',
    'ServiceAccount churn-training-admit',
    'RoleBinding churn-training-executor',
    'RoleBinding churn-training-admit-executor',
    'Role churn-training-admit',
    'RoleBinding churn-training-admit',
    'WorkflowTemplate churn-training',
    'CronWorkflow churn-training',
  ]);
});

test('the definition is the default child of its engine', () => {
  const training = pipeline(newChart());
  expect(ApiObject.of(training.node.findChild('Argo')).kind).toBe('WorkflowTemplate');
});

describe('order of the steps', () => {
  test('the built-in steps stand around the user’s', () => {
    const steps = { extract: STEP, validate: STEP, train: STEP, evaluate: STEP };
    const training = pipeline(newChart(), { steps });
    expect(training.stepNames).toEqual([
      ...['extract', 'validate-data', 'validate', 'train', 'evaluate', 'profile', 'gate', 'register'],
    ]);
  });

  test('only train has to be brought', () => {
    const training = pipeline(newChart(), { steps: { train: STEP }, trainingDataUri: 's3://acme/data' });
    expect(training.stepNames).toEqual(['validate-data', 'train', 'profile', 'gate', 'register']);
  });

  test('a candidate is promoted only where that is asked for, and last', () => {
    const steps = { extract: STEP, train: STEP };
    expect(pipeline(newChart(), { steps, promotes: false }).stepNames.at(-1)).toBe('register');
    expect(pipeline(newChart(), { steps, promotes: true }).stepNames.slice(-2)).toEqual(['register', 'promote']);
  });

  test('nothing runs unless the run was admitted', () => {
    expect(template(workflow(), 'training').steps).toEqual([
      [{ name: 'admit', template: 'admit' }],
      [{ name: 'pipeline', template: 'pipeline', when: '"{{steps.admit.outputs.parameters.passed}}" == "true"' }],
    ]);
  });

  test('train waits for a yes on the data, register for a yes of the gate', () => {
    expect(tasks(workflow())).toEqual([
      { name: 'extract', template: 'extract' },
      { name: 'validate-data', template: 'validate-data', depends: 'extract.Succeeded' },
      {
        name: 'train',
        template: 'train',
        depends: 'validate-data.Succeeded',
        when: '"{{tasks.validate-data.outputs.parameters.passed}}" == "true"',
      },
      { name: 'profile', template: 'profile', depends: 'train.Succeeded' },
      { name: 'gate', template: 'gate', depends: 'profile.Succeeded' },
      {
        name: 'register',
        template: 'register',
        depends: 'gate.Succeeded',
        when: '"{{tasks.gate.outputs.parameters.passed}}" == "true"',
      },
    ]);
  });

  test('a judging step that wrote no answer did not say yes', () => {
    const spec = workflow();
    for (const name of ['admit', 'validate-data', 'gate']) {
      expect(template(spec, name).outputs.parameters).toEqual([
        { name: 'passed', valueFrom: { path: '/tmp/outputs/passed', default: 'false' } },
      ]);
    }
    expect(template(spec, 'train').outputs).toBeUndefined();
  });

  test('extra steps stand where after and before put them', () => {
    const extraSteps: ExtraStep[] = [
      { ...STEP, name: 'explain' },
      { ...STEP, name: 'balance', after: ['extract'], before: ['train'] },
      { ...STEP, name: 'announce', after: ['gate'] },
    ];
    const found = Object.fromEntries(tasks(workflow({ extraSteps })).map((task) => [task.name, task]));
    expect(found['explain'].depends).toBe('train.Succeeded');
    expect(found['balance'].depends).toBe('extract.Succeeded');
    expect(found['train'].depends).toBe('validate-data.Succeeded && balance.Succeeded');
    expect(found['announce'].when).toBe('"{{tasks.gate.outputs.parameters.passed}}" == "true"');
  });

  test('a step that only says what waits for it waits for nothing itself', () => {
    const extraSteps = [{ ...STEP, name: 'lint', before: ['train'] }];
    const found = tasks(workflow({ extraSteps })).find(({ name }: Rendered) => name === 'lint');
    expect(found.depends).toBeUndefined();
  });

  test('a cycle is reported as one', () => {
    const extraSteps = [
      { ...STEP, name: 'a', after: ['b'] },
      { ...STEP, name: 'b', after: ['a'] },
    ];
    expect(problems({ extraSteps })).toEqual(["'steps' wait for each other in a cycle: a → b → a"]);
  });

  test('a cycle through the built-in steps is reported too', () => {
    const extraSteps = [{ ...STEP, name: 'late', after: ['register'], before: ['train'] }];
    expect(problems({ extraSteps })[0]).toMatch(/cycle: .*train → profile → gate → register/);
  });

  test('a step that is none is reported with the likely one', () => {
    const extraSteps = [{ ...STEP, name: 'explain', after: ['trian'], before: ['deploy'] }];
    expect(problems({ extraSteps })).toEqual([
      expect.stringContaining("'extraSteps.explain.before' ('deploy') is no step of this pipeline; the steps are"),
      "'extraSteps.explain.after' ('trian') is no step of this pipeline; did you mean 'train'?",
    ]);
  });
});

describe('what a step finds', () => {
  const train = (props: Partial<TrainingPipelineProps> = {}): Rendered => template(workflow(props), 'train').container;

  test('in an object store', () => {
    const container = train();
    expect(container.env.slice(0, 2)).toEqual([
      { name: 'RUN_ID', value: '{{workflow.name}}' },
      { name: 'RUN_REASON', value: '{{workflow.parameters.reason}}' },
    ]);
    expect(envOf(container, 'WORKSPACE_URI')).toBe('s3://acme-training/runs/$(RUN_ID)');
    expect(envOf(container, 'DATA_URI')).toBe('$(WORKSPACE_URI)/data');
    expect(envOf(container, 'MODEL_URI')).toBe('$(WORKSPACE_URI)/model');
    expect(envOf(container, 'EVALUATION_URI')).toBe('$(WORKSPACE_URI)/evaluation');
    expect(envOf(container, 'CHECKPOINT_URI')).toBe('$(WORKSPACE_URI)/checkpoints/train');
    expect(envOf(container, 'MLFLOW_TRACKING_URI')).toBe('http://mlflow.ml.svc:5000');
    expect(envOf(container, 'PUSHGATEWAY_URI')).toBeUndefined();
    expect(envOf(container, 'PUSHGATEWAY_URL')).toBe('http://pushgateway.ml.svc:9091');
    expect(envOf(container, 'MODEL_NAME')).toBe('churn');
    expect(envOf(container, 'OUTPUT_DIR')).toBe('/tmp/outputs');
  });

  test('every variable is defined before it is referred to', () => {
    for (const { container } of workflow().templates.filter((each: Rendered) => each.container)) {
      const seen: string[] = [];
      for (const { name, value } of container.env) {
        for (const [, used] of String(value ?? '').matchAll(/\$\((\w+)\)/g)) expect(seen).toContain(used);
        seen.push(name);
      }
      expect(new Set(seen).size).toBe(seen.length);
      for (const [, used] of container.args?.join(' ').matchAll(/\$\((\w+)\)/g) ?? []) expect(seen).toContain(used);
    }
  });

  test('on a volume that lives as long as the run', () => {
    const workspace = Workspace.volume({ size: '50Gi', storageClassName: 'gp3' });
    const spec = workflow({ workspace });
    expect(spec.volumeClaimTemplates).toEqual([
      {
        metadata: { name: 'workspace' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'gp3',
          resources: { requests: { storage: '50Gi' } },
        },
      },
    ]);
    expect(spec.volumeClaimGC).toEqual({ strategy: 'OnWorkflowCompletion' });
    for (const name of ['extract', 'validate-data', 'train', 'gate', 'register']) {
      const { container } = template(spec, name);
      expect(envOf(container, 'WORKSPACE_URI')).toBe('file:///workspace');
      expect(container.volumeMounts).toContainEqual({ name: 'workspace', mountPath: '/workspace' });
    }
  });

  test('steps side by side need a volume that two nodes can mount', () => {
    const extraSteps = [{ ...STEP, name: 'explain' }];
    const workspace = Workspace.volume({ size: '1Gi' });
    expect(problems({ extraSteps, workspace })[0]).toMatch(/'profile' and 'explain' may run side by side/);
    const accessMode = VolumeAccessMode.READ_WRITE_MANY;
    const shared = workflow({ extraSteps, workspace: Workspace.volume({ size: '1Gi', accessMode }) });
    expect(shared.volumeClaimTemplates[0].spec.accessModes).toEqual(['ReadWriteMany']);
  });

  test('training data that no step extracts', () => {
    const props = { steps: { train: STEP }, trainingDataUri: 's3://acme/data' };
    expect(envOf(train(props), 'DATA_URI')).toBe('s3://acme/data');
  });

  test('the token of a tracking server that wants one', () => {
    const chart = newChart();
    const token = SecretReference.of('mlflow', 'token');
    const platform = newPlatform(chart, { mlflow: Mlflow.existing('http://mlflow.shared.svc:5000', { token }) });
    pipeline(chart, { platform });
    const { spec } = find(rendered(chart), 'WorkflowTemplate', 'churn-training');
    for (const name of ['train', 'gate']) {
      expect(template(spec, name).container.env).toContainEqual({
        name: 'MLFLOW_TRACKING_TOKEN',
        valueFrom: { secretKeyRef: { name: 'mlflow', key: 'token' } },
      });
    }
  });
});

describe('every prop of a step reaches its pod', () => {
  const everything: Required<PipelineStep> = {
    image: 'registry.example/churn:latest',
    allowMutableTag: true,
    command: ['python'],
    args: ['train.py'],
    env: { EPOCHS: '3', HOME: '/home/ml' },
    secrets: { WANDB_API_KEY: SecretReference.of('wandb', 'key') },
    resources: { cpu: '4', cpuLimit: '8', memory: '16Gi', memoryLimit: '20Gi', ephemeralStorage: '50Gi' },
    gpu: GpuRequest.nvidia(2),
    pool: NodePool.gpu('a10g', { gpusPerNode: 4, spot: true }),
    nodeSelector: { 'topology.kubernetes.io/zone': 'eu-central-1a' },
    tolerations: [{ key: 'team', value: 'ml', effect: 'NoSchedule' }, { key: 'dedicated' }],
    sharedMemory: '4Gi',
    checkpointUri: 's3://acme-checkpoints/churn',
    retries: 20,
    timeout: Duration.hours(6),
    user: 1001,
    readOnlyRootFilesystem: false,
  };
  const train = template(workflow({ steps: { extract: STEP, train: everything } }), 'train');

  test('container', () => {
    const { container } = train;
    expect(container).toMatchObject({ name: 'main', image: everything.image, command: ['python'], args: ['train.py'] });
    expect(container.env).toContainEqual({ name: 'EPOCHS', value: '3' });
    expect(container.env.filter(({ name }: Rendered) => name === 'HOME')).toEqual([
      { name: 'HOME', value: '/home/ml' },
    ]);
    expect(container.env).toContainEqual({
      name: 'WANDB_API_KEY',
      valueFrom: { secretKeyRef: { name: 'wandb', key: 'key' } },
    });
    expect(envOf(container, 'CHECKPOINT_URI')).toBe('s3://acme-checkpoints/churn');
    expect(container.resources).toEqual({
      requests: { cpu: '4', memory: '16Gi', 'ephemeral-storage': '50Gi', 'nvidia.com/gpu': '2' },
      limits: { cpu: '8', memory: '20Gi', 'ephemeral-storage': '50Gi', 'nvidia.com/gpu': '2' },
    });
    expect(container.securityContext).toMatchObject({ runAsUser: 1001, readOnlyRootFilesystem: false });
    expect(container.volumeMounts).toContainEqual({ name: 'shared-memory-train', mountPath: '/dev/shm' });
  });

  test('pod', () => {
    expect(train.nodeSelector).toEqual({
      'cdk8s-mlops.dev/node-pool': 'a10g',
      'topology.kubernetes.io/zone': 'eu-central-1a',
    });
    expect(train.tolerations).toEqual([
      { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' },
      { key: 'team', operator: 'Equal', value: 'ml', effect: 'NoSchedule' },
      { key: 'dedicated', operator: 'Exists' },
    ]);
    expect(train.securityContext).toMatchObject({ runAsUser: 1001, fsGroup: 1001, runAsNonRoot: true });
    expect(train.volumes).toContainEqual({
      name: 'shared-memory-train',
      emptyDir: { medium: 'Memory', sizeLimit: '4Gi' },
    });
    expect(train.activeDeadlineSeconds).toBe(21600);
    expect(train.retryStrategy.limit).toBe('20');
  });

  test('MIG partitions', () => {
    const step = { ...STEP, gpu: GpuRequest.mig('1g.10gb', 3) };
    const { container } = template(workflow({ steps: { extract: STEP, train: step } }), 'train');
    expect(container.resources.limits['nvidia.com/mig-1g.10gb']).toBe('3');
  });

  test('defaults', () => {
    const { container, nodeSelector, tolerations, securityContext, activeDeadlineSeconds, retryStrategy } = template(
      workflow(),
      'train',
    );
    expect(container.resources).toEqual({ requests: { cpu: '1', memory: '2Gi' }, limits: { memory: '2Gi' } });
    expect([nodeSelector, tolerations, securityContext, activeDeadlineSeconds]).toEqual([
      ...[undefined, undefined, undefined, undefined],
    ]);
    expect(retryStrategy.limit).toBe('2');
    expect(envOf(container, 'HOME')).toBe('/tmp');
    expect(container.args).toBeUndefined();
  });

  test('an undefined resource is not given, and limits are compared with the defaults', () => {
    const resources = { cpu: undefined, memory: '4Gi' };
    const { container } = template(workflow({ steps: { extract: STEP, train: { ...STEP, resources } } }), 'train');
    expect(container.resources.requests).toEqual({ cpu: '1', memory: '4Gi' });
    const pool = NodePool.cpu('p', { cpu: '4' });
    expect(() => synth({ steps: { extract: STEP, train: { ...STEP, resources: undefined, pool } } })).not.toThrow();
    const low = { ...STEP, resources: { cpuLimit: '500m', memoryLimit: '1Gi' } };
    expect(problems({ steps: { extract: STEP, train: low } })).toEqual([
      "'steps.train.resources.cpuLimit' ('500m') must not be below the reserved cpu (1)",
      "'steps.train.resources.memoryLimit' ('1Gi') must not be below the reserved memory (2Gi)",
    ]);
  });

  test('half-given resources keep the other half of the defaults', () => {
    const step = { ...STEP, resources: { memory: '8Gi' } };
    const { container } = template(workflow({ steps: { extract: STEP, train: step } }), 'train');
    expect(container.resources).toEqual({ requests: { cpu: '1', memory: '8Gi' }, limits: { memory: '8Gi' } });
  });
});

describe('retries', () => {
  test('what was interrupted starts again, what failed does not', () => {
    const { retryStrategy } = template(workflow(), 'train');
    expect(retryStrategy).toEqual({
      limit: '2',
      retryPolicy: 'Always',
      expression:
        'lastRetry.status == "Error" || (lastRetry.exitCode in ["-1", "137", "143"] && not (lastRetry.message contains "OOMKilled") && ' +
        'not (lastRetry.message contains "longer than the specified deadline"))',
      // No maxDuration: it would end the retries of a long training.
      backoff: { duration: '1m' },
    });
  });

  test('spot nodes get more of them', () => {
    const step = { ...STEP, pool: NodePool.cpu('spot', { spot: true }) };
    expect(template(workflow({ steps: { extract: STEP, train: step } }), 'train').retryStrategy.limit).toBe('10');
  });

  test('none where none are wanted', () => {
    const steps = { extract: STEP, train: { ...STEP, retries: 0 } };
    expect(template(workflow({ steps }), 'train').retryStrategy).toBeUndefined();
  });
});

describe('the run', () => {
  test('every setting reaches it', () => {
    const objects = synth({
      timeZone: 'Europe/Berlin',
      deadline: Duration.hours(2),
      startingDeadline: Duration.minutes(5),
      keepRuns: Duration.days(3),
      cooldown: Duration.hours(12),
      maxRunsPerDay: 1,
      paused: true,
      imagePullSecrets: ['registry'],
      serviceAccountAnnotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/train' },
      egress: [{ cidr: '10.20.0.0/16', ports: [5439] }],
      modelStore: 's3://other/churn',
      gitCommit: '0123abc',
    });
    const { spec } = find(objects, 'WorkflowTemplate', 'churn-training');
    expect(spec.activeDeadlineSeconds).toBe(7200);
    expect(spec.ttlStrategy).toEqual({ secondsAfterCompletion: 259200 });
    expect(spec.imagePullSecrets).toEqual([{ name: 'registry' }]);
    expect(find(objects, 'CronWorkflow', 'churn-training').spec).toMatchObject({
      schedules: ['0 2 * * 0'],
      timezone: 'Europe/Berlin',
      startingDeadlineSeconds: 300,
      concurrencyPolicy: 'Forbid',
      workflowSpec: {
        workflowTemplateRef: { name: 'churn-training' },
        arguments: { parameters: [{ name: 'reason', value: 'schedule' }] },
      },
    });
    expect(find(objects, 'ConfigMap', 'churn-loop').data).toEqual({
      cooldownSeconds: '43200',
      maxRunsPerDay: '1',
      paused: 'true',
    });
    const account = find(objects, 'ServiceAccount', 'churn-training');
    expect(account.metadata.annotations).toEqual({ 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/train' });
    expect(find(objects, 'NetworkPolicy', 'churn-training').spec).toEqual({
      podSelector: { matchLabels: { 'app.kubernetes.io/component': 'training', 'cdk8s-mlops.dev/model': 'churn' } },
      policyTypes: ['Egress'],
      egress: [{ to: [{ ipBlock: { cidr: '10.20.0.0/16' } }], ports: [{ port: 5439, protocol: 'TCP' }] }],
    });
    const { args } = template(spec, 'register').container;
    expect(args.join(' ')).toContain('--store s3://other/churn');
    expect(args.join(' ')).toContain('--git-commit 0123abc');
  });

  test('age alone decides how long finished runs are kept: the loop counts them', () => {
    const history = { successfulJobsHistoryLimit: 1000, failedJobsHistoryLimit: 1000 };
    expect(find(synth(), 'CronWorkflow', 'churn-training').spec).toMatchObject(history);
    expect(find(synth({ engine: TrainingEngine.cronJob() }), 'CronJob', 'churn-training').spec).toMatchObject(history);
  });

  test('the kill switch belongs to people unless it is set', () => {
    expect(find(synth(), 'ConfigMap', 'churn-loop').data).toEqual({ cooldownSeconds: '21600', maxRunsPerDay: '3' });
    expect(find(synth({ paused: false }), 'ConfigMap', 'churn-loop').data.paused).toBe('false');
  });

  test('the time zone is always written out', () => {
    expect(find(synth(), 'CronWorkflow', 'churn-training').spec.timezone).toBe('Etc/UTC');
  });

  test('runs of one model are kept apart, whoever starts them', () => {
    expect(workflow().synchronization).toEqual({ mutexes: [{ name: 'churn-training' }] });
    expect(workflow().arguments.parameters).toEqual([
      { name: 'reason', value: 'manual', description: 'why the run was started' },
    ]);
  });

  test('runs and pods carry the model, by which they are found and let through the network', () => {
    const labels = { 'cdk8s-mlops.dev/model': 'churn', 'app.kubernetes.io/component': 'training' };
    const { podMetadata, workflowMetadata } = workflow();
    expect(podMetadata.labels).toMatchObject(labels);
    expect(workflowMetadata.labels).toMatchObject(labels);
  });

  test('whatever becomes of a run, it is said, by the account that may look at runs', () => {
    const { onExit, templates } = workflow();
    const handler = templates.find(({ name }: Rendered) => name === onExit);
    expect(handler.serviceAccountName).toBe('churn-training-admit');
    expect(handler.container.args).toEqual([
      ...['conclude', '--model', 'churn', '--namespace', 'ml', '--run', '$(RUN_ID)', '--status', '{{workflow.status}}'],
    ]);
    expect(envOf(handler.container, 'RUN_ID')).toBe('{{workflow.name}}');
    expect(envOf(handler.container, 'PUSHGATEWAY_URL')).toBe('http://pushgateway.ml.svc:9091');
    // It is no step: nothing waits for it.
    expect(JSON.stringify(templates.filter(({ dag, steps }: Rendered) => dag ?? steps))).not.toContain('conclude');
  });

  test("Argo's own containers meet the profile as well", () => {
    const spec = workflow();
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    const withPod = spec.templates.filter((each: Rendered) => each.container);
    expect(withPod).toHaveLength(8);
    for (const { podSpecPatch, container } of withPod) {
      const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
      const patch = parse(podSpecPatch);
      expect(patch.initContainers).toMatchObject([{ name: 'init', securityContext }]);
      expect(patch.containers).toMatchObject([{ name: 'wait', securityContext }]);
      expect(container.securityContext).toMatchObject({ ...securityContext, readOnlyRootFilesystem: true });
    }
    expect(spec.podSpecPatch).toBeUndefined();
  });

  test('only the admitting step may read runs and limits', () => {
    const objects = synth();
    const { spec } = find(objects, 'WorkflowTemplate', 'churn-training');
    expect(spec.serviceAccountName).toBe('churn-training');
    expect(template(spec, 'admit').serviceAccountName).toBe('churn-training-admit');
    expect(template(spec, 'train').serviceAccountName).toBeUndefined();
    expect(find(objects, 'Role', 'churn-training-admit').rules).toEqual([
      { apiGroups: ['argoproj.io'], resources: ['workflows'], verbs: ['list'] },
      { apiGroups: [''], resources: ['configmaps'], resourceNames: ['churn-loop'], verbs: ['get'] },
    ]);
  });
});

describe('built-in steps', () => {
  const command = (name: string): string => {
    const { container } = template(workflow(), name);
    expect(container.command).toEqual(['/nodejs/bin/node', '/app/main.js']);
    return `${container.image} ${container.args.join(' ')}`;
  };

  test.each([
    [
      'admit',
      'registry.example/mlops/gate-evaluator:1.2.3 admit --model churn --namespace ml --engine argo --run $(RUN_ID) --reason $(RUN_REASON) --loop churn-loop',
    ],
    [
      'validate-data',
      'registry.example/mlops/drift-checker:1.2.3 validate --schema /etc/mlops/schema/schema.json --data $(DATA_URI) --registry http://mlflow.ml.svc:5000 --report $(WORKSPACE_URI)/validation',
    ],
    [
      'profile',
      'registry.example/mlops/drift-checker:1.2.3 profile --schema /etc/mlops/schema/schema.json --data $(DATA_URI) --predictions $(WORKSPACE_URI)/evaluation/predictions.parquet --output $(WORKSPACE_URI)/monitoring/reference_profile.json',
    ],
    [
      'gate',
      'registry.example/mlops/gate-evaluator:1.2.3 evaluate --model churn --gates /etc/mlops/gates/gates.yaml --metrics $(WORKSPACE_URI)/evaluation/metrics.json --evaluation $(EVALUATION_URI) --run $(RUN_ID) --reason $(RUN_REASON) --registry http://mlflow.ml.svc:5000 --decisions $(WORKSPACE_URI)/decisions --namespace ml',
    ],
    [
      'register',
      'registry.example/mlops/gate-evaluator:1.2.3 register --model churn --artifact $(MODEL_URI) --store s3://acme-models/churn --schema /etc/mlops/schema/schema.json --data $(DATA_URI) --metrics $(WORKSPACE_URI)/evaluation/metrics.json --configuration $(WORKSPACE_URI)/evaluation/configuration.json --profile $(WORKSPACE_URI)/monitoring/reference_profile.json --run $(RUN_ID) --reason $(RUN_REASON) --registry http://mlflow.ml.svc:5000 --decisions $(WORKSPACE_URI)/decisions --namespace ml',
    ],
  ])('%s', (name, line) => expect(command(name)).toBe(line));

  test('promote makes the version of this run champion, and runs only after it is registered', () => {
    const spec = workflow({ promotes: true });
    expect(template(spec, 'promote').container.args.join(' ')).toBe(
      'promote --model churn --to production --run $(RUN_ID) --reason $(RUN_REASON) --registry http://mlflow.ml.svc:5000 --decisions $(WORKSPACE_URI)/decisions --namespace ml',
    );
    expect(tasks(spec).at(-1)).toEqual({ name: 'promote', template: 'promote', depends: 'register.Succeeded' });
  });

  test('find their configuration where they are told it is', () => {
    const objects = synth();
    const { spec } = find(objects, 'WorkflowTemplate', 'churn-training');
    const mounted = (name: string, volume: string): Rendered => {
      const { container, volumes } = template(spec, name);
      return {
        ...container.volumeMounts.find((mount: Rendered) => mount.name === volume),
        ...volumes.find((each: Rendered) => each.name === volume).configMap,
      };
    };
    expect(mounted('gate', 'config-gates')).toMatchObject({ mountPath: '/etc/mlops/gates', name: 'churn-gates' });
    expect(mounted('register', 'config-schema')).toMatchObject({
      mountPath: '/etc/mlops/schema',
      name: 'churn-schema',
    });
    expect(parse(find(objects, 'ConfigMap', 'churn-gates').data['gates.yaml'])).toEqual(GATES.file);
    expect(Object.keys(find(objects, 'ConfigMap', 'churn-schema').data)).toEqual(['schema.json']);
  });
});

describe('on a plain CronJob', () => {
  const engine = TrainingEngine.cronJob();
  const cronJob = (props: Partial<TrainingPipelineProps> = {}): Rendered =>
    find(synth({ engine, ...props }), 'CronJob', 'churn-training').spec;
  const pod = (props: Partial<TrainingPipelineProps> = {}): Rendered => cronJob(props).jobTemplate.spec.template.spec;

  test('renders no Argo object', () => {
    const kinds = synth({ engine }).map(({ kind }) => kind);
    expect(kinds).toContain('CronJob');
    expect(kinds).not.toContain('WorkflowTemplate');
    expect(kinds).not.toContain('CronWorkflow');
  });

  test('runs the same steps in the same order', () => {
    const { initContainers, containers } = pod({ steps: { extract: STEP, train: STEP, evaluate: STEP } });
    expect([...initContainers, ...containers].map(({ name }) => name)).toEqual([
      ...['admit', 'extract', 'validate-data', 'train', 'evaluate', 'profile', 'gate', 'register'],
    ]);
    expect(containers.map(({ name }: Rendered) => name)).toEqual(['register']);
  });

  test('a judged "no" and a failed step end the Job without a retry, an eviction does not count', () => {
    const { podFailurePolicy, backoffLimit, template: podTemplate } = cronJob().jobTemplate.spec;
    expect(podFailurePolicy.rules).toEqual([
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [137, 143] } },
    ]);
    expect(backoffLimit).toBe(2);
    expect(podTemplate.spec.restartPolicy).toBe('Never');
    for (const name of ['admit', 'validate-data', 'gate']) {
      const { args } = pod().initContainers.find((container: Rendered) => container.name === name);
      expect(args).toContain('--fail-on-no');
    }
  });

  test('names the run after the Job', () => {
    const [admit] = pod().initContainers;
    expect(admit.env[0]).toEqual({
      name: 'RUN_ID',
      valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-name']" } },
    });
    expect(envOf(admit, 'RUN_REASON')).toBe('schedule');
  });

  test('only the admitting step has a token, and may read Jobs', () => {
    const { automountServiceAccountToken, initContainers, containers, serviceAccountName } = pod();
    expect(automountServiceAccountToken).toBe(false);
    const withToken = [...initContainers, ...containers].filter(({ volumeMounts }) =>
      volumeMounts.some(({ mountPath }: Rendered) => mountPath === '/var/run/secrets/kubernetes.io/serviceaccount'),
    );
    expect(withToken.map(({ name }) => name)).toEqual(['admit']);
    const objects = synth({ engine });
    expect(find(objects, 'Role', 'churn-training-admit').rules[0]).toEqual({
      apiGroups: ['batch'],
      resources: ['jobs'],
      verbs: ['list'],
    });
    expect(find(objects, 'RoleBinding', 'churn-training-admit').subjects[0].name).toBe(serviceAccountName);
  });

  test("a step's /tmp is its own, volumes are declared once", () => {
    const { initContainers, containers, volumes } = pod();
    for (const { name, volumeMounts } of [...initContainers, ...containers]) {
      expect(volumeMounts).toContainEqual({ name: 'tmp', mountPath: '/tmp', subPath: name });
    }
    const names = volumes.map(({ name }: Rendered) => name);
    expect(names.sort()).toEqual(['api-token', 'config-gates', 'config-schema', 'tmp']);
  });

  test('a volume workspace lives as long as the pod', () => {
    const { volumes } = pod({ workspace: Workspace.volume({ size: '5Gi' }) });
    expect(volumes.at(-1)).toEqual({
      name: 'workspace',
      ephemeral: {
        volumeClaimTemplate: {
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } },
        },
      },
    });
  });

  test('the pod goes where its GPU step must go', () => {
    const gpu = { ...STEP, pool: NodePool.gpu('a10g', { gpusPerNode: 1 }), gpu: GpuRequest.nvidia(1) };
    const { nodeSelector, tolerations } = pod({ steps: { extract: STEP, train: gpu, evaluate: gpu } });
    expect(nodeSelector).toEqual({ 'cdk8s-mlops.dev/node-pool': 'a10g' });
    expect(tolerations).toHaveLength(1);
  });

  test('every setting of the run reaches the Job', () => {
    const spec = cronJob({
      timeZone: 'Europe/Berlin',
      deadline: Duration.hours(2),
      startingDeadline: Duration.minutes(5),
      keepRuns: Duration.days(3),
      imagePullSecrets: ['registry'],
    });
    expect(spec).toMatchObject({
      schedule: '0 2 * * 0',
      timeZone: 'Europe/Berlin',
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: 300,
      jobTemplate: { spec: { activeDeadlineSeconds: 7200, ttlSecondsAfterFinished: 259200 } },
    });
    expect(spec.jobTemplate.spec.template.spec.imagePullSecrets).toEqual([{ name: 'registry' }]);
  });

  test('each step has its own shared memory', () => {
    const steps = {
      extract: STEP,
      train: { ...STEP, sharedMemory: '8Gi' },
      evaluate: { ...STEP, sharedMemory: '64Mi' },
    };
    const sizes = pod({ steps }).volumes.filter(({ name }: Rendered) => name.startsWith('shared-memory'));
    expect(sizes.map(({ name, emptyDir }: Rendered) => [name, emptyDir.sizeLimit])).toEqual([
      ['shared-memory-train', '8Gi'],
      ['shared-memory-evaluate', '64Mi'],
    ]);
  });

  test('a volume would lose the checkpoints of a spot node', () => {
    const spot = { ...STEP, pool: NodePool.cpu('spot', { spot: true }) };
    const workspace = Workspace.volume({ size: '1Gi' });
    expect(problems({ engine, workspace, steps: { extract: STEP, train: spot } })[0]).toMatch(
      /'steps.train' would lose its checkpoints/,
    );
    const kept = { ...spot, checkpointUri: 's3://acme-checkpoints/churn' };
    expect(() => synth({ engine, workspace, steps: { extract: STEP, train: kept } })).not.toThrow();
  });

  test('two pools and timeouts of steps cannot be had in one pod', () => {
    const on = (name: string): PipelineStep => ({ ...STEP, pool: NodePool.cpu(name) });
    expect(problems({ engine, steps: { extract: on('a'), train: on('b') } })).toEqual([
      "'steps' run in one pod on TrainingEngine.cronJob() and need one pool: 'cdk8s-mlops.dev/node-pool' is asked to be both 'a' and 'b'",
    ]);
    const timeout = Duration.hours(1);
    expect(problems({ engine, steps: { extract: STEP, train: { ...STEP, timeout } } })[0]).toMatch(
      /'steps.train.timeout' .* deadline of the run/,
    );
  });
});

describe('bad input', () => {
  test('every problem is reported at once, with the path of the construct', () => {
    const chart = newChart();
    const build = (): TrainingPipeline =>
      pipeline(chart, {
        platform: newPlatform(chart, { modelStore: undefined, pushgateway: Pushgateway.managed() }),
        schedule: '0 2 * *',
        timeZone: 'CET',
        steps: { train: { ...STEP, image: 'train', command: [] } },
        gitCommit: 'main',
        maxRunsPerDay: 0,
      });
    expect(build).toThrow("TrainingPipeline 'test/training' has 8 problems:");
  });

  test.each<[string, Partial<TrainingPipelineProps>, RegExp]>([
    ['data twice', { trainingDataUri: 's3://acme/data' }, /has no effect: the extract step brings the data/],
    ['data that is no address', { steps: { train: STEP }, trainingDataUri: 'data' }, /'trainingDataUri' \('data'\)/],
    ['a store that is no address', { modelStore: 'models' }, /'modelStore' \('models'\)/],
    ['a deadline of seconds', { deadline: Duration.seconds(5) }, /'deadline' .* at least a minute/],
    ['a starting deadline of 0', { startingDeadline: Duration.seconds(0) }, /'startingDeadline'/],
    ['runs kept for an hour', { keepRuns: Duration.hours(1) }, /at least a day/],
    ['a cooldown longer than runs are kept', { cooldown: Duration.days(30) }, /and the cooldown/],
    ['a pull secret that is none', { imagePullSecrets: ['My Secret'] }, /'imagePullSecrets' \('My Secret'\)/],
    ['an egress that opens nothing', { egress: [{ cidr: '10.0.0.0/8', ports: [] }] }, /at least one port/],
    ['an egress that is none', { egress: [{ cidr: 'db', ports: [5432] }] }, /'egress\[0\].cidr' \('db'\)/],
    ['half runs', { maxRunsPerDay: 1.5 }, /'maxRunsPerDay' \(1.5\) .* use 'paused'/],
  ])('%s', (_, props, reason) => expect(problems(props).join('\n')).toMatch(reason));

  test.each<[string, Partial<PipelineStep>, RegExp]>([
    ['an image without tag', { image: 'registry.example/churn' }, /'steps.train.image' .* must be pinned/],
    ['an image that moves', { image: 'registry.example/churn:latest' }, /moving tag 'latest'/],
    ['no program', { command: [] }, /must name the program/],
    ['a CPU that is none', { resources: { cpu: 'two' } }, /'steps.train.resources.cpu' \('two'\)/],
    ['a memory that is none', { resources: { memory: '8GB' } }, /'steps.train.resources.memory' \('8GB'\)/],
    ['shared memory that is none', { sharedMemory: 'big' }, /'steps.train.sharedMemory'/],
    ['root', { user: 0 }, /refuses root/],
    ['negative retries', { retries: -1 }, /'steps.train.retries' \(-1\)/],
    ['no time', { timeout: Duration.seconds(0) }, /at least a second/],
    ['a variable that is none', { env: { 'MY-VAR': 'x' } }, /'steps.train.env' \('MY-VAR'\)/],
    [
      'a password among its arguments',
      { args: ['--dsn=postgres://u:hunter2@h/db'] },
      /has an argument that carries a URL/,
    ],
    ['half a second', { timeout: Duration.millis(1500) }, /must be whole seconds/],
    ['checkpoints nowhere', { checkpointUri: '' }, /'steps.train.checkpointUri'/],
    ['a label that is none', { nodeSelector: { 'bad key!': 'x' } }, /'steps.train.nodeSelector' \('bad key!'\)/],
    ['an effect that is none', { tolerations: [{ key: 'a', effect: 'Nope' }] }, /must be one of NoSchedule/],
    ['a variable of ours', { env: { RUN_ID: 'x' } }, /set by the pipeline itself/],
    [
      'a secret variable of ours',
      { secrets: { DATA_URI: SecretReference.of('a', 'b') } },
      /set by the pipeline itself/,
    ],
    ['a secret in plain text', { env: { DB_PASSWORD: 'hunter2' } }, /under 'secrets'/],
    ['a GPU on a CPU pool', { gpu: GpuRequest.nvidia(1), pool: NodePool.cpu('batch') }, /whose nodes have no GPU/],
    [
      'more GPUs than a node has',
      { gpu: GpuRequest.nvidia(2), pool: NodePool.gpu('a10g', { gpusPerNode: 1 }) },
      /more than the pool 'a10g' can give, whose nodes have 1/,
    ],
    [
      'more memory than a node has',
      { resources: { memory: '64Gi' }, pool: NodePool.cpu('batch', { memory: '32Gi' }) },
      /'steps.train.resources.memory' \('64Gi'\) does not fit the pool 'batch'/,
    ],
    [
      'more CPU than a node has',
      { resources: { cpu: '9' }, pool: NodePool.cpu('batch', { cpu: '8' }) },
      /does not fit/,
    ],
  ])('a step with %s', (_, step, reason) => {
    const found = problems({ steps: { extract: STEP, train: { ...STEP, ...step } } });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(reason);
    expect(found[0]).not.toContain('hunter2');
  });

  test('a variable under env and under secrets', () => {
    const step = { ...STEP, env: { X: '1' }, secrets: { X: SecretReference.of('a', 'b') } };
    expect(problems({ steps: { extract: STEP, train: step } })[0]).toMatch(/keep one/);
  });

  test.each(['train', 'gate', 'pipeline'])('an extra step named %s', (name) => {
    expect(problems({ extraSteps: [{ ...STEP, name }] })[0]).toMatch(/is taken/);
  });

  test('two extra steps of one name, or with none', () => {
    const named = (name: string): ExtraStep => ({ ...STEP, name });
    expect(problems({ extraSteps: [named('x'), named('x')] }).join('\n')).toMatch(/is taken/);
    expect(problems({ extraSteps: [named('')] }).join('\n')).toMatch(/'extraSteps.name' \(''\)/);
  });

  test('an extra step that Argo refuses as a task', () => {
    expect(problems({ extraSteps: [{ ...STEP, name: '2nd-check' }] })[0]).toMatch(/must not start with a digit/);
  });

  test('two pipelines of one model', () => {
    const chart = newChart();
    const platform = newPlatform(chart);
    pipeline(chart, { platform });
    const build = (): TrainingPipeline =>
      new TrainingPipeline(chart, 'second', {
        ...{ platform, model: newModel(), schedule: '@weekly', steps: { extract: STEP, train: STEP }, gates: GATES },
        workspace: Workspace.objectStore('s3://acme/runs'),
      });
    expect(problemsOf(build)[0]).toMatch(/has a TrainingPipeline already, 'test\/training'/);
  });

  test('GPU requests and workspaces that are none', () => {
    expect(problemsOf(() => GpuRequest.nvidia(0))).toHaveLength(1);
    expect(problemsOf(() => GpuRequest.mig('half', 0.5))).toHaveLength(2);
    expect(problemsOf(() => Workspace.objectStore('/data'))).toHaveLength(1);
    expect(problemsOf(() => Workspace.volume({ size: 'big', storageClassName: 'Bad Class' }))).toHaveLength(2);
  });
});
