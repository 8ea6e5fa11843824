import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileRegistry } from '../registry/file-registry';
import { type Registry } from '../registry/registry';
import { dying } from '../registry/testing/dying-registry';
import { promote } from './promote';
import { rollback } from './rollback';

const directory = mkdtempSync(join(tmpdir(), 'promotion-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const MODEL = 'fraud';
let registries = 0;

/** A registry with versions that passed their gates. */
async function withVersions(count: number): Promise<FileRegistry> {
  const registry = new FileRegistry(join(directory, String(registries++)));
  for (let version = 1; version <= count; version++) {
    const runId = await registry.run(MODEL, `run-${version}`, {});
    const tags = { 'gate.verdict': 'pass', lifecycle: 'staged' };
    await registry.createVersion(MODEL, { source: `s3://models/${version}`, runId, tags });
  }
  return registry;
}

const production = (registry: Registry, version: string): ReturnType<typeof promote> =>
  promote({ registry, model: MODEL, version, to: 'production' });

/** Everything that a promotion may change. */
async function stateOf(registry: Registry): Promise<unknown> {
  const aliases = await Promise.all(
    ['champion', 'challenger', 'previous'].map(async (alias) => [
      alias,
      (await registry.versionByAlias(MODEL, alias))?.version,
    ]),
  );
  const versions = (await registry.versions(MODEL)).map(({ version, tags }) => [version, tags]);
  return { aliases: Object.fromEntries(aliases) as object, versions };
}

describe('promote', () => {
  test('to canary: the challenger, and nothing else', async () => {
    const registry = await withVersions(2);
    expect(await promote({ registry, model: MODEL, version: '2', to: 'canary' })).toMatchObject({ already: false });
    expect(await stateOf(registry)).toMatchObject({ aliases: { challenger: '2' } });
    expect((await registry.version(MODEL, '2'))?.tags.lifecycle).toBe('canary');
    expect((await promote({ registry, model: MODEL, version: '2', to: 'canary' })).already).toBe(true);
  });

  test('a champion does not become canary', async () => {
    const registry = await withVersions(1);
    await production(registry, '1');
    const before = await stateOf(registry);
    const { already, to } = await promote({ registry, model: MODEL, version: '1', to: 'canary' });
    expect([already, to]).toEqual([true, 'production']);
    expect(await stateOf(registry)).toEqual(before);
  });

  test('to production: champion, the one before archived and kept as previous, no challenger any more', async () => {
    const registry = await withVersions(2);
    expect((await production(registry, '1')).previous).toBeUndefined();
    await promote({ registry, model: MODEL, version: '2', to: 'canary' });
    const { previous, version } = await production(registry, '2');
    expect([previous?.version, version.version]).toEqual(['1', '2']);
    expect(await stateOf(registry)).toEqual({
      aliases: { champion: '2', challenger: undefined, previous: '1' },
      versions: [
        ['2', { 'gate.verdict': 'pass', lifecycle: 'production', previous_champion: '1' }],
        ['1', { 'gate.verdict': 'pass', lifecycle: 'archived' }],
      ],
    });
  });

  test('twice is once', async () => {
    const registry = await withVersions(3);
    for (const version of ['1', '2', '3']) await production(registry, version);
    const before = await stateOf(registry);
    expect((await production(registry, '3')).already).toBe(true);
    expect(await stateOf(registry)).toEqual(before);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'failed its gates',
      { 'gate.verdict': 'fail' },
      /has the verdict 'fail': only what passed its quality gates is promoted/,
    ],
    ['is inconclusive', { 'gate.verdict': 'inconclusive' }, /has the verdict 'inconclusive'/],
    ['was never evaluated', {}, /was never evaluated: only what passed/],
  ])('a version that %s is not promoted', async (_, tags, message) => {
    const registry = await withVersions(0);
    await registry.createVersion(MODEL, { source: 's3://a', runId: await registry.run(MODEL, 'run', {}), tags });
    await expect(production(registry, '1')).rejects.toThrow(message);
    expect(await registry.versionByAlias(MODEL, 'champion')).toBeUndefined();
  });

  test('a version that is not there, or pending, is said', async () => {
    const registry = await withVersions(1);
    await expect(production(registry, '9')).rejects.toThrow(/model 'fraud' has no version 9 in file:/);
    const pending: Registry = Object.assign(Object.create(registry) as Registry, {
      version: async () => ({ ...(await registry.version(MODEL, '1'))!, ready: false }),
    });
    await expect(production(pending, '1')).rejects.toThrow(/version 1 of 'fraud' is still pending/);
  });

  test('two at once: one wins, the other is refused by name', async () => {
    const registry = await withVersions(3);
    await production(registry, '1');
    const outcomes = await Promise.allSettled([production(registry, '2'), production(registry, '3')]);
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed.map(({ reason }) => String(reason))).toEqual([
      expect.stringMatching(
        /cannot promote version \d to production of 'fraud': since .* somebody wants to promote version \d/,
      ),
    ]);
    const won = outcomes[0].status === 'fulfilled' ? '2' : '3';
    expect(await stateOf(registry)).toMatchObject({ aliases: { champion: won, previous: '1' } });
  });

  test('somebody who writes past the lock is noticed', async () => {
    const registry = await withVersions(2);
    const meddled: Registry = Object.assign(Object.create(registry) as Registry, {
      setAlias: (model: string, alias: string) => registry.setAlias(model, alias, '1'),
    });
    await expect(production(meddled, '2')).rejects.toThrow(/alias 'champion' of 'fraud' names 1, 2 was written/);
  });
});

describe('rollback', () => {
  test('to the one before, and again to the one before that', async () => {
    const registry = await withVersions(3);
    for (const version of ['1', '2', '3']) await production(registry, version);
    const { version, takenBack } = await rollback({ registry, model: MODEL, reason: 'errors' });
    expect([version.version, takenBack?.version]).toEqual(['2', '3']);
    expect(await stateOf(registry)).toMatchObject({ aliases: { champion: '2', previous: '1' } });
    expect((await registry.version(MODEL, '3'))?.tags).toMatchObject({ lifecycle: 'archived', rolled_back: 'errors' });
    expect((await registry.version(MODEL, '2'))?.tags.lifecycle).toBe('production');
    await rollback({ registry, model: MODEL, reason: 'more errors' });
    expect(await stateOf(registry)).toMatchObject({ aliases: { champion: '1', previous: undefined } });
    await expect(rollback({ registry, model: MODEL, reason: 'x' })).rejects.toThrow(
      /version 1 is the first champion of 'fraud'/,
    );
  });

  test('to a named version, and from one that is champion no more does nothing', async () => {
    const registry = await withVersions(3);
    for (const version of ['1', '2', '3']) await production(registry, version);
    await rollback({ registry, model: MODEL, from: '3', to: '1', reason: 'x' });
    const state = await stateOf(registry);
    expect(state).toMatchObject({ aliases: { champion: '1' } });
    expect((await rollback({ registry, model: MODEL, from: '3', to: '1', reason: 'x' })).takenBack).toBeUndefined();
    expect(await stateOf(registry)).toEqual(state);
    await expect(rollback({ registry, model: MODEL, to: '1', reason: 'x' })).rejects.toThrow(/is the champion already/);
    await expect(rollback({ registry, model: MODEL, to: '9', reason: 'x' })).rejects.toThrow(/has no version 9/);
  });

  test('a version that was taken back can be promoted again', async () => {
    const registry = await withVersions(2);
    await production(registry, '1');
    await production(registry, '2');
    await rollback({ registry, model: MODEL, from: '2', reason: 'x' });
    await production(registry, '2');
    expect(await stateOf(registry)).toMatchObject({ aliases: { champion: '2', previous: '1' } });
    expect((await rollback({ registry, model: MODEL, from: '2', reason: 'y' })).takenBack?.version).toBe('2');
  });

  test('from a version that is not there, or never was champion, is refused', async () => {
    const registry = await withVersions(3);
    await production(registry, '1');
    await production(registry, '2');
    const before = await stateOf(registry);
    for (const [from, message] of [
      ['9', /version 9 of 'fraud' does not exist \(version 2 is champion\): nothing was changed/],
      ['3', /version 3 of 'fraud' is not champion, and was never taken back/],
      ['1', /version 1 of 'fraud' is not champion, and was never taken back/],
    ] as const)
      await expect(rollback({ registry, model: MODEL, from, reason: 'x' })).rejects.toThrow(message);
    expect(await stateOf(registry)).toEqual(before);
  });

  test('without a champion there is nothing to roll back', async () => {
    await expect(rollback({ registry: await withVersions(1), model: MODEL, reason: 'x' })).rejects.toThrow(
      /has no champion/,
    );
  });
});

describe.each<[string, (registry: Registry, prepare: () => Promise<void>) => Promise<unknown>]>([
  [
    'promote to canary',
    (registry, prepare) => promote({ registry, model: MODEL, version: '3', to: 'canary', prepare }),
  ],
  [
    'promote to production',
    (registry, prepare) => promote({ registry, model: MODEL, version: '3', to: 'production', prepare }),
  ],
  ['rollback', (registry, prepare) => rollback({ registry, model: MODEL, reason: 'x', prepare })],
])('%s of a version that cannot be prepared', (_, run) => {
  test('changes nothing, and keeps nobody away', async () => {
    const registry = await withVersions(3);
    await production(registry, '1');
    await production(registry, '2');
    const before = await stateOf(registry);
    await expect(run(registry, () => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
    expect(await stateOf(registry)).toEqual(before);
    expect(await registry.lock(MODEL, 'somebody else')).toEqual({ taken: true });
  });
});

describe.each<[string, (registry: Registry) => Promise<unknown>]>([
  ['promote to canary', (registry) => promote({ registry, model: MODEL, version: '3', to: 'canary' })],
  ['promote to production', (registry) => production(registry, '3')],
  ['rollback', (registry) => rollback({ registry, model: MODEL, from: '2', reason: 'errors' })],
  [
    'rollback to a named version',
    (registry) => rollback({ registry, model: MODEL, from: '2', to: '1', reason: 'errors' }),
  ],
])('%s, killed at any call and run again, ends as if nothing had happened', (_, run) => {
  const prepared = async (): Promise<FileRegistry> => {
    const registry = await withVersions(3);
    await production(registry, '1');
    await production(registry, '2');
    await promote({ registry, model: MODEL, version: '3', to: 'canary' });
    return registry;
  };

  test.each(['before', 'after'] as const)('%s the call', async (when) => {
    const undisturbed = await prepared();
    await run(undisturbed);
    const expected = await stateOf(undisturbed);
    let kills = 0;
    for (let nth = 1; ; nth++) {
      const registry = await prepared();
      const victim = dying(registry, nth, when);
      await run(victim.registry).catch(() => undefined);
      if (!victim.died()) break;
      kills++;
      await run(registry);
      expect({ nth, state: await stateOf(registry) }).toEqual({ nth, state: expected });
    }
    expect(kills).toBeGreaterThan(5);
  });
});
