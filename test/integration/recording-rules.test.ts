import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration } from 'cdk8s';
import { stringify } from 'yaml';
import { DriftAlerting, Feature, ModelSource, ServedModel, ServingRuntime, StorageInitializer } from 'cdk8s-mlops';
import { METRICS } from 'cdk8s-mlops/contract';
import { modelDrift } from '../../apps/drift-checker/check/decision';
import { type FeatureDrift } from '../../apps/drift-checker/check/drift-report';
import { populationStability } from '../../apps/drift-checker/statistics/population-stability';
import { find, newChart, newModel, newPlatform, rendered, type Rendered } from '../support/synth';
import { freePort, Server } from './server';

/*
 * Two hours of what two collectors of two versions counted, in a real Prometheus that evaluates the rendered rules: what it records must be
 * what the drift check's own functions say of the same increases.
 */

const WINDOW = 3600;
const STEP = 30;
const FEATURES = [
  Feature.numeric('age', { importance: 3 }),
  Feature.categorical('city', { importance: 0.5 }),
  Feature.numeric('quiet'),
  Feature.numeric('broken'),
  Feature.numeric('idle', { importance: 0 }),
  Feature.numeric('one value'),
];

/** Bins of a feature: rows of the reference, and what version v3 counts in a step; the candidate's counts follow the reference. */
const BINS: Readonly<Record<string, Readonly<Record<string, readonly [reference: number, current: number]>>>> = {
  age: { 'le 30': [900, 1], 'le 40': [1100, 4], 'le 50': [1000, 9], 'gt 50': [950, 12], missing: [50, 1] },
  // The second was never seen, the third is new, the fourth is gone.
  city: {
    '= Köln "Süd"': [3000, 9],
    '= never': [0, 0],
    '= new': [0, 3],
    '= gone': [900, 0],
    other: [80, 2],
    missing: [20, 0],
  },
  quiet: { 'le 1': [2000, 0], 'gt 1': [2000, 0], missing: [0, 0] },
  broken: { 'le 1': [2000, NaN], 'gt 1': [2000, 4], missing: [0, 0] },
  idle: { 'le 0.5': [3000, 0], 'gt 0.5': [1000, 14], missing: [0, 0] },
  'one value': { any: [4000, 14], missing: [0, 0] },
};

const directory = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-recording-'));
const at = (name: string): string => join(directory, name);
let server: Server | undefined;
let url: string;

afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true });
});

/** The rendered rules, evaluated every second. */
function rules(): Rendered {
  const chart = newChart();
  const servedModel = new ServedModel(chart, 'serving', {
    platform: newPlatform(chart, { storageInitializer: StorageInitializer.restricted() }),
    model: newModel({ features: FEATURES }),
    source: ModelSource.uri('s3://acme-models/churn/v3'),
    runtime: ServingRuntime.sklearn(),
  });
  new DriftAlerting(chart, 'drift', { servedModel, recordingRules: true, window: Duration.seconds(WINDOW) });
  const { groups } = find(rendered(chart), 'PrometheusRule', 'churn-drift-check').spec;
  return { groups: [{ ...groups[1], interval: '1s' }] };
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [time: number, value: number])[];
}

/** What the collectors exported until `end`; the first is restarted within the window, the second is not scraped for ten minutes. */
function exported(end: number): { counts: Sample[]; ratios: Sample[]; rows: Sample[] } {
  const times = Array.from({ length: 240 }, (_, step) => end - (239 - step) * STEP);
  const restart = end - WINDOW / 2;
  const scraped = { a: times, b: times.filter((time) => time < end - 2400 || time > end - 1800) };
  const constant = (value: number, of: readonly number[]): Sample['values'] => of.map((time) => [time, value]);
  const all = Object.entries(scraped).flatMap(([instance, of]) =>
    ['v3', 'v4'].flatMap((version) =>
      Object.entries(BINS).map(([feature, bins]) => {
        const labels = { model: 'churn', namespace: 'ml', version, instance, feature };
        const rows = Object.values(bins).reduce((sum, [reference]) => sum + reference, 0);
        const counts = Object.entries(bins).map(([bin, [reference, drifted]], index): Sample => {
          const rate = version === 'v3' ? drifted : reference / 500;
          const value = (time: number): number => {
            const since = instance === 'a' && time >= restart ? restart : times[0]!;
            // Not the same in every step, so that an increase is not just a product.
            const steps = (time - since) / STEP;
            return rate * (steps + Math.floor(steps / (3 + index)));
          };
          return { labels: { ...labels, bin }, values: of.map((time) => [time, value(time)]) };
        });
        const ratios = Object.entries(bins).map(([bin, [reference]]): Sample => ({
          labels: { ...labels, bin },
          values: constant(reference / rows, of),
        }));
        return { counts, ratios, rows: { labels, values: constant(rows, of) } };
      }),
    ),
  );
  return {
    counts: all.flatMap(({ counts }) => counts),
    ratios: all.flatMap(({ ratios }) => ratios),
    rows: all.map(({ rows }) => rows),
  };
}

function openMetrics(name: string, type: string, samples: readonly Sample[]): string {
  const lines = samples.flatMap(({ labels, values }) => {
    const text = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
    return values.map(([time, value]) => `${name}{${text.join(',')}} ${value} ${time}`);
  });
  return `# TYPE ${name.replace(/_total$/, '')} ${type}\n${lines.join('\n')}\n`;
}

function promtool(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${error?.message ?? stderr}: run test/integration/setup.sh first`);
  return stdout;
}

interface Result {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

async function query(expression: string, time?: number): Promise<Result[]> {
  const parameters = new URLSearchParams({ query: expression, ...(time !== undefined && { time: String(time) }) });
  const answer = await fetch(`${url}/api/v1/query?${parameters.toString()}`);
  const { data, error } = (await answer.json()) as { data: { result: Result[] }; error?: string };
  if (error) throw new Error(error);
  return data.result;
}

beforeAll(async () => {
  writeFileSync(at('rules.yaml'), stringify(rules()));
  const { counts, ratios, rows } = exported(Math.floor(Date.now() / 1000) - 5);
  const families = [
    openMetrics(METRICS.featureBin.name, 'counter', counts),
    openMetrics(METRICS.featureReferenceRatio.name, 'gauge', ratios),
    openMetrics(METRICS.featureReferenceCount.name, 'gauge', rows),
  ];
  writeFileSync(at('counts.txt'), `${families.join('')}# EOF\n`);
  promtool('tsdb', 'create-blocks-from', 'openmetrics', at('counts.txt'), at('tsdb'));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  writeFileSync(at('prometheus.yml'), stringify({ rule_files: [at('rules.yaml')] }));
  const args = [
    `--config.file=${at('prometheus.yml')}`,
    `--storage.tsdb.path=${at('tsdb')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  server = await Server.start('prometheus', args, {}, `${url}/-/ready`);
  const deadline = Date.now() + 30_000;
  while ((await query(METRICS.dataPsi.name)).length < 2) {
    if (Date.now() > deadline)
      throw new Error(`nothing was recorded: ${await (await fetch(`${url}/api/v1/rules`)).text()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});

test('promtool finds the rules valid', () => {
  expect(promtool('check', 'rules', at('rules.yaml'))).toContain('6 rules found');
});

describe.each(['v3', 'v4'])('of %s', (version) => {
  /** Indices by feature, as recorded and as the drift check computes them of the increases of that moment. */
  async function indices(): Promise<{ time: number; recorded: Map<string, number>; computed: Map<string, number> }> {
    const [newest] = await query(`max(timestamp(${METRICS.dataPsi.name}{version="${version}"}))`);
    const time = Number(newest!.value[1]);
    const psi = await query(`${METRICS.featurePsi.name}{version="${version}"}`, time);
    const increases = await query(`increase(${METRICS.featureBin.name}{version="${version}"}[${WINDOW}s])`, time);
    const computed = Object.entries(BINS).flatMap(([feature, bins]): [string, number][] => {
      const current = Object.keys(bins).map((bin) =>
        increases
          .filter(({ metric }) => metric.feature === feature && metric.bin === bin)
          .reduce((sum, { value }) => sum + Number(value[1]), 0),
      );
      const judgeable = current.every(Number.isFinite) && current.some((count) => count > 0);
      const reference = Object.values(bins).map(([count]) => count);
      return judgeable ? [[feature, populationStability(reference, current).score]] : [];
    });
    return {
      time,
      recorded: new Map(psi.map(({ metric, value }) => [metric.feature!, Number(value[1])])),
      computed: new Map(computed),
    };
  }

  test('the index of each feature is that of the drift check', async () => {
    const { recorded, computed } = await indices();
    const unjudged = version === 'v3' ? ['quiet', 'broken'] : [];
    expect([...recorded.keys()].sort()).toEqual(
      Object.keys(BINS)
        .filter((feature) => !unjudged.includes(feature))
        .sort(),
    );
    expect([...computed.keys()].sort()).toEqual([...recorded.keys()].sort());
    for (const [feature, score] of computed) expect(Math.abs(recorded.get(feature)! - score)).toBeLessThan(1e-6);
    const drifted = [...recorded].filter(([, score]) => score > 0.15).map(([feature]) => feature);
    expect(drifted.sort()).toEqual(version === 'v3' ? ['age', 'city', 'idle'] : []);
    expect(recorded.get('one value')).toBeCloseTo(0, 12);
  });

  test('the mean is that of the drift check, where features that are not judged count as absent', async () => {
    const { time, computed } = await indices();
    const [mean] = await query(`${METRICS.dataPsi.name}{version="${version}"}`, time);
    const schemas = FEATURES.map(({ schema }) => schema);
    const judged = schemas.flatMap(({ name, importance }) =>
      computed.has(name) ? [{ name, importance, score: computed.get(name)! } as FeatureDrift] : [],
    );
    const { dataDriftScore } = modelDrift(
      judged,
      schemas.filter(({ name }) => !computed.has(name)),
    );
    expect(mean!.metric).toEqual({ __name__: METRICS.dataPsi.name, model: 'churn', namespace: 'ml', version });
    expect(Math.abs(Number(mean!.value[1]) - dataDriftScore)).toBeLessThan(1e-6);
    if (version === 'v3') expect(dataDriftScore).toBeGreaterThan(0.3);
    else expect(dataDriftScore).toBeLessThan(0.01);
  });

  test('neither a restart nor a gap is taken for traffic', async () => {
    const { time } = await indices();
    const [rows] = await query(`${METRICS.featureRowsIncrease.name}{version="${version}", feature="one value"}`, time);
    const { counts } = exported(Math.floor(time));
    const expected = counts
      .filter(({ labels }) => labels.version === version && labels.feature === 'one value')
      .reduce((sum, { values }) => {
        const inside = values.filter(([each]) => each >= time - WINDOW);
        return (
          sum +
          inside.reduce((grown, [, value], index) => grown + Math.max(0, value - (inside[index - 1]?.[1] ?? value)), 0)
        );
      }, 0);
    expect(Number(rows!.value[1]) / expected).toBeGreaterThan(0.97);
    expect(Number(rows!.value[1]) / expected).toBeLessThan(1.03);
  });
});
