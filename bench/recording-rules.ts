import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Chart, Testing } from 'cdk8s';
import { stringify } from 'yaml';
import {
  ContainerImages,
  DriftAlerting,
  Feature,
  MlModelPlatform,
  Mlflow,
  Model,
  ModelSource,
  ModelTask,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
import { METRICS } from 'cdk8s-mlops/contract';
import { RECORDING_INTERVAL } from '../lib/monitoring/recording-rules';
import { freePort, Server } from '../test/integration/server';
import { remoteWrite, type WrittenSeries } from './remote-write';
import { note, printTable } from './table';

/*
 * How long a Prometheus takes to evaluate the recording and alerting rules of many models, against the interval of the recording rules.
 * Each model is counted by two collectors, scraped every 30 seconds. The rules are those that are rendered, apart from the window.
 *
 *   npx tsx bench/recording-rules.ts
 *   npx tsx bench/recording-rules.ts --prometheus /opt/prometheus-3/prometheus --scenario 100x24
 */
const { values: options } = parseArgs({
  options: {
    prometheus: { type: 'string', default: 'prometheus' },
    scenario: { type: 'string', multiple: true, default: ['100x1', '10x24'] },
  },
});
const [FEATURES, BINS, COLLECTORS, SCRAPE] = [50, 12, 2, 30];
const INTERVAL = Number.parseInt(RECORDING_INTERVAL);
const modelName = (model: number): string => `model-${model}`;
const featureName = (feature: number): string => `feature_${feature}`;
const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

interface RuleGroup {
  readonly name: string;
  readonly rules: readonly { readonly expr: string }[];
}

/** The groups of all models, as they are rendered. */
function ruleGroups(models: number, hours: number): RuleGroup[] {
  const chart = new Chart(Testing.app(), 'bench');
  const platform = new MlModelPlatform(chart, 'platform', {
    ...{ namespace: 'ml', images: ContainerImages.fromRegistry('registry.example/mlops', { tag: '1.0.0' }) },
    ...{ mlflow: Mlflow.sqlite(), modelStore: 's3://acme-models', predictionStore: 's3://acme-predictions' },
    storageInitializer: StorageInitializer.restricted(),
  });
  const features = Array.from({ length: FEATURES }, (_, feature) => Feature.numeric(featureName(feature)));
  const task = ModelTask.binaryClassification({ positiveClass: 'yes', negativeClass: 'no' });
  for (let index = 0; index < models; index++) {
    const servedModel = new ServedModel(chart, modelName(index), {
      ...{ platform, model: new Model({ name: modelName(index), task, features }) },
      ...{ source: ModelSource.uri('s3://acme-models/v1'), runtime: ServingRuntime.sklearn() },
    });
    new DriftAlerting(chart, `drift-${index}`, { servedModel, recordingRules: true });
  }
  const rendered = Testing.synth(chart) as { kind: string; spec: { groups: RuleGroup[] } }[];
  const inWindow = ({ expr, ...rule }: { expr: string }): { expr: string } => ({
    ...rule,
    expr: expr.replace('[86400s]', `[${hours}h]`),
  });
  return rendered
    .filter(({ kind }) => kind === 'PrometheusRule')
    .flatMap(({ spec }) => spec.groups)
    .map((group) => ({ ...group, interval: `${INTERVAL}s`, rules: group.rules.map(inWindow) }));
}

/** What collectors exported in the last hours. Written in the order of time: Prometheus takes nothing that is an hour late. */
async function write(url: string, models: number, hours: number): Promise<void> {
  const end = Math.floor(Date.now() / 1000) * 1000;
  const perChunk = 1800 / SCRAPE;
  const series: { labels: Record<string, string>; value: number }[] = [];
  const gauges: WrittenSeries[] = [];
  for (let model = 0; model < models; model++)
    for (let collector = 0; collector < COLLECTORS; collector++)
      for (let feature = 0; feature < FEATURES; feature++) {
        const of = { model: modelName(model), namespace: 'ml', version: '1', feature: featureName(feature) };
        const labels = { ...of, instance: `10.0.${collector}.${model}:8080` };
        const gauge = (name: string, value: number, more: Record<string, string> = {}): void =>
          void gauges.push({ labels: { __name__: name, ...labels, ...more }, samples: [[0, value]] });
        gauge(METRICS.featureReferenceCount.name, 60_000);
        for (let bin = 0; bin < BINS; bin++) {
          series.push({ labels: { __name__: METRICS.featureBin.name, ...labels, bin: `le ${bin}` }, value: 0 });
          gauge(METRICS.featureReferenceRatio.name, 1 / BINS, { bin: `le ${bin}` });
        }
      }
  const chunks = Math.ceil((hours * 3600) / 1800);
  for (let chunk = chunks - 1; chunk >= 0; chunk--) {
    const start = end - (chunk + 1) * 1_800_000;
    await inBatches(url, series, (each) => ({
      labels: each.labels,
      samples: Array.from({ length: perChunk }, (_, step): [number, number] => {
        each.value += Math.floor(Math.random() * 5);
        return [start + (step + 1) * SCRAPE * 1000, each.value];
      }),
    }));
  }
  // As late as can be: a gauge that is five minutes old is none.
  const now = Date.now();
  await inBatches(url, gauges, ({ labels, samples }) => ({ labels, samples: [[now, samples[0]![1]]] }));
}

async function inBatches<T>(url: string, all: readonly T[], toSeries: (each: T) => WrittenSeries): Promise<void> {
  for (let start = 0; start < all.length; start += 2000) {
    await remoteWrite(url, all.slice(start, start + 2000).map(toSeries));
  }
}

async function query(url: string, expression: string): Promise<number> {
  const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? 'NaN');
}

async function cpuSeconds(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1]);
}

interface EvaluatedGroup {
  readonly name: string;
  readonly evaluationTime: number;
  readonly rules: readonly { readonly health: string; readonly lastError?: string }[];
}

/** All groups, when each was evaluated once: they are spread over the interval. */
async function evaluated(url: string): Promise<readonly EvaluatedGroup[]> {
  for (const deadline = Date.now() + 2 * INTERVAL * 1000; ;) {
    // Seldom: the answer is long, and its making would be measured too.
    await sleep(10);
    const answer = await fetch(`${url}/api/v1/rules`);
    const { groups } = ((await answer.json()) as { data: { groups: EvaluatedGroup[] } }).data;
    const rules = groups.flatMap((group) => group.rules);
    const failed = rules.find(({ health }) => health === 'err');
    if (failed) throw new Error(failed.lastError);
    if (rules.every(({ health }) => health === 'ok')) return groups;
    if (Date.now() > deadline) throw new Error('not all rules were evaluated');
  }
}

async function evaluate(models: number, hours: number): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-rules-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(join(folder, 'prometheus.yml'), 'rule_files: [rules.yaml]\n');
  writeFileSync(join(folder, 'rules.yaml'), 'groups: []\n');
  const args = [
    ...[`--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'tsdb')}`],
    ...[`--web.listen-address=127.0.0.1:${port}`, '--web.enable-remote-write-receiver', '--web.enable-lifecycle'],
  ];
  const server = await Server.start(options.prometheus, args, {}, `${url}/-/ready`);
  try {
    await write(url, models, hours);
    writeFileSync(join(folder, 'rules.yaml'), stringify({ groups: ruleGroups(models, hours) }));
    const before = await cpuSeconds(url);
    const loaded = await fetch(`${url}/-/reload`, { method: 'POST' });
    if (!loaded.ok) throw new Error(await loaded.text());
    const groups = await evaluated(url);
    const cpu = (await cpuSeconds(url)) - before;
    const times = groups.map(({ evaluationTime }) => evaluationTime);
    const total = times.reduce((sum, time) => sum + time, 0);
    const drifting = await query(url, `count(${METRICS.featurePsi.name} > 0.15)`);
    if (!Number.isNaN(drifting)) throw new Error('there is no drift, and yet it was found');
    const recorded = await query(url, 'count({__name__=~"[a-z_]+:ml_feature_[a-z]+:[a-z_]+"})');
    return [
      ...[
        `${models} models, ${hours} h`,
        String(groups.length),
        (models * COLLECTORS * FEATURES * BINS).toLocaleString('en'),
      ],
      ...[`${recorded / models}`, Math.max(...times).toFixed(3), total.toFixed(2), cpu.toFixed(2)],
      `${((100 * total) / INTERVAL).toFixed(1)} %`,
    ];
  } finally {
    await server.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const rows: string[][] = [];
  for (const scenario of options.scenario) {
    const [models, hours] = scenario.split('x').map(Number);
    process.stderr.write(`${scenario} ...\n`);
    rows.push(await evaluate(models!, hours!));
  }
  note(
    `${availableParallelism()} cores, ${COLLECTORS} collectors, ${FEATURES} features of ${BINS} bins, scraped every ${SCRAPE} s`,
  );
  const head = [
    'models, window',
    'groups',
    'bin counters',
    'recorded / model',
    'longest group',
    'all, s',
    'CPU, s',
    'of interval',
  ];
  printTable(`One evaluation of all rules, every ${INTERVAL} s; the goal is 10 % of it`, head, rows);
}

void main();
