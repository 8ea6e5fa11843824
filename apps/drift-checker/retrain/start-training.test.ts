import { type DriftCheckFile } from 'cdk8s-mlops/contract';
import { failureOf } from '../../common/testing/problems';
import { sampleReport } from '../report/testing/sample-report';
import { runName, startTraining } from './start-training';

type Retrain = NonNullable<DriftCheckFile['retrain']>;
const ARGO: Retrain = { engine: 'argo', name: 'churn-training', loop: 'churn-loop', minPredictions: 1 };
const CRON: Retrain = { ...ARGO, engine: 'cronjob' };
const RUN = runName('churn-training', sampleReport());
const LOOP = '/api/v1/namespaces/ml/configmaps/churn-loop';
const CRON_JOB = '/apis/batch/v1/namespaces/ml/cronjobs/churn-training';

/** An API with these objects, by path, that remembers what was created. */
class FakeApi {
  public readonly created: [string, object][] = [];
  constructor(
    private readonly objects: Readonly<Record<string, object>> = {},
    private readonly exists = false,
  ) {}

  public get<T>(path: string): Promise<T | undefined> {
    return Promise.resolve(this.objects[path] as T | undefined);
  }

  public create(path: string, object: object): Promise<boolean> {
    this.created.push([path, object]);
    return Promise.resolve(!this.exists);
  }
}

const container = (name: string, reason = 'schedule'): object => ({
  name,
  image: 'train:1',
  env: [
    { name: 'RUN_REASON', value: reason },
    { name: 'RUN_ID', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  ],
});

const cronJob = (containers = [container('last')], initContainers?: object[]): object => ({
  metadata: { name: 'churn-training', uid: 'u-1', namespace: 'ml' },
  spec: {
    schedule: '0 3 * * 0',
    jobTemplate: {
      metadata: { labels: { a: 'b' }, annotations: { c: 'd' } },
      spec: {
        backoffLimit: 1,
        template: { metadata: { labels: { e: 'f' } }, spec: { restartPolicy: 'Never', containers, initContainers } },
      },
    },
  },
});

describe('with Argo', () => {
  test('a Workflow of the template is created, whole', async () => {
    const api = new FakeApi();
    expect(await startTraining(api, ARGO, sampleReport())).toEqual({ outcome: 'started', run: RUN });
    expect(api.created).toEqual([
      [
        '/apis/argoproj.io/v1alpha1/namespaces/ml/workflows',
        {
          apiVersion: 'argoproj.io/v1alpha1',
          kind: 'Workflow',
          metadata: { name: RUN, namespace: 'ml', labels: { 'cdk8s-mlops.dev/model': 'churn' } },
          spec: {
            workflowTemplateRef: { name: 'churn-training' },
            arguments: { parameters: [{ name: 'reason', value: 'drift' }] },
          },
        },
      ],
    ]);
  });

  test('a run of that name that exists is the run', async () => {
    expect(await startTraining(new FakeApi({}, true), ARGO, sampleReport())).toEqual({
      outcome: 'already-started',
      run: RUN,
    });
  });
});

describe('without Argo', () => {
  test('a Job of the CronJob is created, whole, with the reason in every container', async () => {
    const api = new FakeApi({ [CRON_JOB]: cronJob([container('last')], [container('admit'), { name: 'plain' }]) });
    expect(await startTraining(api, CRON, sampleReport())).toEqual({ outcome: 'started', run: RUN });
    expect(api.created).toEqual([
      [
        '/apis/batch/v1/namespaces/ml/jobs',
        {
          apiVersion: 'batch/v1',
          kind: 'Job',
          metadata: {
            name: RUN,
            namespace: 'ml',
            labels: { a: 'b' },
            annotations: { c: 'd', 'cronjob.kubernetes.io/instantiate': 'manual' },
            ownerReferences: [
              { apiVersion: 'batch/v1', kind: 'CronJob', name: 'churn-training', uid: 'u-1', controller: true },
            ],
          },
          spec: {
            backoffLimit: 1,
            template: {
              metadata: { labels: { e: 'f' } },
              spec: {
                restartPolicy: 'Never',
                containers: [container('last', 'drift')],
                initContainers: [container('admit', 'drift'), { name: 'plain', env: [] }],
              },
            },
          },
        },
      ],
    ]);
  });

  test('a CronJob that is not there is named', async () => {
    const api = new FakeApi();
    expect(await failureOf(() => startTraining(api, CRON, sampleReport()))).toEqual({
      exitCode: 2,
      problems: ["there is no CronJob 'churn-training' in namespace 'ml' to start the training from"],
    });
    expect(api.created).toEqual([]);
  });
});

describe('the kill switch', () => {
  test.each([ARGO, CRON])('of a paused loop lets nothing start ($engine)', async (retrain) => {
    const api = new FakeApi({ [LOOP]: { data: { paused: 'true' } }, [CRON_JOB]: cronJob() });
    expect(await startTraining(api, retrain, sampleReport())).toEqual({ outcome: 'paused' });
    expect(api.created).toEqual([]);
  });

  test.each([
    ['a loop without a ConfigMap', {}],
    ['a ConfigMap without data', { [LOOP]: {} }],
    ['a switch that is off', { [LOOP]: { data: { paused: 'false', cooldownSeconds: '60' } } }],
  ])('lets %s start', async (_, objects) => {
    expect((await startTraining(new FakeApi(objects), ARGO, sampleReport())).outcome).toBe('started');
  });
});

describe('the name of a run', () => {
  const at = (until: string, changes: object = {}): string =>
    runName('churn-training', sampleReport({ window: { ...sampleReport().window, until }, ...changes }));

  test('is the same for the same window, whatever the check found', () => {
    expect(at('2026-11-20T00:00:00.000Z', { dataDriftScore: 9, reasons: [], features: [] })).toBe(RUN);
    expect(RUN).toMatch(/^churn-training-drift-[0-9a-f]{8}$/);
  });

  test('is another one for another window, model or version', () => {
    const names = [
      RUN,
      at('2026-11-20T01:00:00.000Z'),
      at('2026-11-20T00:00:00.000Z', { modelVersion: '4' }),
      at('2026-11-20T00:00:00.000Z', { model: 'fraud' }),
    ];
    expect(new Set(names).size).toBe(4);
  });

  test('depends on what was selected where a window has no end', () => {
    const window = { ...sampleReport().window, until: undefined };
    const of = (selection: string): string => runName('t', sampleReport({ window: { ...window, selection } }));
    expect(of('dt=2026-11-20')).toBe(of('dt=2026-11-20'));
    expect(of('dt=2026-11-20')).not.toBe(of('dt=2026-11-21'));
  });

  test('is a label, however long the training is called', () => {
    const name = runName(`${'a'.repeat(80)}`, sampleReport());
    expect(name).toHaveLength(63);
    expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
  });
});
