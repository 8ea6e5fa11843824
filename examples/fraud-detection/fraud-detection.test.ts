import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'cdk8s';
import { load, loadAll } from 'js-yaml';
import { danglingReferences } from '../../test/support/references';
import { find, identities, type Rendered } from '../../test/support/synth';
import { fraudDetection } from './fraud-detection';
import { ContainerImages } from 'cdk8s-mlops';

function synth(): Record<string, Rendered[]> {
  const outdir = mkdtempSync(join(tmpdir(), 'fraud-detection-'));
  try {
    const app = new App({ outdir, outputFileExtension: '.yaml' });
    fraudDetection(app, {
      namespace: 'fraud',
      images: ContainerImages.fromRegistry('registry.acme.example/mlops', { tag: '0.1.0' }),
      trainingImage: 'registry.acme.example/fraud/training:1',
      bucketPrefix: 'acme-fraud',
    });
    app.synth();
    return Object.fromEntries(
      readdirSync(outdir).map((name) => [name, loadAll(readFileSync(join(outdir, name), 'utf8')) as Rendered[]]),
    );
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

const files = synth();
const objects = Object.values(files).flat();

test('writes one file per concern, with stable names', () => {
  expect(Object.keys(files).sort()).toEqual(['platform.yaml', 'training.yaml']);
  expect(identities(files['training.yaml'] ?? [])).toContain('WorkflowTemplate fraud-detector-training');
});

test('two runs of the program write the same', () => {
  expect(synth()).toEqual(files);
});

test('trains weekly, on a GPU of a spot node that it tolerates', () => {
  expect(find(objects, 'CronWorkflow', 'fraud-detector-training').spec.schedules).toEqual(['0 2 * * 0']);
  const { templates } = find(objects, 'WorkflowTemplate', 'fraud-detector-training').spec;
  const train = templates.find(({ name }: Rendered) => name === 'train');
  expect(train.container.resources.limits['nvidia.com/gpu']).toBe('1');
  expect(train.tolerations).toContainEqual({ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' });
  expect(train.retryStrategy.limit).toBe('10');
});

test('a candidate must be accurate, not worse than the champion, fast and small', () => {
  const { data } = find(objects, 'ConfigMap', 'fraud-detector-gates');
  expect(load(data['gates.yaml'])).toMatchObject({
    metrics: {
      accuracy: { minimum: 0.92, comparison: 'gte' },
      latency_p95_ms: { maximum: 50 },
      model_size_mb: { maximum: 500 },
    },
  });
});

test('every name that one object says of another exists, or is a secret that the user brings', () => {
  expect(danglingReferences(objects)).toEqual(['Secret fraud/mlflow-database', 'Secret fraud/warehouse']);
});
