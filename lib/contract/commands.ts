/** One command of one of our containers, with the options that the constructs render. */
export interface CommandSpec {
  readonly app: 'drift-checker' | 'gate-evaluator';
  readonly command: string;
  readonly summary: string;
  /** Option name (without `--`) to its meaning. */
  readonly options: Readonly<Record<string, string>>;
}

/** How both images start: distroless Node images have no shell and no `PATH` look-up. */
export const CONTAINER_ENTRYPOINT = ['/nodejs/bin/node', '/app/main.js'] as const;

/** The user and group that both images run as (distroless `nonroot`). */
export const CONTAINER_USER = 65532;

/** Names of the built-in steps of a training run: of its Argo templates, or of its containers. */
export const BUILT_IN_STEPS = {
  admit: 'admit',
  validate: 'validate-data',
  profile: 'profile',
  gate: 'gate',
  register: 'register',
  promote: 'promote',
  conclude: 'conclude',
} as const;

const FAIL_ON_NO = 'exit with code 10 on a judged "no" (flag), for engines that cannot read output files';

const ROLLOUT_CONFIG = 'path of the roll-out file';
const ROLLOUT_VERSION = 'the version that is rolled out: the step is refused when it is the canary no longer';

/** Commands that the constructs render. Flags take no value; every other option takes one. */
export const COMMANDS = {
  admit: {
    app: 'gate-evaluator',
    command: 'admit',
    summary: 'decides whether this training run may go on: kill switch, cooldown, daily limit',
    options: {
      model: 'name of the model',
      namespace: 'namespace of the run',
      engine: '`argo` or `cronjob`: which kind of run is counted',
      run: 'name of this run, which is not counted against itself',
      reason: 'why the run was started',
      loop: 'name of the ConfigMap with the limits',
      'fail-on-no': FAIL_ON_NO,
    },
  },
  conclude: {
    app: 'gate-evaluator',
    command: 'conclude',
    summary: 'says what became of a training run that has ended, for the alerts on it',
    options: {
      model: 'name of the model',
      namespace: 'namespace of the run',
      run: 'name of the run',
      status: 'how its workflow ended: `Succeeded`, `Failed` or `Error`',
    },
  },
  validate: {
    app: 'drift-checker',
    command: 'validate',
    summary: 'judges the training data: schema, ranges, missing values, duplicates, label balance, anomalies',
    options: {
      schema: 'path of the schema file',
      data: 'URI of the training data',
      registry: 'address of the tracking server, for the profile of the champion',
      report: 'URI at which the report is kept',
      'fail-on-no': FAIL_ON_NO,
    },
  },
  profile: {
    app: 'drift-checker',
    command: 'profile',
    summary: 'makes the reference profile of the candidate',
    options: {
      schema: 'path of the schema file',
      data: 'URI of the training data',
      predictions: "URI of the candidate's predictions on the evaluation data",
      output: 'URI of the profile to write',
    },
  },
  check: {
    app: 'drift-checker',
    command: 'check',
    summary:
      'compares live data with the reference profile of the champion, reports, and asks for a retraining when due',
    options: {
      config: 'path of the configuration file',
      only: '`performance` judges labels only, and neither drift nor data quality',
    },
  },
  collect: {
    app: 'drift-checker',
    command: 'collect',
    summary: 'takes live requests, responses and labels: counts them, and appends them to the prediction log',
    options: {
      config: 'path of the capture configuration file',
      buffer: 'directory on a disk where what was acknowledged waits for the store',
      port: 'port to listen on',
    },
  },
  compact: {
    app: 'drift-checker',
    command: 'compact',
    summary: 'makes Parquet partitions of what was collected: pairs, decodes, joins labels',
    options: { config: 'path of the capture configuration file' },
  },
  evaluate: {
    app: 'gate-evaluator',
    command: 'evaluate',
    summary: 'judges the candidate by the quality gates',
    options: {
      model: 'name of the model',
      gates: 'path of the gate file',
      metrics: "URI of the candidate's metrics",
      evaluation: 'URI under which relative paths of the gate file are found',
      run: 'name of the training run',
      reason: 'why the run was started',
      registry: 'address of the tracking server',
      decisions: 'URI under which the decision record is kept',
      namespace: 'namespace of the model, a label of its metrics',
      'fail-on-no': FAIL_ON_NO,
    },
  },
  register: {
    app: 'gate-evaluator',
    command: 'register',
    summary: 'registers the candidate as a new version with its lineage',
    options: {
      model: 'name of the model',
      artifact: 'URI of the trained artifact; also runs:/ID/PATH and models:/NAME/VERSION of the registry',
      store: 'URI under which the artifact is kept for serving, one folder a version',
      schema: 'path of the schema file',
      data: 'URI of the training data',
      metrics: "URI of the candidate's metrics",
      configuration: 'URI of the configuration that it was trained with, a flat JSON object; it may be absent',
      profile: 'URI of the reference profile',
      'git-commit': 'commit of the training code',
      run: 'name of the training run',
      reason: 'why the run was started',
      registry: 'address of the tracking server',
      decisions: 'URI under which the decision records are kept',
      namespace: 'namespace of the model, a label of its metrics',
    },
  },
  promote: {
    app: 'gate-evaluator',
    command: 'promote',
    summary: 'makes a version that passed its gates canary or champion',
    options: {
      model: 'name of the model',
      to: '`canary` or `production`',
      run: 'name of the training run whose version is promoted',
      reason: 'why',
      registry: 'address of the tracking server',
      decisions: 'URI under which the decision record is kept',
      namespace: 'namespace of the model, a label of its metrics',
    },
  },
  rollback: {
    app: 'gate-evaluator',
    command: 'rollback',
    summary: 'makes the version before, or a named one, champion again',
    options: {
      model: 'name of the model',
      to: 'version to go back to; empty for the champion before',
      reason: 'why',
      registry: 'address of the tracking server',
      namespace: 'namespace of the model, a label of its metrics',
      by: 'who or what asks',
    },
  },
  rolloutStart: {
    app: 'gate-evaluator',
    command: 'rollout start',
    summary: 'makes a version the canary, and brings up the candidate where the engine has one',
    options: {
      config: ROLLOUT_CONFIG,
      version: 'the version that is rolled out; empty for that of --run, or the newest that passed its gates',
      run: 'name of the training run whose version is rolled out; may be empty',
      reason: 'why',
      by: 'who or what asks',
    },
  },
  rolloutShadow: {
    app: 'gate-evaluator',
    command: 'rollout shadow',
    summary: 'copies a share of the traffic to the candidate, whose answers are dropped',
    options: { config: ROLLOUT_CONFIG, version: ROLLOUT_VERSION, percent: 'percent of the requests' },
  },
  rolloutWeight: {
    app: 'gate-evaluator',
    command: 'rollout weight',
    summary: 'gives the candidate a share of the traffic',
    options: { config: ROLLOUT_CONFIG, version: ROLLOUT_VERSION, percent: 'percent of the requests' },
  },
  rolloutUpdate: {
    app: 'gate-evaluator',
    command: 'rollout update',
    summary: 'brings the version to the stable object, and waits for its controller',
    options: { config: ROLLOUT_CONFIG, version: ROLLOUT_VERSION },
  },
  analyze: {
    app: 'gate-evaluator',
    command: 'analyze',
    summary: 'judges the candidate against the stable version by their live traffic',
    options: {
      config: ROLLOUT_CONFIG,
      version: ROLLOUT_VERSION,
      step: 'what it is judged at, for example `shadow 10 %`',
      by: 'who or what asks',
      'fail-on-no': FAIL_ON_NO,
    },
  },
  rolloutFinish: {
    app: 'gate-evaluator',
    command: 'rollout finish',
    summary: 'makes the candidate champion, and the stable object serve it',
    options: { config: ROLLOUT_CONFIG, version: ROLLOUT_VERSION, reason: 'why', by: 'who or what asks' },
  },
  rolloutRestore: {
    app: 'gate-evaluator',
    command: 'rollout restore',
    summary: 'makes the cluster serve the champion and nothing else, whatever state it is in',
    options: {
      config: ROLLOUT_CONFIG,
      reason: 'why a candidate that is not champion is given up',
      by: 'who or what asks',
    },
  },
} as const satisfies Record<string, CommandSpec>;

/**
 * The arguments of one call, in the order of the command's table. `true` renders a flag, `undefined` and `false`
 * leave the option out.
 */
export function renderArguments<C extends CommandSpec>(
  command: C,
  values: { readonly [K in keyof C['options']]?: string | boolean },
): string[] {
  const given = values as Readonly<Record<string, string | boolean | undefined>>;
  const options = Object.keys(command.options).flatMap((option) => {
    const value = given[option];
    if (value === undefined || value === false) return [];
    return value === true ? [`--${option}`] : [`--${option}`, value];
  });
  return [...command.command.split(' '), ...options];
}
