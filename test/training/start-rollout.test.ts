import { type Chart, Duration } from 'cdk8s';
import { parse } from 'yaml';
import {
  Capture,
  ModelSource,
  QualityGates,
  RolloutStrategy,
  ServedModel,
  type ServedModelProps,
  ServingRuntime,
  StorageInitializer,
  TrainingEngine,
  TrainingPipeline,
  type TrainingPipelineProps,
  Workspace,
} from 'cdk8s-mlops';
import {
  find,
  identities,
  newChart,
  newModel,
  newPlatform,
  problemsOf,
  rendered,
  type Rendered,
} from '../support/synth';

const STEP = { image: 'registry.example/churn:1', command: ['python', 'run.py'] };

interface Given {
  readonly pipeline?: Partial<TrainingPipelineProps>;
  readonly served?: Partial<ServedModelProps>;
}

function make(chart: Chart, { pipeline, served }: Given = {}): TrainingPipeline {
  const platform = newPlatform(chart, { storageInitializer: StorageInitializer.restricted() });
  const model = newModel();
  const rollout = new ServedModel(chart, 'serving', {
    ...{ platform, model, runtime: ServingRuntime.sklearn(), rollout: RolloutStrategy.rolling() },
    source: ModelSource.uri('s3://acme-models/churn/v1'),
    ...served,
  });
  return new TrainingPipeline(chart, 'training', {
    ...{ platform, model, schedule: '0 2 * * 0', steps: { extract: STEP, train: STEP }, rollout },
    gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9 } } }),
    workspace: Workspace.objectStore('s3://acme-training/runs'),
    ...pipeline,
  });
}

function synth(): Rendered[] {
  const chart = newChart();
  make(chart);
  return rendered(chart);
}

const problems = (given: Given): readonly string[] => problemsOf(() => make(newChart(), given));

describe('a pipeline whose model is rolled out', () => {
  const objects = synth();
  const { templates } = find(objects, 'WorkflowTemplate', 'churn-training').spec;
  const template = (name: string): Rendered => templates.find((each: Rendered) => each.name === name);

  test('starts the roll-out of the version that it registered, and not where nothing was', () => {
    expect(template('pipeline').dag.tasks.at(-1)).toEqual({
      ...{ name: 'rollout', template: 'rollout', depends: 'register.Succeeded' },
    });
    const { resource, serviceAccountName } = template('rollout');
    expect([resource.action, serviceAccountName]).toEqual(['create', 'churn-rollout-start']);
    // As Argo fills it in, for a reason with everything that YAML could take for its own.
    const reason = 'drift: "age" isn\'t\n- what #it was';
    const manifest = (resource.manifest as string)
      .replace('{{workflow.name}}', 'churn-training-x7k2p')
      .replace('{{=toJson(workflow.parameters.reason)}}', () => JSON.stringify(reason));
    expect(parse(manifest)).toEqual({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Workflow',
      metadata: { generateName: 'churn-rollout-' },
      spec: {
        workflowTemplateRef: { name: 'churn-rollout' },
        arguments: {
          parameters: [
            { name: 'run', value: 'churn-training-x7k2p' },
            { name: 'reason', value: reason },
          ],
        },
      },
    });
  });

  test('the template that it names has these parameters', () => {
    const { parameters } = find(objects, 'WorkflowTemplate', 'churn-rollout').spec.arguments;
    expect(parameters.map(({ name }: Rendered) => name)).toEqual(expect.arrayContaining(['run', 'reason']));
  });

  test('only its account may create workflows', () => {
    const creators = objects
      .filter(({ kind }) => kind === 'Role')
      .filter(({ rules }) =>
        rules.some(({ resources, verbs }: Rendered) => resources.includes('workflows') && verbs.includes('create')),
      );
    expect(identities(creators)).toEqual(['Role churn-rollout-start']);
    expect(find(objects, 'RoleBinding', 'churn-rollout-start').subjects).toEqual([
      { kind: 'ServiceAccount', name: 'churn-rollout-start', namespace: 'ml' },
    ]);
    expect(identities(objects)).toContain('RoleBinding churn-rollout-start-executor');
  });

  test('names the step', () => expect(make(newChart()).stepNames.slice(-2)).toEqual(['register', 'rollout']));
});

test('without a roll-out nothing may create workflows', () => {
  const chart = newChart();
  make(chart, { pipeline: { rollout: undefined } });
  expect(identities(rendered(chart))).not.toContain('Role churn-rollout-start');
});

describe('refuses', () => {
  test('a served model without a strategy', () =>
    expect(problems({ served: { rollout: undefined } })).toEqual([
      "'rollout' (test/serving) has no strategy: give it a 'rollout', or leave this prop out",
    ]));

  test('an engine without workflows, and a second way to become champion', () =>
    expect(problems({ pipeline: { engine: TrainingEngine.cronJob(), promotes: true } })).toEqual([
      "'rollout' (test/serving) is a workflow of Argo: use TrainingEngine.argo(), or start it by hand",
      "'rollout' (test/serving) makes a version champion when it has answered live requests: leave 'promotes' out",
    ]));

  test('another model, and another namespace', () => {
    const other = newChart();
    const platform = newPlatform(other, {
      namespace: 'elsewhere',
      storageInitializer: StorageInitializer.restricted(),
    });
    const served = new ServedModel(other, 'serving', {
      ...{ platform, model: newModel({ name: 'fraud' }), runtime: ServingRuntime.sklearn() },
      ...{
        source: ModelSource.uri('s3://acme-models/fraud/v1'),
        rollout: RolloutStrategy.rolling({ pause: Duration.hours(1) }),
      },
      capture: Capture.on(),
    });
    expect(problems({ pipeline: { rollout: served } })).toEqual([
      "'rollout' (test/serving) serves 'fraud', and 'churn' is trained",
      "'rollout' (test/serving) is in the namespace 'elsewhere', and the runs are in 'ml'",
    ]);
  });

  test('a step of the same name', () =>
    expect(problems({ pipeline: { extraSteps: [{ ...STEP, name: 'rollout' }] } })).toHaveLength(1));
});
