import { deepStrictEqual } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExampleStack, exampleStacks } from '../aws/terraform/examples';

/*
 * Tests the cloud half with cdktn, the community's successor of cdktf, in its place. It does what a user does: a package of its
 * own that depends on ours as it is packed, and whose `overrides` put cdktn where cdktf is asked for; then `npm install`. There
 * the examples are synthesized, which must give what they give with cdktf, and the unit tests of the cloud half run.
 *
 *   npm run test:cdktn
 *
 * node_modules are taken over by hard links, so that npm only has to exchange a few packages.
 */

const CDKTN = '0.24.0';
const ROOT = join(__dirname, '../..');
const SOURCES = ['lib', 'test', 'examples', 'jest.config.js', 'package-lock.json', '.npmrc'];
const TARBALL = 'cdk8s-mlops.tgz';

interface PackageJson {
  name: string;
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  overrides: Record<string, string>;
}

const started = Date.now();

function step(text: string): void {
  process.stdout.write(`${text} (${((Date.now() - started) / 1000).toFixed(0)} s)\n`);
}

/** Runs a command quietly. @throws Error with what it printed, when it fails */
function run(cwd: string, command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`);
}

function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(...path), 'utf8')) as T;
}

function makeConsumer(consumer: string): void {
  for (const name of SOURCES) cpSync(join(ROOT, name), join(consumer, name), { recursive: true });
  linkModules(consumer);
  run(ROOT, 'npm', ['pack', '--silent', '--pack-destination', consumer]);
  const [packed = ''] = readdirSync(consumer).filter((name) => name.endsWith('.tgz'));
  cpSync(join(consumer, packed), join(consumer, TARBALL));

  const { dependencies, devDependencies, overrides } = readJson<PackageJson>(ROOT, 'package.json');
  const manifest = {
    private: true,
    dependencies: { ...dependencies, 'cdk8s-mlops': `file:${TARBALL}`, cdktf: `npm:cdktn@${CDKTN}` },
    devDependencies: Object.fromEntries(Object.entries(devDependencies).filter(([name]) => name !== 'cdktf')),
    overrides: { ...overrides, cdktf: '$cdktf' },
  };
  writeFileSync(join(consumer, 'package.json'), JSON.stringify(manifest, undefined, 2));
}

function linkModules(consumer: string): void {
  const modules = join(ROOT, 'node_modules');
  try {
    run(ROOT, 'cp', ['-al', modules, consumer]);
  } catch {
    // Another file system.
    rmSync(join(consumer, 'node_modules'), { recursive: true, force: true });
    run(ROOT, 'cp', ['-a', modules, consumer]);
  }
  // What npm writes in place must not be the same file.
  rmSync(join(consumer, 'node_modules/.package-lock.json'), { force: true });
  rmSync(join(consumer, 'node_modules/.cache'), { recursive: true, force: true });
}

/** Every copy of cdktf, as `name@version`. */
function copiesOfCdktf(modules: string): string[] {
  const packages = readdirSync(modules).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map((each) => `${name}/${each}`) : [name],
  );
  return packages.flatMap((name) => {
    const inner = join(modules, name, 'node_modules');
    const nested = existsSync(inner) ? copiesOfCdktf(inner) : [];
    if (name !== 'cdktf') return nested;
    const { name: real, version } = readJson<PackageJson>(modules, name, 'package.json');
    return [`${real}@${version}`, ...nested];
  });
}

interface Stack {
  readonly '//': { readonly metadata: { readonly version: string } };
}

/** What of a stack is the same whoever renders it: not the version. */
function comparable(stack: Stack): unknown {
  const { metadata } = stack['//'];
  return { ...stack, '//': { ...stack['//'], metadata: { ...metadata, version: '' } } };
}

function compare(consumer: string): void {
  // Without the repository's paths, the programs import our package as it is packed.
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions: { module: 'node16' } }));
  const read = ({ name, json }: ExampleStack): [string, Stack] => [name, JSON.parse(json) as Stack];
  const theirs = exampleStacks().map(read);
  const ours = new Map(exampleStacks(consumer).map(read));
  if (theirs.length === 0) throw new Error('no example has a stack');
  for (const [name, stack] of theirs) {
    const other = ours.get(name);
    if (other?.['//'].metadata.version !== CDKTN) {
      throw new Error(`${name} was rendered by ${other?.['//'].metadata.version}, not by cdktn ${CDKTN}`);
    }
    try {
      deepStrictEqual(comparable(other), comparable(stack));
    } catch (error) {
      throw new Error(`${name} is not what cdktf renders: ${(error as Error).message}`, { cause: error });
    }
  }
  step(`${theirs.length} stacks of the examples are what cdktf ${theirs[0]![1]['//'].metadata.version} renders`);
}

function main(): number {
  const consumer = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-cdktn-'));
  try {
    makeConsumer(consumer);
    step('package packed, node_modules linked');
    const install = ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
    run(consumer, 'npm', install);
    const copies = copiesOfCdktf(join(consumer, 'node_modules'));
    step(`installed: cdktf is ${copies.join(' and ')}`);
    if (copies.join() !== `cdktn@${CDKTN}`) throw new Error(`expected cdktn@${CDKTN} alone as cdktf`);

    compare(consumer);
    const jest = ['node_modules/jest/bin/jest.js', 'test/aws', '--selectProjects', 'unit'];
    const { status } = spawnSync(process.execPath, jest, { cwd: consumer, stdio: 'inherit' });
    if (status !== 0) throw new Error('tests of the cloud half failed');
    step('tests of the cloud half passed');
    return 0;
  } catch (error) {
    process.stderr.write(`with cdktn in place of cdktf: ${(error as Error).message}\n`);
    return 1;
  } finally {
    rmSync(consumer, { recursive: true, force: true });
  }
}

process.exitCode = main();
