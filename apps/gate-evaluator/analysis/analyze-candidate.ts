import {
  type AnalysisCheck,
  EXIT_CODES,
  METRICS,
  type RolloutAnalysis,
  type RolloutFile,
  VERSION_ROLES,
} from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { REQUESTS_CHECK } from '../config/rollout-file';
import { show } from '../gates/amount';
import { type CheckResult, type CheckVerdict, overallVerdict } from '../gates/check-result';
import { judgeReading } from './judge-reading';
import { type Prometheus, type Reading } from './prometheus';

/** What was judged of a candidate. */
export interface Analysis {
  readonly verdict: CheckVerdict;
  /** The number of requests first, then the checks of the file in their order. */
  readonly checks: readonly CheckResult[];
}

/** The parts of the roll-out file that an analysis follows. */
export type AnalyzedRollout = Pick<RolloutFile, 'model' | 'namespace' | 'analysis'>;

/** Every query of an analysis, the number of requests first. */
export function allChecks({ requests, checks }: RolloutAnalysis): readonly AnalysisCheck[] {
  return [{ name: REQUESTS_CHECK, summary: 'requests of the candidate', ...requests }, ...checks];
}

/** Judges a version by its traffic, once. Where a value cannot be had, the check says why and is inconclusive. */
export async function analyzeCandidate(
  rollout: AnalyzedRollout,
  version: string,
  prometheus: Prometheus,
): Promise<Analysis> {
  const [requests, ...others] = await readAll(rollout, version, prometheus);
  const first = judgeReading(requests!.check, requests!.reading);
  const isEnough = first.verdict === 'pass';
  // Too few are no failure of the candidate: more may come.
  const counted = isEnough ? first : { ...first, verdict: 'inconclusive' as const };
  const whyNot = isEnough ? undefined : tooFew(counted);
  const checks = [counted, ...others.map(({ check, reading }) => judgeReading(check, reading, whyNot))];
  return { verdict: overallVerdict(checks), checks };
}

function tooFew({ candidate, limit, reason }: CheckResult): string {
  return candidate === undefined ? reason : `${show(candidate)} requests of the ${show(limit!)} that it takes`;
}

interface CheckReading {
  readonly check: AnalysisCheck;
  readonly reading: Reading;
}

/** Asks everything, one after another; a Prometheus that does not answer is asked no further. */
async function readAll(
  rollout: AnalyzedRollout,
  version: string,
  prometheus: Prometheus,
): Promise<readonly CheckReading[]> {
  let why = await unreachable(() => notCandidate(rollout, version, prometheus));
  const readings: CheckReading[] = [];
  for (const check of allChecks(rollout.analysis)) {
    let reading: Reading | undefined;
    why ??= await unreachable(async () => void (reading = await prometheus.read(check.query)));
    readings.push({ check, reading: reading ?? { why: why! } });
  }
  return readings;
}

/** Why something cannot be asked, or what it answers. */
async function unreachable(work: () => Promise<string | undefined | void>): Promise<string | undefined> {
  try {
    return (await work()) ?? undefined;
  } catch (error) {
    if (error instanceof Failure && error.exitCode === EXIT_CODES.unreachable) return error.message;
    throw error;
  }
}

/** Why the queries would not be about this version, if so: they ask for whichever is candidate. */
async function notCandidate(
  { model, namespace }: AnalyzedRollout,
  version: string,
  prometheus: Prometheus,
): Promise<string | undefined> {
  const { name } = METRICS.versionInfo;
  const of = `{model=${JSON.stringify(model)}, namespace=${JSON.stringify(namespace)}}`;
  const samples = await prometheus.query(`group by (version, role) (${name}${of})`);
  if (typeof samples === 'string') return samples;
  const versions = (role: string): string[] =>
    samples.flatMap(({ labels }) => (labels.role === role ? [labels.version ?? ''] : []));
  const candidates = versions(VERSION_ROLES.candidate);
  const known = `${name}${of} names`;
  if (candidates.length === 0) return `${known} no candidate: is the Pushgateway scraped?`;
  if (candidates.length > 1) return `${known} several candidates: ${candidates.join(', ')}`;
  if (candidates[0] !== version) return `${known} version ${candidates[0]} as candidate, expected ${version}`;
  if (versions(VERSION_ROLES.stable).includes(version)) return `${known} version ${version} as stable, too`;
  return undefined;
}
