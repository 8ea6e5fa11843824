import { type GateFile, type MetricGate } from 'cdk8s-mlops/contract';
import { checkBounds, checkDistance, checkSlices } from './check-bounds';
import { checkComparison } from './check-comparison';
import { checkDisparity } from './check-disparity';
import { type CheckResult, type CheckVerdict, overallVerdict } from './check-result';
import { checkSignificance, type PairedOutcomes } from './check-significance';
import { type MetricValues } from './metric-values';
import { checkUnderived, type Underived } from './underived';

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
  /** Metrics that should have been derived and could not be. */
  readonly underived?: Readonly<Record<string, Underived>>;
  /** Why there is no baseline. */
  readonly whyNoBaseline?: string;
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
  const { gates } = options;
  const { underived = {} } = options;
  const checks = Object.entries(gates.metrics).flatMap(([metric, gate]) =>
    Object.hasOwn(underived, metric)
      ? checkUnderived(metric, gate, underived[metric]!)
      : checkGate(metric, gate, options),
  );
  const { notes, extra } = sameData(options);
  const skipped = Object.entries(underived).flatMap(([metric, { verdict, reason }]) =>
    verdict === 'absoluteOnly' ? [`'${metric}' was not judged: ${reason}`] : [],
  );
  const all = [...checks, ...extra];
  return { verdict: overallVerdict(all), checks: all, notes: [...notes, ...skipped] };
}

function checkGate(metric: string, gate: MetricGate, options: EvaluateOptions): CheckResult[] {
  const { candidate, baseline } = options;
  return [
    ...checkBounds(metric, gate, candidate.metrics),
    ...checkDistance(metric, gate, candidate.metrics),
    ...(baseline ? againstBaseline(metric, gate, options, baseline) : withoutBaseline(metric, gate, options)),
    ...checkSlices(metric, gate, candidate.metrics),
    ...checkDisparity(metric, gate, candidate.metrics),
  ];
}

function againstBaseline(
  metric: string,
  gate: MetricGate,
  { candidate, paired }: EvaluateOptions,
  baseline: Measured,
): CheckResult[] {
  return [
    ...checkComparison(metric, gate, candidate.metrics, baseline.metrics),
    ...checkSignificance(metric, gate, own(paired, metric) ?? 'no paired predictions were read'),
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
        candidate: own(candidate.metrics, metric),
        verdict: whenMissing,
        severity,
        reason,
      },
    ];
  });
}

function sameData(options: EvaluateOptions): { notes: string[]; extra: CheckResult[] } {
  const { gates, candidate, baseline, whyNoBaseline = 'there is no baseline' } = options;
  const rule = gates.defaults?.sameDataset ?? 'warn';
  if (!baseline) {
    const { whenMissing } = gates.baseline ?? {};
    const meaning =
      whenMissing === undefined || whenMissing === 'absoluteOnly'
        ? 'only absolute bounds were judged'
        : 'what compares';
    const said = whenMissing === 'pass' ? `${meaning} passes` : whenMissing === 'fail' ? `${meaning} fails` : meaning;
    return { notes: [`${whyNoBaseline}: ${said}${whenMissing ? ` (whenMissing: ${whenMissing})` : ''}`], extra: [] };
  }
  const [own, other] = [candidate.dataDigest, baseline.dataDigest];
  if (rule === 'ignore' || (own !== undefined && own === other)) return { notes: [], extra: [] };
  const unknown = own === undefined || other === undefined;
  const reason = unknown
    ? `on what data the ${own === undefined ? 'candidate' : 'baseline'} was evaluated is not known: let the evaluation leave the file dataset_digest`
    : `candidate and baseline were evaluated on different data (${short(own)} and ${short(other)})`;
  if (rule === 'warn') return { notes: unknown ? [] : [reason], extra: [] };
  const verdict = unknown ? 'inconclusive' : 'fail';
  const check = { check: 'sameDataset', metric: 'sameDataset', rule: 'the same data', severity: 'block' } as const;
  return { notes: [], extra: [{ ...check, verdict, reason }] };
}

/** A metric may have any name, also one that every object has. */
const own = <T>(values: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(values, name) ? values[name] : undefined;

const short = (digest: string): string => digest.slice(0, 19);
