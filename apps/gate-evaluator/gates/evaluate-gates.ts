import { type GateFile, type MetricGate } from 'cdk8s-mlops/contract';
import { checkBounds, checkDistance, checkSlices } from './check-bounds';
import { checkComparison } from './check-comparison';
import { type CheckResult, type CheckVerdict, overallVerdict } from './check-result';
import { checkSignificance, type PairedOutcomes } from './check-significance';
import { type MetricValues } from './metric-values';

/** A version, or a run, whose metrics are judged or compared with. */
export interface Measured {
  /** Where the metrics are from, as people say it. */
  readonly source: string;
  readonly metrics: MetricValues;
  /** Digest of the data that it was evaluated on, where that is known. */
  readonly dataDigest?: string;
}

/** What is judged. */
export interface EvaluateOptions {
  readonly gates: GateFile;
  readonly candidate: Measured;
  /** Absent when there is none: what that means is the gate file's to say. */
  readonly baseline?: Measured;
  /** Outcomes of both models on the same rows, by metric; what could not be had is a text that says why. */
  readonly paired: Readonly<Record<string, PairedOutcomes | string>>;
}

/** The answer to a gate file. */
export interface Evaluation {
  readonly verdict: CheckVerdict;
  readonly checks: readonly CheckResult[];
  /** What is worth knowing and no check. */
  readonly notes: readonly string[];
}

/** Judges a candidate by a gate file. Every gate is answered, none stops the others. */
export function evaluateGates(options: EvaluateOptions): Evaluation {
  const { gates, candidate, baseline } = options;
  const checks = Object.entries(gates.metrics).flatMap(([metric, gate]) => [
    ...checkBounds(metric, gate, candidate.metrics),
    ...checkDistance(metric, gate, candidate.metrics),
    ...(baseline ? againstBaseline(metric, gate, options, baseline) : withoutBaseline(metric, gate, options)),
    ...checkSlices(metric, gate, candidate.metrics),
  ]);
  const { notes, extra } = sameData(options);
  const all = [...checks, ...extra];
  return { verdict: overallVerdict(all), checks: all, notes };
}

function againstBaseline(
  metric: string,
  gate: MetricGate,
  { candidate, paired }: EvaluateOptions,
  baseline: Measured,
): CheckResult[] {
  return [
    ...checkComparison(metric, gate, candidate.metrics, baseline.metrics),
    ...checkSignificance(metric, gate, paired[metric] ?? 'no paired predictions were read'),
  ];
}

/** What compares has nothing to compare with: the gate file says what that means, and the answer says it again. */
function withoutBaseline(metric: string, gate: MetricGate, { gates, candidate }: EvaluateOptions): CheckResult[] {
  const { whenMissing = 'absoluteOnly', from } = gates.baseline ?? {};
  const wanted = Object.entries(from ?? { alias: 'champion' }).map(([kind, name]) => `${kind} '${String(name)}'`)[0];
  const { severity = 'block' } = gate;
  return [gate.comparison && 'comparison', gate.significance && 'significance'].flatMap((kind): CheckResult[] => {
    // Without a baseline and bounds of its own, a comparison that is left out would leave nothing asked.
    if (!kind || whenMissing === 'absoluteOnly') return [];
    const reason = `there is no baseline (${wanted}), and the gate file says that this ${whenMissing === 'pass' ? 'passes' : 'fails'}`;
    return [
      {
        check: `${metric}.${kind}`,
        metric,
        rule: 'a baseline exists',
        candidate: candidate.metrics[metric],
        verdict: whenMissing,
        severity,
        reason,
      },
    ];
  });
}

function sameData({ gates, candidate, baseline }: EvaluateOptions): { notes: string[]; extra: CheckResult[] } {
  const rule = gates.defaults?.sameDataset ?? 'warn';
  const notes = baseline
    ? []
    : [
        `there is no baseline: only absolute bounds were judged${gates.baseline?.whenMissing ? ` (whenMissing: ${gates.baseline.whenMissing})` : ''}`,
      ];
  if (!baseline || rule === 'ignore' || candidate.dataDigest === undefined || baseline.dataDigest === undefined)
    return { notes, extra: [] };
  if (candidate.dataDigest === baseline.dataDigest) return { notes, extra: [] };
  const reason = `candidate and baseline were evaluated on different data (${short(candidate.dataDigest)} and ${short(baseline.dataDigest)})`;
  if (rule === 'warn') return { notes: [...notes, reason], extra: [] };
  return {
    notes,
    extra: [
      {
        check: 'sameDataset',
        metric: 'sameDataset',
        rule: 'the same data',
        verdict: 'fail',
        severity: 'block',
        reason,
      },
    ],
  };
}

const short = (digest: string): string => digest.slice(0, 19);
