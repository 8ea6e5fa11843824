import { existsSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promote } from '../promotion/promote';
import { FileRegistry } from '../registry/file-registry';
import { type Registry } from '../registry/registry';
import { dying } from '../registry/testing/dying-registry';
import { giveUp, type GivenUp } from './give-up';

const directory = mkdtempSync(join(tmpdir(), 'give-up-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const MODEL = 'fraud';
let registries = 0;
let recorded: string[];
beforeEach(() => (recorded = []));

/** Two champions, the second of which is live, and a canary. */
async function withCanary(): Promise<FileRegistry> {
  const registry = new FileRegistry(join(directory, String(registries++)));
  for (const version of ['1', '2', '3']) {
    const runId = await registry.run(MODEL, `run-${version}`, {});
    const tags = { 'gate.verdict': 'pass', lifecycle: 'staged' };
    await registry.createVersion(MODEL, { source: `s3://models/${version}`, runId, tags });
    await promote({ registry, model: MODEL, version, to: version === '3' ? 'canary' : 'production' });
  }
  return registry;
}

const give = (registry: Registry): Promise<GivenUp> =>
  giveUp({
    ...{ registry, model: MODEL, reason: 'slow' },
    record: ({ version }) => Promise.resolve(void recorded.push(`abort ${version}`)),
    recordPromotion: ({ version }) => Promise.resolve(void recorded.push(`promote ${version.version}`)),
  });

const finish = (registry: Registry): Promise<unknown> =>
  promote({
    ...{ registry, model: MODEL, version: '3', to: 'production' },
    record: ({ version }) => Promise.resolve(void recorded.push(`promote ${version.version}`)),
  });

async function stateOf(registry: Registry): Promise<Record<string, unknown>> {
  const named = ['champion', 'challenger', 'previous'].map((alias) => registry.versionByAlias(MODEL, alias));
  const [champion, challenger, previous] = (await Promise.all(named)).map((found) => found?.version);
  const versions = (await registry.versions(MODEL)).reverse();
  const rolledBack = versions.map(({ tags }) => tags.rolled_back).filter(Boolean);
  return { champion, challenger, previous, lifecycles: versions.map(({ tags }) => tags.lifecycle), rolledBack };
}

/** Lets the minutes pass after which a lock ends whose owner never came back. */
function expireLock(): void {
  const lock = join(directory, String(registries - 1), 'models', `${MODEL}.lock`);
  if (existsSync(lock)) utimesSync(lock, 0, 0);
}

const GIVEN_UP = {
  ...{ champion: '2', challenger: undefined, previous: '1' },
  ...{ lifecycles: ['archived', 'production', 'archived'], rolledBack: ['slow'] },
};
const PROMOTED = {
  ...{ champion: '3', challenger: undefined, previous: '2' },
  ...{ lifecycles: ['archived', 'archived', 'production'], rolledBack: [] },
};

test('a canary is archived, says why, and is recorded once', async () => {
  const registry = await withCanary();
  expect((await give(registry)).givenUp?.version).toBe('3');
  expect(await stateOf(registry)).toEqual(GIVEN_UP);
  expect((await give(registry)).givenUp).toBeUndefined();
  expect([recorded, await stateOf(registry)]).toEqual([['abort 3'], GIVEN_UP]);
});

test('without a champion, a canary is given up as well', async () => {
  const registry = await withCanary();
  await registry.deleteAlias(MODEL, 'champion');
  expect((await give(registry)).givenUp?.version).toBe('3');
  expect((await stateOf(registry)).challenger).toBeUndefined();
});

describe.each(['before', 'after'] as const)('killed %s any call', (when) => {
  test('and run again, it ends the same', async () => {
    let kills = 0;
    for (let nth = 1; ; nth++) {
      const registry = await withCanary();
      const victim = dying(registry, nth, when);
      await give(victim.registry).catch(() => undefined);
      if (!victim.died()) break;
      kills++;
      await give(registry);
      expect({ nth, state: await stateOf(registry) }).toEqual({ nth, state: GIVEN_UP });
    }
    expect(kills).toBeGreaterThan(5);
  });

  test('a promotion is finished when the champion had changed, and taken back otherwise', async () => {
    const ends = new Set<unknown>();
    for (let nth = 1; ; nth++) {
      const registry = await withCanary();
      const victim = dying(registry, nth, when);
      recorded = [];
      await finish(victim.registry).catch(() => undefined);
      if (!victim.died()) break;
      expireLock();
      await give(registry);
      const state = await stateOf(registry);
      const expected = state.champion === '3' ? PROMOTED : GIVEN_UP;
      expect({ nth, state, last: recorded.at(-1) }).toEqual({
        ...{ nth, state: expected },
        last: expected === PROMOTED ? 'promote 3' : 'abort 3',
      });
      ends.add(expected);
    }
    expect(ends.size).toBe(2);
  });
});
