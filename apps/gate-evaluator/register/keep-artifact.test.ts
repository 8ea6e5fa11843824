import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { parseCall } from '../../common/command-line';
import { dataDigest } from '../../common/data-digest';
import { createLog } from '../../common/log';
import { type Context } from '../../common/run-app';
import { failureOf } from '../../common/testing/problems';
import { registerCommand } from '../commands/register';
import { keepArtifact } from './keep-artifact';
import { lineageTags, readLineage } from './lineage';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'artifact-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const at = (name: string): string => join(directory, name);
const log = createLog('test', 'silent');

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), text);
  }
}

function context(args: readonly string[] = [], signal = new AbortController().signal): Context {
  const call = parseCall(registerCommand, ['--model', 'churn', '--artifact', 'a', '--run', 'r', ...args]);
  return { call, log, env: {}, signal, print: () => undefined };
}

const FILES = { 'model/model.bin': 'weights', 'model/code/a/predict.py': 'pass', 'model/MLmodel': 'flavors: {}' };
const NAMES = ['MLmodel', 'code/a/predict.py', 'model.bin'];
const digest = (): Promise<string> => dataDigest(NAMES.map((name) => ({ name, path: at(`model/${name}`) })));
const files = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => name.includes('.') || name === 'MLmodel')
    .sort();

describe('an artifact', () => {
  test('that is a folder is kept with its folders, and has the digest of its files', async () => {
    write(FILES);
    const kept = await keepArtifact(context(), at('model'), { store: at('store/'), name: 'run-1' });
    expect(kept).toEqual({ uri: at('store/run-1'), digest: await digest() });
    expect(files(at('store/run-1'))).toEqual(NAMES);
    expect(readFileSync(at('store/run-1/code/a/predict.py'), 'utf8')).toBe('pass');
  });

  test('that is one file is a folder of one file', async () => {
    write({ 'model.onnx': 'graph' });
    const kept = await keepArtifact(context(), at('model.onnx'), { store: at('store'), name: 'run-1' });
    expect(kept.digest).toBe(await dataDigest([{ name: 'model.onnx', path: at('model.onnx') }]));
    expect(files(at('store/run-1'))).toEqual(['model.onnx']);
  });

  test('without a store stays where it is, at an address that holds elsewhere', async () => {
    write(FILES);
    const there = relative(process.cwd(), at('model'));
    expect(await keepArtifact(context(), there, undefined)).toEqual({ uri: at('model'), digest: await digest() });
    expect((await keepArtifact(context(), `file://${at('model')}`, undefined)).uri).toBe(`file://${at('model')}`);
  });

  test('of an empty file is one, of nothing is none', async () => {
    write({ 'empty/model.bin': '' });
    mkdirSync(at('nothing/in/it'), { recursive: true });
    expect((await keepArtifact(context(), at('empty'), { store: at('store'), name: 'a' })).uri).toBe(at('store/a'));
    for (const uri of [at('nothing'), at('missing')]) {
      expect(await failureOf(() => keepArtifact(context(), uri, undefined))).toEqual({
        exitCode: 2,
        problems: [`there is no artifact at '${uri}': the train step must leave it there`],
      });
    }
  });

  test('kept twice is kept once; beside other files it is refused, and they stay', async () => {
    write(FILES);
    const keep = (): ReturnType<typeof keepArtifact> =>
      keepArtifact(context(), at('model'), { store: at('store'), name: 'run-1' });
    expect(await keep()).toEqual(await keep());
    write({ 'store/run-1/old.bin': 'old' });
    expect(await failureOf(keep)).toEqual({
      exitCode: 2,
      problems: [
        `'${at('store/run-1')}' has 1 other files, for example 'old.bin': a folder belongs to one run; give this run a name of its own`,
      ],
    });
    expect(readFileSync(at('store/run-1/old.bin'), 'utf8')).toBe('old');
  });

  test('whose copy was killed half-way is kept by the next try, and nothing of the first is left', async () => {
    write({ ...FILES, 'store/run-1/model.bin.4711.part': 'wei' });
    await keepArtifact(context(), at('model'), { store: at('store'), name: 'run-1' });
    expect(files(at('store/run-1'))).toEqual(NAMES);
    write({ 'store/run-1/other.bin.4711.part': 'x' });
    const again = keepArtifact(context(), at('model'), { store: at('store'), name: 'run-1' });
    expect((await failureOf(() => again)).problems[0]).toContain("'other.bin.4711.part'");
  });

  test('whose copy is ended leaves no part of a file', async () => {
    write(FILES);
    const ended = AbortSignal.abort(new Error('ended by SIGTERM'));
    const kept = keepArtifact(context([], ended), at('model'), { store: at('store'), name: 'run-1' });
    await failureOf(() => kept);
    expect(files(at('store/run-1'))).toEqual([]);
  });

  test.each<[string, () => void, RegExp]>([
    ['a link to nothing', () => symlinkSync(at('gone'), at('model/link')), /^cannot read '.*model\/link': ENOENT/],
    [
      'a link to a folder',
      () => symlinkSync(at('model/code'), at('model/link')),
      /^'.*model\/link' is no file: only files and their folders can be kept$/,
    ],
  ])('with %s is refused', async (_, spoil, problem) => {
    write(FILES);
    spoil();
    const { exitCode, problems } = await failureOf(() => keepArtifact(context(), at('model'), undefined));
    expect([exitCode, problems]).toEqual([2, [expect.stringMatching(problem)]]);
  });

  test('with a link to a file is kept with what the link names', async () => {
    write({ ...FILES, blob: 'big weights' });
    symlinkSync(at('blob'), at('model/link.bin'));
    await keepArtifact(context(), at('model'), { store: at('store'), name: 'run-1' });
    expect(readFileSync(at('store/run-1/link.bin'), 'utf8')).toBe('big weights');
  });

  test('is not kept where a file is in the way', async () => {
    write({ ...FILES, store: 'a file' });
    const kept = keepArtifact(context(), at('model'), { store: at('store'), name: 'run-1' });
    expect((await failureOf(() => kept)).problems[0]).toMatch(/^cannot (read|write) .*store/);
  });
});

describe('the lineage', () => {
  const lineage = (...args: string[]): ReturnType<typeof readLineage> => readLineage(context(args), 'churn');

  test('of nothing is nothing', async () => {
    expect(await lineage()).toEqual({ parameters: {} });
    expect(lineageTags({ parameters: {} }, { gitCommit: undefined, lifecycle: 'staged' })).toEqual({
      lifecycle: 'staged',
    });
  });

  test('the digest is that of the data, without what writers mark as none', async () => {
    write({
      'data/dt=1/a.csv': '1',
      'data/b.csv': '2',
      'data/_SUCCESS': '',
      'data/.crc/x': '3',
      'data/dt=1/_tmp.csv': '4',
    });
    const names = ['b.csv', 'dt=1/a.csv'];
    const expected = await dataDigest(names.map((name) => ({ name, path: at(`data/${name}`) })));
    expect((await lineage('--data', at('data'))).datasetDigest).toBe(expected);
    write({ 'p.json': '{"model": "churn", "data": {"digest": "sha256:said"}}', 'q.json': '{"model": "churn"}' });
    expect((await lineage('--data', at('data'), '--profile', at('p.json'))).datasetDigest).toBe('sha256:said');
    expect((await lineage('--data', at('data'), '--profile', at('q.json'))).datasetDigest).toBe(expected);
  });

  test('a configuration may be absent, and becomes texts', async () => {
    expect((await lineage('--configuration', at('none.json'))).parameters).toEqual({});
    write({
      'c.json': '{"a": 1, "b": "x", "c": [1, 2], "d": null, "e": {"f": true}, "long": "' + 'x'.repeat(6000) + '"}',
    });
    expect((await lineage('--configuration', at('c.json'))).parameters).toEqual({
      ...{ a: '1', b: 'x', c: '[1,2]', d: 'null', e: '{"f":true}', long: 'x'.repeat(6000) },
    });
  });

  test.each<[string, string, RegExp]>([
    ['--schema', '{"model": "other"}', /f\.json' is no schema file of 'churn': its 'model' is "other"$/],
    ['--schema', '{}', /is no schema file of 'churn': its 'model' is missing$/],
    ['--schema', '[]', /its 'model' is missing/],
    ['--schema', 'null', /its 'model' is missing/],
    ['--schema', '{', /f\.json:1:\d+: /],
    ['--profile', '{"model": 7}', /is no reference profile of 'churn': its 'model' is 7$/],
    ['--configuration', '[1]', /f\.json' must be a JSON object of names and values$/],
    ['--configuration', '"text"', /must be a JSON object/],
    ['--configuration', 'null', /must be a JSON object/],
    ['--configuration', `{"a": "${'x'.repeat(6001)}"}`, /^'a' in '.*f\.json' has 6001 characters, 6000 can be kept$/],
  ])('%s of %s is refused', async (option, text, problem) => {
    write({ 'f.json': text });
    const { exitCode, problems } = await failureOf(() => lineage(option, at('f.json')));
    expect([exitCode, problems[0]]).toEqual([2, expect.stringMatching(problem)]);
  });
});
