import { isDeepStrictEqual } from 'node:util';
import {
  COMMANDS,
  EVALUATION_ARTIFACTS,
  EXIT_CODES,
  METRICS,
  MLFLOW_TAGS,
  VERDICTS,
  WORKSPACE_PATHS,
} from 'cdk8s-mlops/contract';
import { type Call, contractOptions } from '../../common/command-line';
import { Failure } from '../../common/failure';
import { readText, writeText } from '../../common/object-store';
import { clearOutputs, outputDirectory } from '../../common/outputs';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { type CheckResult } from '../gates/check-result';
import { type PairedOutcomes } from '../gates/check-significance';
import { evaluateGates } from '../gates/evaluate-gates';
import { type ReadGateFile, readGateFile } from '../gates/read-gate-file';
import { type Baseline, fileBeside, openBaseline } from '../measured/baseline';
import { type Derived, deriveMetrics, importanceArtifact } from '../measured/derived-metrics';
import { type MeasuredSource, openMetrics } from '../measured/metrics-source';
import { type Decision, type DecisionRecord } from '../records/decision-record';
import { type Registry } from '../registry/registry';
import { type EvaluationRecord, evaluationTable } from '../report/evaluation-table';
import { evaluationMarkdown } from '../report/markdown';
import { answer, asked, DECIDING_OPTIONS, recordDecision } from './decide';
import { namedRegistry, REGISTRY_HELP } from './open-registry';
import { versionOfRun } from './version-of-run';

/** What a candidate is called in metrics before it has a version. */
const NO_VERSION = 'unregistered';

const spec = contractOptions(COMMANDS.evaluate, ['fail-on-no'], ['model', 'gates', 'metrics']);

export const evaluateCommand: RunnableCommand = {
  name: COMMANDS.evaluate.command,
  summary: COMMANDS.evaluate.summary,
  options: {
    ...spec,
    metrics: {
      ...spec.metrics!,
      help: "the candidate's metrics: a file, runs:/ID, models:/NAME/VERSION or models:/NAME@ALIAS",
    },
    evaluation: { ...spec.evaluation!, default: 'the folder of the metrics' },
    registry: { help: REGISTRY_HELP, value: 'ADDRESS' },
    baseline: { help: "the baseline's metrics, instead of what the gate file names", value: 'ADDRESS' },
    junit: { help: 'file for the checks as JUnit XML', value: 'FILE' },
    markdown: { help: 'file for a summary in Markdown', value: 'FILE' },
    'fail-on-gate': { help: 'exit with code 10 unless the gates passed (as --fail-on-no)' },
    ...DECIDING_OPTIONS,
  },
  examples: [
    'gate-evaluator evaluate --model fraud-detector --gates gates.yaml --metrics metrics.json --fail-on-gate',
    'gate-evaluator evaluate --model fraud-detector --gates gates.yaml --metrics models:/fraud-detector/7 --registry http://mlflow:5000',
    'gate-evaluator evaluate --model fraud-detector --gates gates.yaml --metrics new.json --baseline main.json --junit gates.xml --markdown gates.md',
  ],
  run,
};

/** Everything that was read, and what was judged of it. */
interface Judged {
  readonly decision: Decision & Pick<EvaluationRecord, 'verdict' | 'checks' | 'notes'>;
  readonly gateFile: ReadGateFile;
  readonly candidate: MeasuredSource;
  readonly derived: Derived;
}

async function run(context: Context): Promise<number> {
  const { call, env, print } = context;
  await clearOutputs(outputDirectory(env));
  const registry = namedRegistry(context);
  const judged = await judge(context, registry);
  const runId = registry && (await keepEvidence(context, registry, judged));
  const decision = { ...judged.decision, runId };
  const record = (await recordDecision(context, registry, decision, (last) =>
    saysTheSame(last, decision),
  )) as EvaluationRecord;
  const { version } = judged.candidate;
  if (registry && runId !== undefined) await markVerdict(registry, record, runId, version?.version);
  print(`${evaluationTable(record)}\n`);
  await writeReports(call, record);
  const passed = record.verdict === VERDICTS.pass;
  await answer(context, {
    record,
    outputs: { passed: String(passed), verdict: record.verdict },
    version: version?.version ?? NO_VERSION,
    metrics: (set) => {
      set(METRICS.gatePassed, Number(passed));
      for (const { check, verdict } of record.checks)
        set(METRICS.gateCheckPassed, Number(verdict === 'pass'), { check });
    },
  });
  const failing = call.flag('fail-on-no') || call.flag('fail-on-gate');
  return !passed && failing ? EXIT_CODES.judgedNo : EXIT_CODES.judged;
}

async function judge(context: Context, registry: Registry | undefined): Promise<Judged> {
  const { call, log, signal } = context;
  const model = call.text('model')!;
  const gateFile = await readGateFile(call.text('gates')!);
  const { gates } = gateFile;
  const source = { model, registry };
  const evaluationFile = evaluationFinder(call);
  const read = await openMetrics(call.text('metrics')!, source);
  const dataDigest = read.dataDigest ?? (await readText(evaluationFile(datasetDigestFile)))?.trim();
  const candidate: MeasuredSource = { ...read, dataDigest };
  const baseline = await openBaseline({ ...source, gates, gatesPath: gateFile.path, uri: call.text('baseline') });
  const derived = await deriveMetrics({ gates, candidate, baseline: baseline.found, registry, evaluationFile });
  const paired = baseline.found ? await pairedOutcomes(context, gateFile, evaluationFile) : {};
  const { verdict, checks, notes } = evaluateGates({
    ...{ gates, paired, underived: derived.underived },
    candidate: { ...candidate, metrics: { ...candidate.metrics, ...derived.metrics } },
    ...(baseline.found ? { baseline: baseline.found } : { whyNoBaseline: baseline.why }),
  });
  signal.throwIfAborted();
  log.info({ model, verdict, checks: checks.length }, 'judged');
  const decision = {
    ...{ action: 'evaluate' as const, model, modelVersion: candidate.version?.version, run: call.text('run') },
    ...{ at: new Date().toISOString(), ...asked(context), verdict, checks: checks.map(recorded), notes },
    inputs: inputsOf(gateFile, candidate, baseline, derived),
  };
  return { decision, gateFile, candidate, derived };
}

/** The file's name in the evaluation folder. */
const datasetDigestFile = WORKSPACE_PATHS.datasetDigest.slice(WORKSPACE_PATHS.evaluation.length + 1);

/** DuckDB is only loaded for who asks for significance: it takes longer to load than everything else. */
async function pairedOutcomes(
  { log, signal }: Context,
  { gates }: ReadGateFile,
  evaluationFile: (path: string) => string,
): Promise<Readonly<Record<string, PairedOutcomes | string>>> {
  if (!Object.values(gates.metrics).some(({ significance }) => significance)) return {};
  const { readPairedOutcomes } = await import('../measured/paired-outcomes.js');
  return readPairedOutcomes({ gates, evaluationFile, log, signal });
}

function evaluationFinder(call: Call): (path: string) => string {
  const folder = call.text('evaluation');
  const metrics = call.text('metrics')!;
  const beside = /^(runs|models):/.test(metrics) ? '.' : metrics;
  return (path) => fileBeside(folder === undefined ? beside : `${folder.replace(/\/+$/, '')}/-`, path);
}

/** JSON has no NaN and no infinities; the check's reason says what it was. */
function recorded(check: CheckResult): CheckResult {
  const finite = (value: number | undefined): number | undefined => (Number.isFinite(value) ? value : undefined);
  return { ...check, candidate: finite(check.candidate), baseline: finite(check.baseline) };
}

function inputsOf(
  gateFile: ReadGateFile,
  candidate: MeasuredSource,
  baseline: Baseline,
  derived: Derived,
): Record<string, string> {
  const digest = (of: MeasuredSource | undefined, name: string): Record<string, string> => ({
    ...(of?.fileDigest !== undefined && { [`${name}.sha256`]: of.fileDigest }),
    ...(of?.dataDigest !== undefined && { [`${name}.${MLFLOW_TAGS.evaluationDigest}`]: of.dataDigest }),
  });
  return {
    'gates.sha256': gateFile.digest,
    metrics: candidate.source,
    ...digest(candidate, 'metrics'),
    ...(baseline.found && { baseline: baseline.found.source, ...digest(baseline.found, 'baseline') }),
    ...derived.inputs,
  };
}

/** Metrics, the gate file and what was derived from, with the run: the next candidate is compared with them. */
async function keepEvidence(
  { call }: Context,
  registry: Registry,
  { gateFile, candidate, derived }: Judged,
): Promise<string | undefined> {
  const name = call.text('run');
  const runId = candidate.runId ?? (candidate.version ? undefined : await runOf(registry, call, name));
  if (runId === undefined) return undefined;
  const tags: Record<string, string> =
    candidate.dataDigest === undefined ? {} : { [MLFLOW_TAGS.evaluationDigest]: candidate.dataDigest };
  // What is in the registry stays as it was logged; what is derived would be taken for the candidate's own the next time.
  const own = candidate.runId === undefined ? candidate.metrics : {};
  await registry.logRun(runId, { metrics: own, tags });
  await registry.putArtifact(runId, `${EVALUATION_ARTIFACTS}/gates.yaml`, gateFile.text);
  for (const address of Object.keys(derived.inputs)) {
    const text = await readText(address);
    if (text !== undefined) await registry.putArtifact(runId, importanceArtifact(address), text);
  }
  return runId;
}

async function runOf(registry: Registry, call: Call, name: string | undefined): Promise<string> {
  if (name !== undefined) return registry.run(call.text('model')!, name, {});
  throw Failure.configuration(
    '--run is missing: metrics from a file are kept with a run of the registry; name it, for example after the commit',
  );
}

/** What `register` and `promote` look at: on the run, and on its version where there is one. */
async function markVerdict(
  registry: Registry,
  { model, verdict, hash, run }: EvaluationRecord,
  runId: string,
  version: string | undefined,
): Promise<void> {
  const tags = { [MLFLOW_TAGS.gateReportSha256]: hash, [MLFLOW_TAGS.gateVerdict]: verdict };
  await registry.logRun(runId, { tags });
  // A run that is judged again after it was registered: `promote` looks at the version.
  const marked = version ?? (run === undefined ? undefined : (await versionOfRun(registry, model, run))?.version);
  if (marked === undefined) return;
  // Where a version says "pass" its report is there, and nothing that was judged anew says it any longer.
  const entries = Object.entries(tags);
  for (const [key, value] of verdict === VERDICTS.pass ? entries : entries.reverse())
    await registry.setVersionTag(model, marked, key, value);
}

/** The same candidate judged again by the same rules against the same baseline, with the same answer. */
function saysTheSame(last: DecisionRecord, decision: Decision): boolean {
  const facts = ({ action, run, modelVersion, verdict, checks, inputs }: Decision): unknown =>
    JSON.parse(JSON.stringify({ action, run, modelVersion, verdict, checks, inputs }));
  return isDeepStrictEqual(facts(last), facts(decision));
}

async function writeReports(call: Call, record: EvaluationRecord): Promise<void> {
  const [junit, markdown] = [call.text('junit'), call.text('markdown')];
  if (junit !== undefined) {
    const { evaluationJunit } = await import('../report/junit.js');
    await writeText(junit, evaluationJunit(record));
  }
  if (markdown !== undefined) await writeText(markdown, evaluationMarkdown(record));
}
