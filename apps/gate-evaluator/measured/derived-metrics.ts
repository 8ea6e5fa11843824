import { EVALUATION_ARTIFACTS, type GateFile } from 'cdk8s-mlops/contract';
import { type MetricValues, valueOf } from '../gates/metric-values';
import { type Underived } from '../gates/underived';
import { type Registry } from '../registry/registry';
import { spearman } from '../statistics/spearman';
import { fileBeside } from './baseline';
import { type MeasuredSource } from './metrics-source';
import { parseNumbers, readNumberFile } from './number-file';

/** What metrics are derived from. */
export interface DeriveOptions {
  readonly gates: GateFile;
  readonly candidate: MeasuredSource;
  readonly baseline?: MeasuredSource;
  readonly registry?: Registry;
  /** Finds a file of the candidate's evaluation. */
  readonly evaluationFile: (path: string) => string;
}

/** Metrics that the candidate did not bring. */
export interface Derived {
  readonly metrics: MetricValues;
  /** Those that could not be derived, and what that means. */
  readonly underived: Readonly<Record<string, Underived>>;
  /** Digests of what was read, by address. */
  readonly inputs: Readonly<Record<string, string>>;
}

/**
 * Computes what the gate file derives: the stability of feature importances as their rank correlation with the baseline's. A metric
 * that the candidate brings is not computed again.
 */
export async function deriveMetrics(options: DeriveOptions): Promise<Derived> {
  const metrics: Record<string, number> = {};
  const underived: Record<string, Underived> = {};
  const inputs: Record<string, string> = {};
  for (const [metric, { derive }] of Object.entries(options.gates.metrics)) {
    if (!derive || valueOf(options.candidate.metrics, metric) !== undefined) continue;
    const own = options.evaluationFile(derive.spearman.candidate);
    const file = await readNumberFile(own, 'the feature importances');
    if (!file) {
      const reason = `the candidate has neither the metric '${metric}' nor feature importances at '${own}'`;
      underived[metric] = { verdict: 'fail', reason };
      continue;
    }
    inputs[own] = file.digest;
    const others = await baselineImportances(derive.spearman.baseline, options);
    if (others.missing !== undefined) {
      underived[metric] = others.missing;
      continue;
    }
    const correlation = spearman(file.values, others.values);
    if (correlation === undefined)
      underived[metric] = {
        verdict: 'fail',
        reason: `the importances at '${own}' or the baseline's have no order: all are equal, or one is not finite`,
      };
    else metrics[metric] = correlation;
  }
  return { metrics, underived, inputs };
}

type Importances = { readonly values: MetricValues; readonly missing?: undefined } | { readonly missing: Underived };

async function baselineImportances(path: string, { baseline, registry, gates }: DeriveOptions): Promise<Importances> {
  if (!baseline)
    return {
      missing: {
        verdict: gates.baseline?.whenMissing ?? 'absoluteOnly',
        reason: 'there is no baseline whose importances it could be compared with',
      },
    };
  const missing = (at: string): Importances => ({
    missing: {
      verdict: 'inconclusive',
      reason: `the baseline ${baseline.source} has no feature importances (${at}): keep them with it, for example by 'register --adopt', or leave this gate out until the next champion has them`,
    },
  });
  if (baseline.runId === undefined || !registry) {
    const at = fileBeside(baseline.source, path);
    const file = await readNumberFile(at, "the baseline's feature importances");
    return file ? { values: file.values } : missing(at);
  }
  const artifact = importanceArtifact(path);
  const text = await registry.artifact(baseline.runId, artifact);
  if (text === undefined) return missing(`artifact '${artifact}'`);
  return { values: parseNumbers(text, `${baseline.source}/${artifact}`, "the baseline's feature importances") };
}

/** Where a file of the evaluation is kept among a run's artifacts. */
export function importanceArtifact(path: string): string {
  return `${EVALUATION_ARTIFACTS}/${path.split('/').at(-1)}`;
}
