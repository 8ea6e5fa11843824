import { parseArgs } from 'node:util';
import { modelDrift } from '../../apps/drift-checker/check/decision';
import { featureDrift } from '../../apps/drift-checker/check/feature-drift';
import { wilsonInterval } from '../../apps/drift-checker/statistics/intervals';
import { note, printTable } from '../table';
import { FEATURES, NUMERIC_FEATURES, Reference, type Shifts } from './features';
import { evidentlyVersions, pythonOf } from './python';
import { Random } from './random';
import { type Scenario, startRival, type Tally } from './rival';

/*
 * How often windows without drift alarm, and windows with drift do not, by simulation: 20 features (normal, lognormal, heavy-tailed,
 * uniform, and categories of several skews), judged by the defaults of `DriftAlerting`. The same seed gives the same figures.
 *
 *   npx tsx bench/drift/false-alarms.ts                              200 windows of each size
 *   npx tsx bench/drift/false-alarms.ts --repeats 1000
 *   npx tsx bench/drift/false-alarms.ts --python env/bin/python      beside Evidently's defaults: ten minutes
 */
const { values: options } = parseArgs({
  options: {
    repeats: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    python: { type: 'string' },
    'rival-repeats': { type: 'string', default: '20' },
  },
});
const REPEATS = Number(options.repeats);
const SEED = Number(options.seed);
const RIVAL_REPEATS = Number(options['rival-repeats']);

const RULE = {
  decision: { featureThreshold: 0.15, driftedShare: 0.3, significance: 0.01, consecutiveWindows: 1 },
} as const;
const REFERENCE_ROWS = 50_000;
const SHIFTED = 10;

const SCENARIOS: readonly Scenario[] = [
  ...[200, 1000, 10_000, 100_000].map((rows) => ({ rows, shift: 0 })),
  ...[1000, 10_000].flatMap((rows) => [0.5, 1].map((shift) => ({ rows, shift }))),
];

interface OwnTally extends Tally {
  /** Windows in which a p-value alone would alarm, whatever the score. */
  significant: number;
}

function simulate(): OwnTally[] {
  const tallies = SCENARIOS.map((): OwnTally => ({ windows: 0, any: 0, model: 0, features: 0, significant: 0 }));
  const random = new Random(SEED);
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const reference = new Reference(REFERENCE_ROWS, random);
    SCENARIOS.forEach(({ rows, shift }, index) => {
      const features = featureDrift(reference.window(rows, random, shifts(shift, random)), RULE);
      const drifted = features.filter((feature) => feature.drifted).length;
      const tally = tallies[index]!;
      tally.windows++;
      tally.features += drifted;
      if (drifted > 0) tally.any++;
      if (modelDrift(features, []).driftedShare > RULE.decision.driftedShare) tally.model++;
      if (features.some(({ adjustedPValue }) => adjustedPValue < RULE.decision.significance)) tally.significant++;
    });
    if ((repeat + 1) % 20 === 0) process.stderr.write(`${repeat + 1} of ${REPEATS} references ...\n`);
  }
  return tallies;
}

/** Which features move is drawn anew for each window, and in which direction. */
function shifts(size: number, random: Random): Shifts {
  if (size === 0) return {};
  const moved = random.choose(SHIFTED, NUMERIC_FEATURES);
  return Object.fromEntries(moved.map((feature) => [feature, random.uniform() < 0.5 ? -size : size]));
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** A share, and how high or low it may be by chance. */
function estimate(hits: number, windows: number, side: 'at most' | 'at least'): string {
  if (windows === 0) return '';
  const { low, high } = wilsonInterval(hits, windows, 0.95);
  return `${percent(hits / windows)} (${side} ${percent(side === 'at most' ? high : low)})`;
}

function report(ours: readonly OwnTally[], theirs: readonly (Tally | undefined)[]): void {
  const at = (wanted: (scenario: Scenario) => boolean): number[] =>
    [...SCENARIOS.keys()].filter((index) => wanted(SCENARIOS[index]!));
  const rival = ({ any, model, features, windows }: Tally, side: 'at most' | 'at least'): string[] => [
    estimate(any, windows, side),
    estimate(model, windows, side),
    (features / windows).toFixed(1),
  ];
  const row = (index: number, side: 'at most' | 'at least', ...labels: string[]): string[] => {
    const { any, model, features, significant, windows } = ours[index]!;
    const their = theirs[index];
    return [
      ...labels,
      ...[estimate(any, windows, side), estimate(model, windows, side), (features / windows).toFixed(2)],
      ...(side === 'at most' ? [percent(significant / windows)] : []),
      ...(their ? rival(their, side) : theirs.length > 0 ? ['', '', ''] : []),
    ];
  };
  const columns = ['any feature', 'model', 'features'];
  const rivals = theirs.length > 0 ? ['Evidently: any', 'dataset', 'features'] : [];
  printTable(
    `False alarms: windows without drift that alarm (95 % Wilson interval), ${REPEATS} windows of each size`,
    ['rows', ...columns, 'p-value alone', ...rivals],
    at(({ shift }) => shift === 0).map((index) => row(index, 'at most', String(SCENARIOS[index]!.rows))),
  );
  const worst = Math.max(...at(({ shift }) => shift === 0).map((index) => ours[index]!.any / REPEATS));
  note(`goal: any feature alarms in at most 5 % of windows; here at most ${percent(worst)}`);
  printTable(
    `Power: windows in which ${SHIFTED} of ${NUMERIC_FEATURES} numeric features (of ${FEATURES}) moved, and that alarm`,
    ['rows', 'shift', ...columns, ...rivals],
    at(({ shift }) => shift > 0).map((index) => {
      const { rows, shift } = SCENARIOS[index]!;
      return row(index, 'at least', String(rows), `${shift} sd`);
    }),
  );
  const found = (shift: number): string => {
    const index = SCENARIOS.findIndex((scenario) => scenario.rows === 10_000 && scenario.shift === shift);
    return percent(ours[index]!.model / REPEATS);
  };
  note(`goal (10,000 rows): at least 75 % at 0.5 sd and all at 1 sd; here ${found(0.5)} and ${found(1)}`);
  note(
    `sd of the lognormal and of the t is their interquartile range / 1.349; "features" is the mean number of drifted features`,
  );
}

async function main(): Promise<void> {
  const { featureThreshold, driftedShare, significance } = RULE.decision;
  note(`a fresh reference of ${REFERENCE_ROWS} rows for each of ${REPEATS} repeats, seed ${SEED}`);
  note(
    `a feature drifts at a score of ${featureThreshold} with an adjusted p-value below ${significance}, the model above a share of ${driftedShare}`,
  );
  const python = pythonOf(options.python);
  const versions = evidentlyVersions(python);
  const rival =
    versions === undefined
      ? undefined
      : startRival(python, {
          ...{ scenarios: SCENARIOS, repeats: RIVAL_REPEATS, seed: SEED },
          ...{ referenceRows: REFERENCE_ROWS, shifted: SHIFTED },
        });
  if (versions !== undefined)
    note(`rival: ${versions}, DataDriftPreset with its defaults, ${RIVAL_REPEATS} windows of each size`);
  const ours = simulate();
  if (rival) process.stderr.write('waiting for Evidently ...\n');
  report(ours, (await rival) ?? []);
}

void main();
