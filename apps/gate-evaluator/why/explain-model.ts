import { LIFECYCLE, MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { type DecisionRecord } from '../records/decision-record';
import { oneLine } from '../report/one-line';
import { type History, lastPromotion } from './history';

/** A history as a person would tell it. */
export function explainModel(history: History, all: boolean): string {
  const { model, live, previous, records, problems, head } = history;
  const lines = [...liveLines(history), ''];
  if (live) {
    lines.push(...storyOf(records, live.version).flatMap(told), '');
    lines.push(
      previous
        ? `If it must go: 'gate-evaluator rollback --model ${model} --from ${live.version}' goes back to version ${previous.version}.`
        : 'There is no version before it to go back to.',
      '',
    );
  }
  if (all) lines.push('All decisions:', ...records.map((record) => `  ${headline(record)}`), '');
  const [first, last] = [records[0], records.at(-1)];
  if (first && last) {
    const span = `${records.length} decisions from ${when(first)} to ${when(last)}`;
    lines.push(
      problems.length === 0 ? `${span}: the chain is whole, its head is ${head}.` : `${span}: NOT AS THEY SHOULD BE:`,
    );
  } else if (problems.length > 0) lines.push('NOT AS IT SHOULD BE:');
  lines.push(...problems.map((problem) => `  ! ${problem}`));
  return lines.map(oneLine).join('\n').trimEnd();
}

function liveLines({ model, live, records }: History): string[] {
  if (!live)
    return [
      `${model}: no version is champion${records.length === 0 ? ', and nothing was ever decided about it' : ''}.`,
    ];
  const last = lastPromotion(records);
  const since = last?.modelVersion === live.version ? `, since ${when(last)}` : '';
  const { artifactUri, datasetDigest, gitCommit } = MLFLOW_TAGS;
  const facts = [
    ['artifact', live.tags[artifactUri] ?? live.source],
    ['training data', live.tags[datasetDigest]],
    ['commit', live.tags[gitCommit]],
    ['run', live.tags[MLFLOW_TAGS.trainingRun]],
  ].flatMap(([name, value]) => (value ? [`  ${name}: ${value}`] : []));
  return [`${model}: version ${live.version} is live${since}.`, ...facts];
}

/** What led to a version being champion: its own decisions, up to and with the last one. */
function storyOf(records: readonly DecisionRecord[], version: string): DecisionRecord[] {
  const runs = new Set(records.filter(({ modelVersion }) => modelVersion === version).map(({ run }) => run));
  return records.filter(
    ({ modelVersion, run, action }) =>
      modelVersion === version ||
      (modelVersion === undefined && action === 'evaluate' && run !== undefined && runs.has(run)),
  );
}

/** Checks of a story that a person wants to see: more are in the record. */
const SHOWN = 8;

function told(record: DecisionRecord): string[] {
  const { checks = [], notes = [] } = record;
  const decisive = [...checks].sort((a, b) => Number(a.verdict === 'pass') - Number(b.verdict === 'pass'));
  const shown = decisive.slice(0, SHOWN).map(({ check, verdict, reason }) => `      ${check}: ${verdict}, ${reason}`);
  const rest = checks.length > SHOWN ? [`      and ${checks.length - SHOWN} more checks`] : [];
  return [`  ${headline(record)}`, ...shown, ...rest, ...notes.map((note) => `      ${note}`)];
}

function headline(record: DecisionRecord): string {
  return `${when(record)}  ${whatHappened(record)}; asked by ${record.by}: ${record.reason}`;
}

function whatHappened({ action, modelVersion, run, verdict, checks = [], from, to }: DecisionRecord): string {
  switch (action) {
    case 'evaluate':
    case 'analyze': {
      const passed = checks.filter((check) => check.verdict === 'pass').length;
      const who = modelVersion === undefined ? `the candidate of run ${run}` : `version ${modelVersion}`;
      const judged = action === 'analyze' ? 'was judged by its live traffic' : 'was judged';
      return `${who} ${judged}: ${verdict}, ${passed} of ${checks.length} checks passed`;
    }
    case 'register':
      return `run ${run} was registered as version ${modelVersion}`;
    case 'adopt':
      return `version ${modelVersion}, which ran already, was taken in as champion`;
    case 'promote':
      if (to === LIFECYCLE.canary) return `version ${modelVersion} became canary`;
      return `version ${modelVersion} became champion${from === undefined ? ', the first' : ` after version ${from}`}`;
    case 'rollback':
      return `version ${from} was taken back, and version ${modelVersion} became champion again`;
    case 'abort':
      return `version ${modelVersion} was given up as canary`;
  }
}

const when = ({ at }: DecisionRecord): string => at.replace('T', ' ').replace(/(:\d\d)?(\.\d+)?Z$/, ' UTC');
