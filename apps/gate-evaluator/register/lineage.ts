import { MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { artifactFiles, transferFiles } from '../../common/artifact-files';
import { isHidden } from '../../common/data/data-source';
import { Failure } from '../../common/failure';
import { readText } from '../../common/object-store';
import { type Context } from '../../common/run-app';
import { parseValue } from '../../common/yaml-file';

/** What was found of a candidate besides its artifact. */
export interface Lineage {
  readonly datasetDigest?: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Texts that become artifacts of the run. */
  readonly schema?: string;
  readonly profile?: string;
}

/**
 * Reads what a version is made of.
 *
 * @throws Failure when something that was named is not there, or is of another model
 */
export async function readLineage(context: Context, model: string): Promise<Lineage> {
  const { call } = context;
  const [schemaUri, profileUri, configurationUri] = [
    call.text('schema'),
    call.text('profile'),
    call.text('configuration'),
  ];
  const schema = schemaUri === undefined ? undefined : await readOwn(schemaUri, 'schema file', model);
  const profile = profileUri === undefined ? undefined : await readOwn(profileUri, 'reference profile', model);
  const digest = profile && digestOfProfile(profile.value);
  const data = call.text('data');
  return {
    datasetDigest: digest ?? (data === undefined ? undefined : await digestOfData(context, data)),
    parameters: configurationUri === undefined ? {} : await readParameters(configurationUri, context),
    schema: schema?.text,
    profile: profile?.text,
  };
}

interface OwnFile {
  readonly text: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** A JSON file that names its model. */
async function readOwn(uri: string, what: string, model: string): Promise<OwnFile> {
  const text = await readText(uri);
  if (text === undefined) throw Failure.configuration(`there is no ${what} at '${uri}'`);
  const value = parseValue(text, uri) as Readonly<Record<string, unknown>> | null;
  const named = typeof value === 'object' ? value?.model : undefined;
  if (named !== model) {
    throw Failure.configuration(
      `'${uri}' is no ${what} of '${model}': its 'model' is ${named === undefined ? 'missing' : JSON.stringify(named)}`,
    );
  }
  return { text, value: value! };
}

/** The profile was made of the training data, and says of which. */
function digestOfProfile({ data }: OwnFile['value']): string | undefined {
  const digest = (data as { digest?: unknown } | undefined)?.digest;
  return typeof digest === 'string' ? digest : undefined;
}

async function digestOfData({ log, signal }: Context, uri: string): Promise<string> {
  const files = (await artifactFiles(uri)).filter(({ name }) => !isHidden(name));
  if (files.length === 0) throw Failure.configuration(`there is no training data at '${uri}'`);
  log.info({ files: files.length }, 'no profile says which data this is: reading all of it');
  return transferFiles(files, undefined, () => undefined, signal);
}

/** Longest value that MLflow keeps of a parameter. */
const MAX_VALUE = 6_000;

async function readParameters(uri: string, { log }: Context): Promise<Record<string, string>> {
  const text = await readText(uri);
  if (text === undefined) {
    log.info({ uri }, 'no configuration was left: the version does not say what it was trained with');
    return {};
  }
  const value = parseValue(text, uri);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw Failure.configuration(`'${uri}' must be a JSON object of names and values`);
  const entries = Object.entries(value).map(([name, each]): [string, string] => [
    name,
    typeof each === 'string' ? each : JSON.stringify(each),
  ]);
  const long = entries.filter(([, each]) => each.length > MAX_VALUE);
  if (long.length > 0)
    throw Failure.configuration(
      ...long.map(([name, each]) => `'${name}' in '${uri}' has ${each.length} characters, ${MAX_VALUE} can be kept`),
    );
  return Object.fromEntries(entries);
}

/** Tags of a version that say what it is made of; what is not known has none. */
export function lineageTags(
  { datasetDigest }: Lineage,
  more: Readonly<Partial<Record<keyof typeof MLFLOW_TAGS, string>>>,
): Record<string, string> {
  const all = { datasetDigest, ...more };
  return Object.fromEntries(
    Object.entries(all).flatMap(([key, value]) =>
      value ? [[MLFLOW_TAGS[key as keyof typeof MLFLOW_TAGS], value]] : [],
    ),
  );
}
