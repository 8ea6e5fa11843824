import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileRegistry } from './file-registry';
import { LOCK_SECONDS } from './registry';
import { registrySuite } from './registry-suite';

const directory = mkdtempSync(join(tmpdir(), 'registry-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a registry in a directory', () => {
  registrySuite(() => Promise.resolve(new FileRegistry(directory)));

  test('a lock whose owner never came back is taken over in the end', async () => {
    const registry = new FileRegistry(directory);
    await registry.lock('stale', 'a');
    const long = new Date(Date.now() - (LOCK_SECONDS + 1) * 1000);
    utimesSync(join(directory, 'models/stale.lock'), long, long);
    expect(await registry.lock('stale', 'b')).toEqual({ taken: true });
    expect(await registry.lock('stale', 'a')).toMatchObject({ taken: false, owner: 'b' });
  });

  test('a file that is cut off is said, with its path', async () => {
    writeFileSync(join(directory, 'models/cut.json'), '{"versions": [');
    await expect(new FileRegistry(directory).versions('cut')).rejects.toThrow(/models\/cut\.json is not JSON/);
  });
});
