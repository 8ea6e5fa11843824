import {
  COMMANDS,
  DRIFT_CHECK_DEFAULTS,
  type DriftCheckFile,
  EXIT_CODES,
  MLFLOW_ALIASES,
  REFERENCE_PROFILE_ARTIFACT,
  STEP_ENVIRONMENT,
} from 'cdk8s-mlops/contract';
import { Attempts } from '../../common/attempts';
import { type Call, contractOptions } from '../../common/command-line';
import { Failure } from '../../common/failure';
import { MlflowClient } from '../../common/mlflow';
import { clearOutputs, outputDirectory } from '../../common/outputs';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { readYamlFile } from '../../common/yaml-file';
import { type Finding } from '../check/drift-report';
import { runCheck } from '../check/run-check';
import { runPerformanceCheck } from '../check/run-performance-check';
import { lastFullHour, type WindowSelection } from '../check/window';
import { checkConfigAgainstSchema } from '../config/check-config-against-schema';
import { parseColumnNames } from '../config/columns';
import { DRIFT_CHECK_CONFIG, MAX_HOURS } from '../config/drift-check-config';
import { readModelSchema } from '../config/model-schema-file';
import { readProfile } from '../profile/reference-profile';
import { checkedVersion, type SourcedProfile, versionProfile } from '../profile/version-profile';
import { compactionFindings } from '../report/compaction';
import { performanceText, terminalReport } from '../report/terminal';
import { challengerPerformance } from './challenger-performance';
import { compactLog } from './compact';
import { publish, publishPerformance } from './publish';

/** The configuration, where a local call may lack what only a cluster has. */
type Settings = Omit<DriftCheckFile, 'version' | 'reference' | 'pushgateway'> &
  Partial<Pick<DriftCheckFile, 'reference' | 'pushgateway'>>;

export const checkCommand: RunnableCommand = {
  name: COMMANDS.check.command,
  summary: COMMANDS.check.summary,
  options: {
    ...contractOptions(COMMANDS.check),
    schema: { help: 'path of the schema file', value: 'FILE' },
    predictions: { help: 'URI of the prediction log', value: 'URI' },
    labels: { help: 'URI of the labels', value: 'URI' },
    profile: { help: "URI of the reference profile, instead of the champion's", value: 'URI' },
    'model-version': { help: "version that is judged, instead of the champion's", value: 'VERSION' },
    column: {
      help: 'name of a column that is not called as in the contract, for example label=employed',
      value: 'ROLE=NAME',
      repeatable: true,
    },
    until: { help: 'end of the window, ISO 8601', value: 'TIME', default: 'the last full hour' },
    hours: { help: 'length of the window', value: 'N', default: String(DRIFT_CHECK_DEFAULTS.window.hours) },
    partition: { help: 'judge one partition instead of a time', value: 'KEY=VALUE', repeatable: true },
    all: { help: 'judge all rows' },
    'min-rows': {
      help: 'rows below which nothing is judged',
      value: 'N',
      default: String(DRIFT_CHECK_DEFAULTS.window.minRows),
    },
    threshold: {
      help: 'score from which on a feature has drifted',
      value: 'X',
      default: String(DRIFT_CHECK_DEFAULTS.decision.featureThreshold),
    },
    'dry-run': { help: 'start no training and push no metrics; everything else happens' },
    'fail-on-no': { help: 'exit with code 10 when the data drifted' },
  },
  examples: [
    'drift-checker check --config drift-check.yaml',
    'drift-checker check --config drift-check.yaml --until 2026-11-20T00:00:00Z --dry-run',
    'drift-checker check --config drift-check.yaml --only performance',
    'drift-checker check --schema schema.json --profile profile.json --predictions log/ --labels labels/ --all',
  ],
  run,
};

async function run(context: Context): Promise<number> {
  const { call, env, log, signal, print } = context;
  await clearOutputs(outputDirectory(env));
  const settings = await readSettings(call);
  const schema = await readModelSchema(settings.schema);
  checkConfigAgainstSchema(settings, schema, call.text('config') ?? 'the call');
  const registry = settings.reference && new MlflowClient({ trackingUri: settings.reference.registry, env, signal });
  const reference = await readReference(settings, registry, call);
  const newestVersion = settings.retrain && registry ? await registry.newestVersion(settings.model) : undefined;
  const selection = readSelection(call, settings);
  const options = {
    ...{ config: settings, schema, selection, newestVersion, log, signal },
    ...{ profile: reference.profile, profileSource: reference.source, modelVersion: reference.modelVersion },
    captureFindings: await compacted(context, settings),
  };
  const attempts = new Attempts();
  const challenger = (await attempts.make(() => challengerPerformance(context, registry, options))) ?? [];
  const printChallenger = (): void => challenger.forEach((each) => print(performanceText(each)));
  if (onlyPerformance(call)) {
    const report = await runPerformanceCheck(options);
    print(performanceText(report));
    printChallenger();
    await publishPerformance(context, settings, report, challenger);
    attempts.throwIfAny();
    return EXIT_CODES.judged;
  }
  const report = await runCheck(options);
  signal.throwIfAborted();
  print(terminalReport(report));
  printChallenger();
  await publish(context, settings, report, challenger);
  attempts.throwIfAny();
  return report.verdict === 'drift' && call.flag('fail-on-no') ? EXIT_CODES.judgedNo : EXIT_CODES.judged;
}

function onlyPerformance(call: Call): boolean {
  const only = call.text('only');
  if (only === undefined || only === 'performance') return only !== undefined;
  throw Failure.configuration(`--only must be performance, got '${only}'`);
}

/** Brings what was collected into the prediction log, where the log is a collector's. @returns what was found on the way */
async function compacted(context: Context, { capture, pushgateway }: Settings): Promise<Finding[]> {
  if (capture === undefined) return [];
  const { call, env } = context;
  const gateway = call.flag('dry-run') ? undefined : (pushgateway ?? env[STEP_ENVIRONMENT.pushgatewayUrl]);
  const report = await compactLog(context, capture, gateway);
  return compactionFindings(report).map((message) => ({ kind: 'capture', severity: 'warning', message }));
}

async function readSettings(call: Call): Promise<Settings> {
  const path = call.text('config');
  const file = path === undefined ? undefined : await readYamlFile(path, 'the configuration', DRIFT_CHECK_CONFIG);
  const [schema, predictions] = [call.text('schema') ?? file?.schema, call.text('predictions') ?? file?.predictions];
  if (schema === undefined || predictions === undefined) {
    throw Failure.configuration(
      "'check' needs --config, or --schema, --predictions and --profile ('check --help' lists all)",
    );
  }
  const columns = { ...file?.columns, ...parseColumnNames(call.texts('column')) };
  const base: Settings = file ?? {
    ...DRIFT_CHECK_DEFAULTS,
    model: (await readModelSchema(schema)).model,
    namespace: 'default',
    schema,
    predictions,
  };
  return {
    ...base,
    schema,
    predictions,
    labels: call.text('labels') ?? base.labels,
    columns,
    window: {
      ...base.window,
      hours: call.number('hours', { min: 1, max: MAX_HOURS, integer: true }) ?? base.window.hours,
      minRows: call.number('min-rows', { min: 1, integer: true }) ?? base.window.minRows,
    },
    decision: {
      ...base.decision,
      featureThreshold: call.number('threshold', { min: 0.0001 }) ?? base.decision.featureThreshold,
    },
  };
}

interface Reference extends SourcedProfile {
  readonly modelVersion: string | undefined;
}

/** The champion's profile, which follows a promotion by itself; or the one that was named. */
async function readReference(settings: Settings, registry: MlflowClient | undefined, call: Call): Promise<Reference> {
  const { model } = settings;
  const uri = call.text('profile');
  if (uri !== undefined) {
    const profile = await readProfile(uri, model);
    return { profile, source: uri, modelVersion: checkedVersion(profile, call.text('model-version'), uri) };
  }
  if (!registry || !settings.reference)
    throw Failure.configuration("'check' needs --profile where no configuration names a registry");
  const { alias } = settings.reference;
  const wanted = call.text('model-version');
  const champion =
    wanted === undefined ? await registry.versionByAlias(model, alias) : await registry.version(model, wanted);
  if (!champion && wanted !== undefined) throw Failure.configuration(`model '${model}' has no version ${wanted}`);
  if (!champion) {
    throw Failure.configuration(
      `model '${model}' has no version with the alias '${alias}': without a ${MLFLOW_ALIASES.champion} there is no reference; register one, or name a profile with --profile`,
    );
  }
  const found = await versionProfile(registry, model, champion);
  if (found) return { ...found, modelVersion: champion.version };
  throw Failure.configuration(
    `version ${champion.version} of '${model}' has no artifact '${REFERENCE_PROFILE_ARTIFACT}': make it with 'drift-checker profile', or name a profile with --profile`,
  );
}

function readSelection(call: Call, { window }: Settings): WindowSelection {
  const partitions = call.texts('partition');
  const given = [
    call.flag('all') && '--all',
    partitions.length > 0 && '--partition',
    (call.text('until') ?? call.text('hours')) !== undefined && '--until or --hours',
  ].filter(Boolean);
  if (given.length > 1)
    throw Failure.configuration(
      `${given.join(' and ')} exclude each other: a window is all rows, a partition, or a time`,
    );
  if (call.flag('all')) return { by: 'all' };
  if (partitions.length > 0) {
    const pairs = partitions.map((text) => /^([^=]+)=(.*)$/.exec(text));
    const bad = partitions.filter((_, index) => !pairs[index]);
    if (bad.length > 0)
      throw Failure.configuration(...bad.map((text) => `--partition must be KEY=VALUE, got '${text}'`));
    const keys = pairs.map((pair) => pair![1]!);
    const again = [...new Set(keys.filter((key, index) => keys.indexOf(key) < index))];
    if (again.length > 0)
      throw Failure.configuration(
        ...again.map((key) => `--partition gives '${key}' more than once: judge one at a time`),
      );
    return { by: 'partition', partitions: Object.fromEntries(pairs.map((pair) => [pair![1]!, pair![2]!])) };
  }
  const text = call.text('until');
  const until = text === undefined ? lastFullHour(new Date()) : parseTime(text);
  if (until === undefined)
    throw Failure.configuration(`--until must be a time like 2026-11-20T00:00:00Z, got '${text}'`);
  if (until.getTime() > Date.now()) throw Failure.configuration(`--until lies in the future: ${until.toISOString()}`);
  return { by: 'time', until, hours: window.hours, extendDays: window.extendDays };
}

/** ISO 8601; a time without zone is in UTC, wherever the program runs. */
function parseTime(text: string): Date | undefined {
  const [, day, time = 'T00:00', zone = 'Z'] =
    /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text) ?? [];
  const date = new Date(`${day}${time}${zone}`);
  // The last days of a short month would silently become the first of the next.
  const exists = new Date(`${day}T00:00Z`).toJSON()?.startsWith(day ?? '-');
  return Number.isNaN(date.getTime()) || !exists ? undefined : date;
}
