import { spawnSync } from 'node:child_process';
import { type App, Chart, Testing } from 'cdk8s';
import { stringify } from 'yaml';
import * as mlops from 'cdk8s-mlops';

/*
 * How long it takes to synthesize many models, against what the `yaml` package takes to stringify the same objects. Prints
 * ratios, which hold on a machine of any speed.
 *
 *   npm run bench:synth             100 to 1,000 models
 *   npm run bench:synth -- charts   1,000 models over more and more charts
 */

const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

const GATES = mlops.QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.9, comparison: 'gte' } } });

/** An app with `models` whole loops (ServedModel, TrainingPipeline, DriftAlerting) spread over `charts` charts. */
function build(models: number, charts: number): Chart[] {
  const app = Testing.app();
  const all = Array.from({ length: charts }, (_, index) => new Chart(app, `chart-${index}`));
  const [first] = all as [Chart];
  const platform = new mlops.MlModelPlatform(first, 'platform', {
    namespace: 'ml',
    images: mlops.ContainerImages.fromRegistry('registry.example/mlops', { tag: '1' }),
    mlflow: mlops.Mlflow.sqlite(),
    modelStore: 's3://acme-models',
    predictionStore: 's3://acme-predictions',
    storageInitializer: mlops.StorageInitializer.restricted(),
  });
  for (let index = 0; index < models; index++) {
    const chart = all[index % charts] ?? first;
    const model = new mlops.Model({
      name: `model-${index}`,
      task: mlops.ModelTask.binaryClassification({ positiveClass: 'yes', negativeClass: 'no' }),
      features: Array.from({ length: 20 }, (_, feature) => mlops.Feature.numeric(`feature_${feature}`, { minimum: 0 })),
      objectives: { minAccuracy: 0.9 },
    });
    const servedModel = new mlops.ServedModel(chart, `serving-${index}`, {
      platform,
      model,
      source: mlops.ModelSource.uri(`s3://acme-models/model-${index}/v1`),
      runtime: mlops.ServingRuntime.sklearn(),
      replicas: { min: 1, max: 10 },
    });
    const retrains = new mlops.TrainingPipeline(chart, `training-${index}`, {
      platform,
      model,
      schedule: '0 2 * * 0',
      trainingDataUri: 's3://acme-data',
      workspace: mlops.Workspace.objectStore('s3://acme-runs'),
      gates: GATES,
      steps: { train: { image: 'registry.example/train:1', command: ['train'] } },
    });
    new mlops.DriftAlerting(chart, `drift-${index}`, { servedModel, retrains });
  }
  return [...all, mlops.BootstrapChart.of(first)];
}

interface Measurement {
  readonly objects: number;
  /** Constructs, rendering and YAML, in milliseconds. */
  readonly synth: number;
  /** Only the YAML of the same objects. */
  readonly yaml: number;
}

function measure(models: number, charts: number): Measurement {
  const synths: number[] = [];
  const yamls: number[] = [];
  let objects = 0;
  for (let run = 0; run < 3; run++) {
    const start = now();
    const all = build(models, charts);
    // What App.synth does, without the disk.
    const app = all[0]?.node.root as App;
    app.synthYaml();
    synths.push(now() - start);

    const plain = all.flatMap((chart) => JSON.parse(JSON.stringify(chart.toJson())) as unknown[]);
    objects = plain.length;
    const before = now();
    for (const object of plain) stringify(object);
    yamls.push(now() - before);
  }
  return { objects, synth: median(synths), yaml: median(yamls) };
}

function line(label: string, { objects, synth, yaml }: Measurement, models: number): void {
  const ratio = (synth / yaml).toFixed(2);
  const each = (synth / models).toFixed(2);
  process.stdout.write(
    `${label.padEnd(26)} ${String(objects).padStart(6)} objects  ${synth.toFixed(0).padStart(6)} ms  ${each} ms a model  ` +
      `${ratio} × yaml (${yaml.toFixed(0)} ms)\n`,
  );
}

/** Whole-process time of `node -e`, median of several runs, in milliseconds. */
function processTime(code: string): number {
  const once = (): number => {
    const start = now();
    spawnSync(process.execPath, ['-e', code]);
    return now() - start;
  };
  return median(Array.from({ length: 9 }, once));
}

function requireTimes(): void {
  const peers = processTime("require('cdk8s'); require('cdk8s-plus-29'); require('constructs'); require('yaml')");
  const ours = processTime("require('./build/index.js')");
  process.stdout.write(
    `require('cdk8s-mlops')      ${ours.toFixed(0)} ms, its peers alone ${peers.toFixed(0)} ms: ${(ours / peers).toFixed(2)} ×\n`,
  );
}

if (process.argv.includes('charts')) {
  for (const charts of [1, 50, 100, 200, 500]) line(`1000 models, ${charts} charts`, measure(1000, charts), 1000);
} else {
  measure(50, 1); // warms up the compiler
  for (const models of [100, 200, 500, 1000]) line(`${models} models, 1 chart`, measure(models, 1), models);
  requireTimes();
}
