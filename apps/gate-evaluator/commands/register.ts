import {
  COMMANDS,
  EXIT_CODES,
  LIFECYCLE,
  MLFLOW_ALIASES,
  MLFLOW_TAGS,
  REFERENCE_PROFILE_ARTIFACT,
  SCHEMA_ARTIFACT,
} from 'cdk8s-mlops/contract';
import { type Call, contractOptions } from '../../common/command-line';
import { Failure } from '../../common/failure';
import { readText } from '../../common/object-store';
import { clearOutputs, outputDirectory } from '../../common/outputs';
import { type Context, type RunnableCommand } from '../../common/run-app';
import { importanceArtifact } from '../measured/derived-metrics';
import { parseNumbers, readNumberFile } from '../measured/number-file';
import { keepArtifact, type KeptArtifact, type RegistryArtifact } from '../register/keep-artifact';
import { type Lineage, lineageTags, readLineage } from '../register/lineage';
import { holdingLock } from '../registry/holding-lock';
import { type RegisteredVersion, type Registry } from '../registry/registry';
import { answer, asked, DECIDING_OPTIONS, recordDecision } from './decide';
import { REGISTRY_HELP, registryOrDirectory } from './open-registry';
import { lineageOf } from './promote';
import { versionRoles } from './version-metrics';
import { versionOfRun } from './version-of-run';

const spec = contractOptions(COMMANDS.register, [], ['model', 'artifact', 'run']);

export const registerCommand: RunnableCommand = {
  name: COMMANDS.register.command,
  summary: COMMANDS.register.summary,
  options: {
    ...spec,
    store: { ...spec.store!, default: 'the artifact stays where it is' },
    registry: { help: REGISTRY_HELP, value: 'ADDRESS' },
    adopt: { help: 'takes in a model that runs already: it becomes champion, without having passed gates' },
    importances: { help: 'URI of feature importances, which later candidates are compared with', value: 'URI' },
    'data-version': { help: 'version of the training data, as whoever keeps it calls it', value: 'TEXT' },
    ...DECIDING_OPTIONS,
  },
  examples: [
    'gate-evaluator register --model fraud-detector --artifact ./model --store s3://models/fraud-detector --run ci-4711 --metrics metrics.json --registry http://mlflow:5000',
    'gate-evaluator register --adopt --model fraud-detector --artifact s3://models/fraud-detector/live --run adopted --profile profile.json --registry http://mlflow:5000 --reason "runs since May"',
  ],
  run,
};

async function run(context: Context): Promise<number> {
  const { call, env, log, print } = context;
  await clearOutputs(outputDirectory(env));
  const [model, name, artifactUri] = ['model', 'run', 'artifact'].map((option) => call.text(option)!) as [
    string,
    string,
    string,
  ];
  const adopts = call.flag('adopt');
  const registry = registryOrDirectory(context);
  const lineage = await readLineage(context, model);
  const [metrics, importances] = [await readMetrics(call), await readImportances(call)];
  if (adopts) await refuseSecondChampion(registry, model, name);
  const known = await versionOfRun(registry, model, name);
  const artifact = known ? await sameArtifact(context, registry, known) : await keepNew(context, registry);
  const runId = await registry.run(model, name, runTags(call));
  await keepLineage(call, registry, runId, { lineage, metrics, importances });
  const version = await createVersion(context, registry, { model, name, runId, artifact, lineage, adopts });
  const decision = {
    ...{
      action: adopts ? ('adopt' as const) : ('register' as const),
      model,
      modelVersion: version.version,
      run: name,
      runId,
    },
    ...{ at: new Date().toISOString(), ...asked(context), to: adopts ? LIFECYCLE.production : LIFECYCLE.staged },
    inputs: { artifact: artifactUri, ...lineageOf(version.tags) },
  };
  const record = await recordDecision(
    context,
    registry,
    decision,
    ({ action, modelVersion }) => action === decision.action && modelVersion === version.version,
  );
  log.info({ model, version: version.version, artifact: artifact.uri }, 'registered');
  print(
    `${model}: version ${version.version} ${adopts ? 'is adopted as champion' : 'is registered'} in ${registry.address}, artifact ${artifact.uri}`,
  );
  await answer(context, {
    record,
    outputs: { passed: 'true', modelVersion: version.version },
    version: version.version,
    metrics: await versionRoles(registry, model),
  });
  return EXIT_CODES.judged;
}

/** The artifact of the call; an address of the registry's own is resolved. */
async function artifactOf({ call }: Context, registry: Registry): Promise<string | RegistryArtifact> {
  const uri = call.text('artifact')!;
  const found = await registry.artifactAt(uri);
  return typeof found === 'string' ? found : { uri, files: found };
}

async function keepNew(context: Context, registry: Registry): Promise<KeptArtifact> {
  const { call } = context;
  const store = call.text('store');
  const artifact = await artifactOf(context, registry);
  if (store !== undefined) return keepArtifact(context, artifact, { store, name: call.text('run')! });
  if (typeof artifact === 'string') return keepArtifact(context, artifact, undefined);
  throw Failure.configuration(
    `'${artifact.uri}' lies in ${registry.address}, where no serving runtime finds it: name a folder of an object store with --store`,
  );
}

/** A command that is run again finds its version, whose artifact may be serving: it is compared, and not written again. */
async function sameArtifact(context: Context, registry: Registry, known: RegisteredVersion): Promise<KeptArtifact> {
  const name = context.call.text('run');
  const { digest } = await keepArtifact(context, await artifactOf(context, registry), undefined);
  const { artifactSha256, artifactUri } = MLFLOW_TAGS;
  if (known.tags[artifactSha256] === digest) return { digest, uri: known.tags[artifactUri] ?? known.source ?? '' };
  throw Failure.configuration(
    `the run '${name}' is version ${known.version} already, with another artifact (${known.tags[artifactSha256]}, not ${digest}): give the new one a run of its own`,
  );
}

async function readMetrics(call: Call): Promise<Readonly<Record<string, number>>> {
  const uri = call.text('metrics');
  if (uri === undefined) return {};
  const file = await readNumberFile(uri, 'the metrics');
  if (!file) throw Failure.configuration(`there are no metrics at '${uri}'`);
  return file.values;
}

/** Name of the artifact, and text. */
async function readImportances(call: Call): Promise<Record<string, string>> {
  const uri = call.text('importances');
  if (uri === undefined) return {};
  const text = await readText(uri);
  if (text === undefined) throw Failure.configuration(`there are no feature importances at '${uri}'`);
  parseNumbers(text, uri, 'the feature importances');
  return { [importanceArtifact(uri)]: text };
}

/** MLflow's own names where it has some: its pages show them. */
function runTags(call: Call): Record<string, string> {
  const [commit, data, version] = [call.text('git-commit'), call.text('data'), call.text('data-version')];
  return {
    ...(commit !== undefined && { 'mlflow.source.git.commit': commit }),
    ...(data !== undefined && { 'dataset.uri': data }),
    ...(version !== undefined && { 'dataset.version': version }),
  };
}

async function refuseSecondChampion(registry: Registry, model: string, name: string): Promise<void> {
  const champion = await registry.versionByAlias(model, MLFLOW_ALIASES.champion);
  if (!champion || champion.tags[MLFLOW_TAGS.trainingRun] === name) return;
  throw Failure.configuration(
    `'${model}' has a champion already, version ${champion.version}: --adopt is for a model that has none; register the candidate, evaluate and promote it`,
  );
}

async function keepLineage(
  call: Call,
  registry: Registry,
  runId: string,
  {
    lineage,
    metrics,
    importances,
  }: {
    readonly lineage: Lineage;
    readonly metrics: Readonly<Record<string, number>>;
    readonly importances: Readonly<Record<string, string>>;
  },
): Promise<void> {
  await registry.logRun(runId, { metrics, parameters: lineage.parameters });
  const { schema, profile, datasetDigest } = lineage;
  const kept: Record<string, string | undefined> = {
    [SCHEMA_ARTIFACT]: schema,
    [REFERENCE_PROFILE_ARTIFACT]: profile,
    ...importances,
  };
  for (const [path, text] of Object.entries(kept))
    if (text !== undefined) await registry.putArtifact(runId, path, text);
  if (datasetDigest !== undefined) {
    const uri = call.text('data') ?? 'unknown';
    await registry.logDataset(runId, { name: call.text('data-version') ?? 'training', uri, digest: datasetDigest });
  }
}

interface NewVersionOptions {
  readonly model: string;
  readonly name: string;
  readonly runId: string;
  readonly artifact: KeptArtifact;
  readonly lineage: Lineage;
  readonly adopts: boolean;
}

async function createVersion(
  { call }: Context,
  registry: Registry,
  { model, name, runId, artifact, lineage, adopts }: NewVersionOptions,
): Promise<RegisteredVersion> {
  // What `evaluate` said of this run: a version without it cannot be promoted.
  const { tags: judged } = await registry.runData(runId);
  const tags = lineageTags(lineage, {
    ...{
      gitCommit: call.text('git-commit'),
      trainingRun: name,
      artifactUri: artifact.uri,
      artifactSha256: artifact.digest,
    },
    ...{ gateVerdict: judged[MLFLOW_TAGS.gateVerdict], gateReportSha256: judged[MLFLOW_TAGS.gateReportSha256] },
    lifecycle: adopts ? LIFECYCLE.production : LIFECYCLE.staged,
  });
  const action = `register run '${name}'`;
  return holdingLock(registry, model, { action, waits: true }, async () => {
    // Again, now that nobody else can make one.
    if (adopts) await refuseSecondChampion(registry, model, name);
    const version = await registry.createVersion(model, { source: artifact.uri, runId, tags });
    if (!adopts) return version;
    if (version.tags[MLFLOW_TAGS.lifecycle] !== LIFECYCLE.production)
      await registry.setVersionTag(model, version.version, MLFLOW_TAGS.lifecycle, LIFECYCLE.production);
    await registry.setAlias(model, MLFLOW_ALIASES.champion, version.version);
    return version;
  });
}
