import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import * as files from 'node:fs/promises';
import { type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failureOf } from '../../common/testing/problems';
import { repeat, SILENT } from '../../common/testing/test-data';
import { type ClosedSegment, SegmentLog, type SegmentLogOptions } from './segment-log';

let world: string;
let directory: string;
let closed: ClosedSegment[];
const open_: SegmentLog[] = [];

beforeEach(() => {
  world = mkdtempSync(join(tmpdir(), 'segments-'));
  directory = join(world, 'events');
  closed = [];
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(open_.splice(0).map((log) => log.rotate(true)));
  rmSync(world, { recursive: true, force: true });
});

async function start(changes: Partial<SegmentLogOptions> = {}): Promise<SegmentLog> {
  const limits = { segmentBytes: 1 << 20, segmentSeconds: 60 };
  const log = new SegmentLog({ directory, limits, log: SILENT, onClosed: (each) => closed.push(each), ...changes });
  open_.push(log);
  await log.recover();
  return log;
}

const read = (): string =>
  readdirSync(directory)
    .sort()
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('');
const closedTexts = (): string[] => closed.map(({ path, bytes }) => readFileSync(path, 'utf8').slice(0, bytes));

/** What file handles inherit from, to let a disk fail in a certain way. */
async function fileHandles(): Promise<FileHandle> {
  const file = await files.open(join(world, 'any'), 'w');
  await file.close();
  return Object.getPrototypeOf(file) as FileHandle;
}
const diskError = (code: string): Error => Object.assign(new Error(code), { code });

describe('appending', () => {
  test('lines are on the disk once they are acknowledged', async () => {
    const log = await start();
    await log.append('1\n');
    expect(read()).toBe('1\n');
    await log.append('2\n3\n');
    expect(read()).toBe('1\n2\n3\n');
    expect(log.bytes).toBe(6);
  });

  test('thousands at once are all there, in their order', async () => {
    const log = await start();
    const lines = repeat(5000, (row) => `${row}\n`);
    await Promise.all(lines.map((line) => log.append(line)));
    expect(read()).toBe(lines.join(''));
  });

  test('what waits to be written counts as bytes, as bytes and not as characters', async () => {
    const log = await start();
    const written = log.append('ü€\n');
    expect(log.bytes).toBe(6);
    await written;
    expect(log.bytes).toBe(6);
  });

  test('nothing is a line, too', async () => {
    const log = await start();
    await log.append('');
    expect(log.bytes).toBe(0);
    await log.rotate(true);
    expect(closed).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a segment is closed', () => {
  const at = { value: Date.parse('2026-11-20T10:59:00Z') };
  const now = (): number => at.value;
  beforeEach(() => (at.value = Date.parse('2026-11-20T10:59:00Z')));

  test('when it is full, without anybody asking', async () => {
    const log = await start({ limits: { segmentBytes: 4, segmentSeconds: 60 }, now });
    await log.append('12\n');
    expect(closed).toEqual([]);
    await log.append('34\n');
    await log.rotate();
    await log.append('5\n');
    expect(closedTexts()).toEqual(['12\n34\n']);
    expect(closed[0]).toMatchObject({ bytes: 6, openedAt: at.value });
    expect(log.bytes).toBe(2);
  });

  test.each([
    ['old', 30_000, 30],
    ['of an hour that is over', 60_000, 3600],
  ])('when it is %s', async (_, after, segmentSeconds) => {
    const log = await start({ limits: { segmentBytes: 1000, segmentSeconds }, now });
    await log.append('1\n');
    at.value += after - 1;
    await log.rotate();
    expect(closed).toEqual([]);
    at.value += 1;
    await log.rotate();
    expect(closedTexts()).toEqual(['1\n']);
    expect(log.bytes).toBe(0);
  });

  test('an hour ends while events come, so that none is in the folder of another hour', async () => {
    const log = await start({ limits: { segmentBytes: 1000, segmentSeconds: 3600 }, now });
    await log.append('10:59\n');
    at.value += 60_000;
    await log.rotate();
    await log.append('11:00\n');
    await log.rotate(true);
    expect(closed.map(({ openedAt }) => new Date(openedAt).toISOString())).toEqual([
      '2026-11-20T10:59:00.000Z',
      '2026-11-20T11:00:00.000Z',
    ]);
    expect(closedTexts()).toEqual(['10:59\n', '11:00\n']);
  });

  test('when it is asked to be, and once', async () => {
    const log = await start();
    await log.append('1\n');
    await Promise.all([log.rotate(true), log.rotate(true), log.rotate()]);
    expect(closedTexts()).toEqual(['1\n']);
    await log.rotate(true);
    expect(closed).toHaveLength(1);
  });

  test('with everything that was acknowledged, while lines come and others rotate all the time', async () => {
    const log = await start({ limits: { segmentBytes: 300, segmentSeconds: 60 } });
    const expected: string[] = [];
    const sender = async (name: number): Promise<void> => {
      for (let row = 0; row < 200; row++) {
        await log.append(`${name}-${row}\n`);
        expected.push(`${name}-${row}`);
        if (row % 7 === name) void log.rotate(true);
      }
    };
    await Promise.all(repeat(7, (name) => sender(name)));
    await log.rotate(true);
    expect(closedTexts().join('').trim().split('\n').sort()).toEqual(expected.sort());
    for (const { path, bytes } of closed) expect(statSync(path).size).toBe(bytes);
    expect(readdirSync(directory)).toHaveLength(closed.length);
  });
});

describe('a disk that fails', () => {
  /** In a process whose files may not be larger: what is beyond is refused by the kernel, in the midst of a line. */
  test('that is full refuses lines, and keeps those that it has', () => {
    const script = `
      import { SegmentLog } from ${JSON.stringify(join(__dirname, 'segment-log.ts'))};
      const closed = [];
      const log = new SegmentLog({
        directory: process.argv[2],
        limits: { segmentBytes: 1e9, segmentSeconds: 60 },
        log: { error: (text) => console.log('log: ' + text) },
        onClosed: (each) => closed.push(each.bytes),
      });
      void (async () => {
        await log.recover();
        const ends = [];
        for (let row = 0; row < 30; row++)
          ends.push(await log.append(String(row).padStart(99, '.') + '\\n').then(() => 'stored', (error) => error.code));
        ends.push(await log.append('x'.repeat(5000) + '\\n').then(() => 'stored', (error) => error.code));
        ends.push(await log.append('last\\n').then(() => 'stored', (error) => error.code));
        await log.rotate(true);
        console.log(JSON.stringify({ ends, closed, bytes: log.bytes }));
      })();
    `;
    const file = join(world, 'full.mts');
    writeFileSync(file, script);
    const tsx = join(__dirname, '../../../node_modules/.bin/tsx');
    // A block is 1 KiB.
    const out = execFileSync('bash', ['-c', `ulimit -f 2 && exec '${tsx}' '${file}' '${directory}'`], {
      encoding: 'utf8',
      env: { ...process.env, TSX_DISABLE_CACHE: '1' },
    });
    const said = out.trim().split('\n');
    const {
      ends,
      closed: sizes,
      bytes,
    } = JSON.parse(said.pop()!) as { ends: string[]; closed: number[]; bytes: number };
    expect(ends).toEqual([...repeat(20, () => 'stored'), 'EFBIG', ...repeat(9, () => 'stored'), 'EFBIG', 'stored']);
    expect(said).toEqual(repeat(2, () => expect.stringMatching(/^log: cannot write the buffer: /) as string));
    expect(sizes).toEqual([2000, 900, 5]);
    expect(bytes).toBe(0);
    const lines = read().trim().split('\n');
    expect(lines).toHaveLength(30);
    expect(lines.map((line) => line.replace(/^\.+/, '')).sort()).toEqual(
      ['last', ...repeat(30, String).filter((row) => row !== '20')].sort(),
    );
  });

  test('settles every promise, and works again in another segment', async () => {
    const log = await start();
    await log.append('1\n');
    jest.spyOn(await fileHandles(), 'write').mockRejectedValueOnce(diskError('EIO'));
    const ends = await Promise.allSettled([log.append('2\n'), log.append('3\n')]);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await log.append('4\n');
    await log.rotate(true);
    expect(closedTexts()).toEqual(['1\n', '4\n']);
    expect(log.bytes).toBe(0);
  });

  test('and cannot even take back the half of a line: it is behind what is brought to the store', async () => {
    const log = await start();
    await log.append('whole\n');
    const handles = await fileHandles();
    jest.spyOn(handles, 'write').mockImplementationOnce(function (this: FileHandle, ...args: unknown[]) {
      const [bytes, , , position] = args as [Buffer, number, number, number];
      writeSync(this.fd, bytes, 0, 3, position);
      return Promise.reject(diskError('EIO'));
    });
    jest.spyOn(handles, 'truncate').mockRejectedValueOnce(diskError('EIO'));
    await expect(log.append('broken\n')).rejects.toThrow('EIO');
    await log.rotate(true);
    expect(closedTexts()).toEqual(['whole\n']);
  });

  test('when a file is closed loses nothing and ends nothing', async () => {
    const log = await start({ limits: { segmentBytes: 1, segmentSeconds: 60 } });
    const { open: reallyOpen } = files;
    jest.spyOn(files, 'open').mockImplementationOnce(async (...args) => {
      const file = await reallyOpen(...args);
      const close = file.close.bind(file);
      file.close = () => close().then(() => Promise.reject(diskError('EIO')));
      return file;
    });
    await log.append('1\n');
    await log.append('2\n');
    await log.rotate(true);
    expect(closedTexts()).toEqual(['1\n', '2\n']);
  });

  test('by losing its directory refuses lines until it is there again', async () => {
    const log = await start();
    rmSync(directory, { recursive: true });
    await expect(log.append('1\n')).rejects.toThrow('ENOENT');
    mkdirSync(directory);
    await log.append('2\n');
    expect(read()).toBe('2\n');
    expect(log.bytes).toBe(2);
  });

  test('is said once, and again after it had worked', async () => {
    const error = jest.fn();
    const log = await start({ log: { error } as unknown as SegmentLogOptions['log'] });
    const write = jest.spyOn(await fileHandles(), 'write').mockRejectedValue(diskError('ENOSPC'));
    await expect(log.append('1\n')).rejects.toThrow('ENOSPC');
    await expect(log.append('2\n')).rejects.toThrow('ENOSPC');
    write.mockRestore();
    await log.append('3\n');
    expect(error.mock.calls).toEqual([['cannot write the buffer: the disk is full: give the volume more room']]);
  });
});

describe('a restart', () => {
  const lines = ['{"id":"a"}\n', '{"id":"bé"}\n', '{"id":"c"}\n'];
  const whole = Buffer.from(lines.join(''));

  test('takes over whole lines, whatever the byte at which the process was killed', async () => {
    mkdirSync(directory);
    for (let length = 0; length <= whole.length; length++) {
      const path = join(directory, '1700000000000-a1.jsonl');
      writeFileSync(path, whole.subarray(0, length));
      closed = [];
      const torn = await new SegmentLog({
        ...{ directory, limits: { segmentBytes: 1000, segmentSeconds: 60 }, log: SILENT },
        onClosed: (each) => closed.push(each),
      }).recover();
      const end = whole.subarray(0, length).lastIndexOf('\n') + 1;
      expect({ length, torn }).toEqual({ length, torn: end < length ? 1 : 0 });
      expect(closed).toEqual(end === 0 ? [] : [{ path, bytes: end, openedAt: 1_700_000_000_000 }]);
      if (end > 0) expect(readFileSync(path)).toEqual(whole.subarray(0, end));
      else expect(existsSync(path)).toBe(false);
    }
  });

  test('finds the end of lines that are longer than what is read at once', async () => {
    mkdirSync(directory);
    const line = `${'x'.repeat(3 << 20)}\n`;
    writeFileSync(join(directory, '5-a.jsonl'), `${line}${line.slice(0, 5 << 19)}`);
    writeFileSync(join(directory, '6-a.jsonl'), line.slice(0, -1));
    const log = new SegmentLog({
      ...{ directory, limits: { segmentBytes: 1000, segmentSeconds: 60 }, log: SILENT },
      onClosed: (each) => closed.push(each),
    });
    expect(await log.recover()).toBe(2);
    expect(closed).toEqual([{ path: join(directory, '5-a.jsonl'), bytes: line.length, openedAt: 5 }]);
  });

  test('removes what was being packed, and dates a segment of no date now', async () => {
    mkdirSync(directory);
    writeFileSync(join(directory, '1-a.jsonl.gz'), 'half');
    writeFileSync(join(directory, 'strange.jsonl'), '1\n');
    await start({ now: () => 42 });
    expect(readdirSync(directory)).toEqual(['strange.jsonl']);
    expect(closed).toEqual([{ path: join(directory, 'strange.jsonl'), bytes: 2, openedAt: 42 }]);
  });

  test('with nothing there makes the directory', async () => {
    await start();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('in a place that is no directory says so', async () => {
    writeFileSync(directory, '');
    const { exitCode, problems } = await failureOf(() => start());
    expect(exitCode).toBe(2);
    expect(problems[0]).toContain(`cannot use the buffer '${directory}': `);
  });
});
