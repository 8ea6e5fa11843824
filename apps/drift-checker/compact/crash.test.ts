import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeTemporaryFiles, temporaryDirectory } from '../../common/temporary-files';
import { LEASE } from './compaction-lock';
import { crashScene, type CrashScene, playCrash } from './testing/crash-scene';
import { CHANGES, DyingStore, type Moment } from './testing/dying-store';
import { TestLog } from './testing/test-log';

let scene: CrashScene;
let root: string;
beforeAll(async () => {
  root = await temporaryDirectory('crash');
  mkdirSync(join(root, 'before'));
  scene = await crashScene(new TestLog(join(root, 'before')));
});
afterAll(removeTemporaryFiles);

let trials = 0;

/** The log as it is before the compaction that is disturbed. */
function fresh(): TestLog {
  const directory = join(root, String(trials++));
  cpSync(join(root, 'before'), directory, { recursive: true, preserveTimestamps: true });
  return new TestLog(directory);
}

test.each<[Moment]>([['before'], ['half'], ['after']])(
  'killed %s any call to the store and run again, the log ends as if nothing had happened',
  async (moment) => {
    const undisturbed = fresh();
    const watched = new DyingStore(undisturbed.store, Infinity);
    await undisturbed.compact({ ...scene.options, store: watched.store });
    const expected = await playCrash(undisturbed, scene);
    expect(
      expected.rows.map(({ request_id: id, version, label }) => `${String(id)} ${String(version)} ${String(label)}`),
    ).toEqual(scene.expected);
    expect(watched.calls.length).toBeGreaterThan(40);

    for (const [index, call] of watched.calls.entries()) {
      // Between two calls that change something it is all the same.
      if (!CHANGES.includes(call) || (moment === 'half' && call !== 'remove')) continue;
      const log = fresh();
      const dying = new DyingStore(log.store, index + 1, moment);
      await expect(log.compact({ ...scene.options, store: dying.store })).rejects.toThrow('killed');
      await log.compact({ ...scene.options, at: scene.options.at + LEASE });
      expect({ index, call, ...(await playCrash(log, scene)) }).toEqual({ index, call, ...expected });
    }
  },
  600_000,
);
