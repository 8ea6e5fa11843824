import { type MetricGate } from 'cdk8s-mlops/contract';
import { type PairedOutcomes } from '../apps/gate-evaluator/gates/check-significance';
import { evaluateGates } from '../apps/gate-evaluator/gates/evaluate-gates';
import { Random } from './drift/random';
import { note, printTable } from './table';

/*
 * How often a candidate passes that is as good as the champion, or worse: what a rule is worth. Both models answer the same rows; the
 * champion is right on 90 % of them, and on 6 % (more where the candidate is worse) the two disagree.
 *
 *   npx tsx bench/gate-verdicts.ts
 */
const REPEATS = 2_000;
const ACCURACY = 0.9;
const DISAGREEMENT = 0.06;
const SIZES = [500, 2_000, 10_000] as const;
const LOSSES = [0, 0.01, 0.02] as const;

const RULES: Readonly<Record<string, MetricGate>> = {
  'comparison: gte': { comparison: 'gte' },
  'tolerance: 0.005': { comparison: 'gte', tolerance: 0.005 },
  'tolerance: 0.01': { comparison: 'gte', tolerance: 0.01 },
  mcnemar: { significance: { test: 'mcnemar' } },
  'mcnemar, margin: 0.01': { significance: { test: 'mcnemar', margin: 0.01 } },
  'mcnemar, margin: 0.02': { significance: { test: 'mcnemar', margin: 0.02 } },
};

const random = new Random(20261121);

/** Answers of both models to the same rows. */
function answers(rows: number, loss: number): { right: number; both: PairedOutcomes } {
  const candidateOnly = (DISAGREEMENT - loss) / 2;
  const baselineOnly = (DISAGREEMENT + loss) / 2;
  let [b, c, right] = [0, 0, 0];
  for (let row = 0; row < rows; row++) {
    const u = random.uniform();
    if (u < candidateOnly) b++;
    else if (u < candidateOnly + baselineOnly) c++;
    else if (u < ACCURACY + candidateOnly) right++;
  }
  const gains = [
    { gain: 1, rows: b },
    { gain: 0, rows: rows - b - c },
    { gain: -1, rows: c },
  ];
  return { right, both: { rows, candidateOnly: b, baselineOnly: c, gains } };
}

function passes(gate: MetricGate, rows: number, loss: number): boolean {
  const { right, both } = answers(rows, loss);
  const candidate = { source: 'candidate', metrics: { accuracy: (right + both.candidateOnly!) / rows } };
  const baseline = { source: 'champion', metrics: { accuracy: (right + both.baselineOnly!) / rows } };
  const gates = { metrics: { accuracy: gate } };
  return evaluateGates({ gates, candidate, baseline, paired: { accuracy: both } }).verdict === 'pass';
}

const table = Object.entries(RULES).map(([rule, gate]) => [
  rule,
  ...LOSSES.flatMap((loss) =>
    SIZES.map((rows) => {
      const passed = Array.from({ length: REPEATS }, () => passes(gate, rows, loss)).filter(Boolean).length;
      return `${((100 * passed) / REPEATS).toFixed(0)} %`;
    }),
  ),
]);
const head = [
  'rule',
  ...LOSSES.flatMap((loss) => SIZES.map((rows) => `${loss === 0 ? 'equal' : `-${loss}`}, ${rows}`)),
];
printTable('Candidates that pass, by what they lose in truth and the rows that they are judged on', head, table);
note(`${REPEATS} candidates each`);
