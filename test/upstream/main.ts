import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROLLOUT_FIELD_MANAGER } from 'cdk8s-mlops/contract';
import { manifestFiles, readDocuments, synthesizeExamples } from '../support/manifests';
import { ApiServer } from './api-server';
import { buildJudges, judge, JUDGES, type Manifest, type Verdict } from './judges';
import { promtool } from './promtool';
import { SCHEMAS_VARIABLE } from './schemas';

const USAGE = `Holds every object of every example against the code that judges it in a cluster.

  npm run test:upstream -- --schemas DIR

  --schemas  directory with the CustomResourceDefinitions that the API server gets
  --quiet    print only what is wrong
  --build    only build the judges, which takes long on a new machine
`;

/** What is applied together: the steady manifests of a folder, and what is created once. */
interface ManifestSet {
  readonly name: string;
  readonly steady: readonly Manifest[];
  readonly bootstrap: readonly Manifest[];
}

const write = (text: string): void => void process.stdout.write(text);

function manifestSets(directory: string): ManifestSet[] {
  const sets = new Map<string, { steady: Manifest[]; bootstrap: Manifest[] }>();
  for (const file of manifestFiles(directory)) {
    const once = basename(dirname(file)) === 'bootstrap';
    const name = relative(directory, once ? dirname(dirname(file)) : dirname(file));
    const set = sets.get(name) ?? { steady: [], bootstrap: [] };
    set[once ? 'bootstrap' : 'steady'].push(...(readDocuments(file) as Manifest[]));
    sets.set(name, set);
  }
  return [...sets].map(([name, { steady, bootstrap }]) => ({
    ...{ name, bootstrap },
    steady: [...steady, ...secretsOfReceivers(steady)],
  }));
}

/** The Secrets that a person brings for the receivers of alerts: the Prometheus operator reads them when it builds the configuration. */
function secretsOfReceivers(objects: readonly Manifest[]): Manifest[] {
  const keys = new Map<string, { namespace: string; name: string; keys: Set<string> }>();
  const visit = (value: unknown, namespace: string): void => {
    if (typeof value !== 'object' || value === null) return;
    const { name, key } = value as { name?: unknown; key?: unknown };
    if (typeof name === 'string' && typeof key === 'string') {
      const secret = keys.get(`${namespace}/${name}`) ?? { namespace, name, keys: new Set() };
      secret.keys.add(key);
      keys.set(`${namespace}/${name}`, secret);
    }
    for (const each of Object.values(value)) visit(each, namespace);
  };
  for (const object of objects.filter(({ kind }) => kind === 'AlertmanagerConfig')) {
    visit(object, object.metadata.namespace ?? '');
  }
  return [...keys.values()].map(({ namespace, name, keys: all }) => ({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name } },
    // An address, because a webhook's is a secret, too.
    stringData: Object.fromEntries([...all].map((key) => [key, 'https://receiver.example.com/'])),
  }));
}

const title = ({ kind, metadata }: Manifest): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;

/** Creates what is created once, applies the rest twice as a person would, and cleans up. */
async function applied(server: ApiServer, { steady, bootstrap }: ManifestSet): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const custom = (objects: readonly Manifest[]): Manifest[] => objects.filter((object) => server.knows(object));
  const record = (object: Manifest, how: string, status: number, message: unknown): void => {
    const problems = status < 300 ? [] : [`${how}: ${status} ${String(message)}`];
    verdicts.push({ judge: 'apiserver', object: `${title(object)} (${how})`, problems });
  };
  for (const object of custom(bootstrap)) {
    const { status, body } = await server.create(object, ROLLOUT_FIELD_MANAGER);
    record(object, 'created once', status, body.message);
  }
  for (const how of ['applied', 'applied again']) {
    for (const object of custom(steady)) {
      const { status, body } = await server.apply(object, { fieldManager: 'kubectl', force: true });
      record(object, how, status, body.message);
    }
  }
  for (const object of custom([...steady, ...bootstrap])) await server.delete(object);
  return verdicts;
}

function verdictsOn(objects: readonly Manifest[]): Verdict[] {
  return [...JUDGES.flatMap((name) => judge(name, objects)), ...promtool(objects)];
}

/** A Rollout gets its steps with the steady manifests: until then Argo Rollouts says that it is not valid, and starts no pods. */
const NOT_YET = /missing field '\.spec\.strategy\./;

/** What is said of the objects that are created once, among the neighbours that they refer to. */
function bootstrapVerdicts({ steady, bootstrap }: ManifestSet): Verdict[] {
  const titles = new Set(bootstrap.map(title));
  const neighbours = steady.filter((object) => !titles.has(title(object)));
  return verdictsOn([...neighbours, ...bootstrap])
    .filter(({ object }) => titles.has(object))
    .map(({ judge: name, object, problems }) => ({
      ...{ judge: name, object: `${object} (bootstrap)` },
      problems: problems.filter((problem) => !NOT_YET.test(problem)),
    }));
}

async function judgeAll(directory: string, schemas: string): Promise<Verdict[]> {
  const server = await ApiServer.start(schemas);
  try {
    const verdicts: Verdict[] = [];
    for (const set of manifestSets(directory)) {
      const read = [...verdictsOn(set.steady), ...bootstrapVerdicts(set)];
      const here = [...read, ...(await applied(server, set))];
      verdicts.push(...here.map((verdict) => ({ ...verdict, object: `${set.name}: ${verdict.object}` })));
    }
    return verdicts;
  } finally {
    await server.stop();
  }
}

/** Runs the tests that plant faults, and those of field ownership; they need the same servers and schemas. */
function seenToJudge(schemas: string): number {
  const jest = [join(__dirname, '../../node_modules/jest/bin/jest.js'), '--selectProjects', 'upstream', '--runInBand'];
  const env = { ...process.env, [SCHEMAS_VARIABLE]: resolve(schemas) };
  return spawnSync(process.execPath, jest, { cwd: join(__dirname, '../..'), env, stdio: 'inherit' }).status ?? 1;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      schemas: { type: 'string' },
      quiet: { type: 'boolean', default: false },
      build: { type: 'boolean', default: false },
    },
  });
  if (values.build) {
    buildJudges(write);
    return 0;
  }
  if (values.schemas === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  buildJudges(write);
  const directory = synthesizeExamples(write);
  try {
    const verdicts = await judgeAll(directory, values.schemas);
    const failed = verdicts.filter(({ problems }) => problems.length > 0);
    for (const { judge: name, object, problems } of values.quiet ? failed : verdicts) {
      write(`${problems.length > 0 ? 'FAIL' : 'ok  '} ${name.padEnd(19)} ${object}\n`);
      for (const problem of problems) write(`       ${problem}\n`);
    }
    write(`upstream: ${verdicts.length - failed.length} passed, ${failed.length} failed\n`);
    // A run that saw nothing proves nothing.
    if (failed.length > 0 || verdicts.length === 0) return 1;
    return seenToJudge(values.schemas);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

void main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  },
);
