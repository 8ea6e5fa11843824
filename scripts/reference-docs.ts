import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import * as z from 'zod';
import * as contract from 'cdk8s-mlops/contract';
import { type CommandSpec, type DerivedName, type MetricSpec } from 'cdk8s-mlops/contract';
import { CAPTURE_CONFIG } from '../apps/drift-checker/config/capture-config';
import { DRIFT_CHECK_CONFIG } from '../apps/drift-checker/config/drift-check-config';
import { MODEL_SCHEMA_FILE } from '../apps/drift-checker/config/model-schema-file';
import { ROLLOUT_FILE } from '../apps/gate-evaluator/config/rollout-file';
import { docComments } from './doc-comments';

/**
 * Writes docs/reference: contract.md from the tables of lib/contract, and the JSON Schemas of the files that the containers read.
 * With `--check` only says what is not current.
 */
const DIRECTORY = join(__dirname, '../docs/reference');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const code = (text: string): string => `\`${text}\``;

function pairs(head: readonly [string, string], entries: Readonly<Record<string, string | number>>): string {
  return table(
    head,
    Object.entries(entries).map(([name, value]) => [name, code(String(value))]),
  );
}

const COMMENTS = docComments(join(__dirname, '../lib/contract'));

/** What the contract says of one of its constants, or of an entry. */
function comment(name: string): string {
  const text = COMMENTS.get(name);
  if (text === undefined) throw new Error(`lib/contract: ${name} has no comment`);
  return text.replaceAll(/\{@link ([^}]+)\}/g, '`$1`');
}

/** A constant's values with what the comments above them say. */
function meanings(head: string, constant: keyof typeof contract): string {
  const entries = Object.entries(contract[constant] as Readonly<Record<string, string>>);
  return table(
    [head, 'meaning'],
    entries.map(([key, value]) => [code(value), comment(`${constant}.${key}`)]),
  );
}

function metrics(): string {
  const rows = (Object.values(contract.METRICS) as MetricSpec[]).map(({ name, type, unit, labels, help, from }) => [
    ...[code(name), type, unit, labels.map(code).join(' '), help, from],
  ]);
  return table(['metric', 'type', 'unit', 'labels', 'meaning', 'from'], rows);
}

function commands(): string {
  return (Object.values(contract.COMMANDS) as CommandSpec[])
    .map(({ app, command, summary, options }) => {
      const rows = Object.entries(options).map(([option, meaning]) => [code(`--${option}`), meaning]);
      return `### \`${app} ${command}\`\n\n${summary[0]?.toUpperCase()}${summary.slice(1)}.\n\n${table(['option', 'meaning'], rows)}`;
    })
    .join('\n\n');
}

function derivedNames(): string {
  const rows = (Object.values(contract.DERIVED_NAMES) as DerivedName[]).map(({ suffix, limit, kind }) => [
    ...[code(`<model>${suffix}`), String(limit), kind],
  ]);
  return table(['name', 'longest', 'because of'], rows);
}

const DOCUMENT = `# Contract

Every name that crosses a process boundary. Generated from \`lib/contract\` by \`npm run docs\`; do not edit.

## Metrics

Drift scores have one direction: 0 is no drift, larger is worse.

${metrics()}

Short-lived jobs push under the grouping key ${contract.PUSH_GROUPING_LABELS.map(code).join(', ')}: what is now with
PUT, which replaces the group; when things happened with POST to a group of its own, so that it outlives the next check.

## Commands of the containers

${commands()}

## Exit codes

${pairs(['meaning', 'code'], contract.EXIT_CODES)}

## Output files

Under \`$OUTPUT_DIR\` (default \`${contract.DEFAULT_OUTPUT_DIR}\`).

${pairs(['answer', 'file'], contract.OUTPUT_FILES)}

## Environment of a training step

${pairs(['what', 'variable'], contract.STEP_ENVIRONMENT)}

## Workspace of a run

${pairs(['what', 'path'], contract.WORKSPACE_PATHS)}

## Prediction log

One row per instance, beside one column per feature; partitions ${contract.PREDICTION_LOG_PARTITIONS.map(code).join(', ')} (UTC).

${pairs(['what', 'column'], contract.PREDICTION_LOG_COLUMNS)}

## Capture

A collector listens on port ${contract.CAPTURE_PORT} of its pods; its Service has port ${contract.CAPTURE_SERVICE_PORT}.

${meanings('path', 'CAPTURE_PATHS')}

${meanings('folder of the prediction log', 'CAPTURE_FOLDERS')}

What is sent to it is of a \`kind\` (${contract.CAPTURE_KINDS.map(code).join(', ')}) and has an \`outcome\` in \`${contract.METRICS.captureEvents.name}\`.

${meanings('outcome', 'CAPTURE_OUTCOMES')}

What is wrong with events that were stored, by the \`kind\` of \`${contract.METRICS.captureFindings.name}\`.

${meanings('kind', 'CAPTURE_FINDINGS')}

What a compaction finds, by the \`kind\` of \`${contract.METRICS.compactionFindings.name}\`.

${meanings('kind', 'COMPACTION_FINDINGS')}

${comment('FEATURE_RECORDINGS')}

${table(
  ['variable', 'meaning'],
  (['CAPTURE_URL', 'CAPTURE_VERSION', 'CAPTURE_HASH_KEY'] as const).map((name) => [
    code(contract[name]),
    comment(name),
  ]),
)}

## Paired predictions

One row per row of the evaluation data, for tests of significance.

${pairs(['what', 'column'], contract.PAIRED_PREDICTION_COLUMNS)}

## MLflow

${pairs(['alias', 'name'], contract.MLFLOW_ALIASES)}

${pairs(['tag', 'name'], contract.MLFLOW_TAGS)}

${pairs(['lifecycle', 'value'], contract.LIFECYCLE)}

Artifacts of the version's run: the reference profile is \`${contract.REFERENCE_PROFILE_ARTIFACT}\`, the feature schema \`${contract.SCHEMA_ARTIFACT}\`;
what it was evaluated to is under \`${contract.EVALUATION_ARTIFACTS}\`, the decisions about it under \`${contract.DECISION_ARTIFACTS}\`.

## Kubernetes

Names of a model's objects; a model's name has at most ${contract.MODEL_NAME_MAX_LENGTH} characters because of them.

${derivedNames()}

${pairs(['label', 'key'], contract.LABELS)}

${pairs(['annotation', 'key'], contract.ANNOTATIONS)}

${pairs(['key of the ConfigMap `<model>-loop`', 'name'], contract.LOOP_KEYS)}
`;

const JSON_SCHEMA = 'https://json-schema.org/draft/2020-12/schema';

function jsonSchema(title: string, schema: z.ZodType): string {
  return JSON.stringify({ title, ...z.toJSONSchema(schema) });
}

const FILES: Readonly<Record<string, string>> = {
  'rollout.schema.json': jsonSchema('What a roll-out writes and judges by, rollout.yaml', ROLLOUT_FILE),
  'capture.schema.json': jsonSchema('Configuration of drift-checker collect and compact', CAPTURE_CONFIG),
  'contract.md': DOCUMENT,
  'drift-check.schema.json': jsonSchema('Configuration of drift-checker check', DRIFT_CHECK_CONFIG),
  'gates.schema.json': JSON.stringify({ $schema: JSON_SCHEMA, title: 'Gate file', ...contract.GATE_FILE_JSON_SCHEMA }),
  'model.schema.json': jsonSchema('Schema file of a model', MODEL_SCHEMA_FILE),
};

async function main(): Promise<number> {
  let stale = 0;
  for (const [name, content] of Object.entries(FILES)) {
    const path = join(DIRECTORY, name);
    const text = await format(content, { ...(await resolveConfig(path)), filepath: path });
    if (!process.argv.includes('--check')) writeFileSync(path, text);
    else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
      process.stderr.write(`docs/reference/${name} is not current: run \`npm run docs\`\n`);
      stale++;
    }
  }
  return Math.min(stale, 1);
}

void main().then((code) => (process.exitCode = code));
