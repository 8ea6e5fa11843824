import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';

/*
 * What a user without cdktf gets: the packed tarball beside its required peers, and nothing else of this repository.
 * The peers come from node_modules, as `npm ci` laid them there, so that no network is needed.
 */

const root = join(__dirname, '..');
const consumer = mkdtempSync(join(tmpdir(), 'cdk8s-mlops-consumer-'));
const modules = join(consumer, 'node_modules');
afterAll(() => rmSync(consumer, { recursive: true }));

interface LockedPackage {
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
}

/**
 * The packages that npm would install for `entry`: dependencies and peers that are not optional. Packages that lie within
 * another one are copied with it.
 */
function closure(entry: LockedPackage): Set<string> {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const found = new Set<string>();
  const visit = (path: string, entry: LockedPackage): void => {
    const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = entry;
    const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
    for (const name of [...Object.keys(dependencies), ...peers]) {
      const within = `${path}/node_modules/${name}`;
      if (packages[within]) continue;
      const locked = packages[`node_modules/${name}`];
      if (!locked) throw new Error(`${name} is not in package-lock.json`);
      if (found.has(name)) continue;
      found.add(name);
      visit(`node_modules/${name}`, locked);
    }
  };
  visit('', entry);
  return found;
}

function sizeOf(path: string): number {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

const PROGRAM = `
import { App, Chart } from 'cdk8s';
import { ContainerImages, Mlflow, MlModelPlatform } from 'cdk8s-mlops';
import { METRICS } from 'cdk8s-mlops/contract';

const app = new App();
new MlModelPlatform(new Chart(app, 'platform'), 'platform', {
  namespace: 'ml',
  images: ContainerImages.fromRegistry('registry.example/mlops', { tag: '1' }),
  mlflow: Mlflow.sqlite(),
});
if (!app.synthYaml().includes('kind: Deployment')) throw new Error('no Deployment');
console.log(METRICS.accuracy.name);
console.log(Object.keys(require.cache).filter((path) => /cdktf|cdktn|build.aws/.test(path)).length);
`;

beforeAll(() => {
  const npm = { cwd: root, stdio: 'pipe' } as const;
  execFileSync('npm', ['pack', '--silent', '--pack-destination', consumer], npm);
  const [tarball] = readdirSync(consumer).filter((name) => name.endsWith('.tgz'));
  mkdirSync(join(modules, 'cdk8s-mlops'), { recursive: true });
  execFileSync('tar', [
    'xzf',
    join(consumer, tarball ?? ''),
    '-C',
    join(modules, 'cdk8s-mlops'),
    '--strip-components=1',
  ]);
  rmSync(join(consumer, tarball ?? ''));
  const entry = JSON.parse(readFileSync(join(modules, 'cdk8s-mlops/package.json'), 'utf8')) as LockedPackage;
  for (const name of closure(entry)) {
    cpSync(join(root, 'node_modules', name), join(modules, name), { recursive: true });
  }
  writeFileSync(join(consumer, 'main.ts'), PROGRAM);
  writeFileSync(
    join(consumer, 'aws.ts'),
    "import * as aws from 'cdk8s-mlops/aws';\nexport const names = Object.keys(aws);\n",
  );
});

function compile(files: string[], module: string, moduleResolution: string, types: string): string {
  const options = ['--strict', '--skipLibCheck', '--target', 'es2022', '--outDir', join(consumer, 'out')];
  const modes = ['--module', module, '--moduleResolution', moduleResolution, '--types', types];
  const typeRoots = ['--typeRoots', join(root, 'node_modules/@types')];
  const tsc = [join(root, 'node_modules/typescript/bin/tsc'), ...files, ...options, ...modes, ...typeRoots];
  return spawnSync(process.execPath, tsc, { cwd: consumer, encoding: 'utf8' }).stdout;
}

test('installs in under 30 MB, without cdktf', () => {
  expect(readdirSync(modules).sort()).toEqual(expect.arrayContaining(['cdk8s', 'cdk8s-mlops', 'constructs', 'yaml']));
  expect(readdirSync(modules).filter((name) => name.includes('cdktf'))).toEqual([]);
  expect(sizeOf(modules) / 2 ** 20).toBeLessThan(30);
});

test('holds what is needed and nothing of the tests', () => {
  const names = readdirSync(join(modules, 'cdk8s-mlops'));
  expect(names.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'build', 'package.json']);
});

test('only the cloud half names cdktf, in its code and in its types', () => {
  const build = join(modules, 'cdk8s-mlops/build');
  const files = readdirSync(build, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(js|d\.ts)$/.test(file));
  const naming = files.filter((file) =>
    /['"](cdktf|@cdktf\/[^'"]*|(\.\.?\/)+aws(\/[^'"]*)?)['"]/.test(readFileSync(join(build, file), 'utf8')),
  );
  expect(naming.filter((file) => !file.startsWith(`aws${sep}`))).toEqual([]);
  expect(naming).toContain(join('aws', 'model-bucket.js'));
});

test.each([
  ['commonjs', 'node10'],
  ['node16', 'node16'],
])('compiles as %s with %s resolution, runs, and loads no cdktf', (module, resolution) => {
  expect(compile(['main.ts'], module, resolution, 'node')).toBe('');
  const { stdout, stderr } = spawnSync(process.execPath, [join(consumer, 'out/main.js')], {
    cwd: consumer,
    encoding: 'utf8',
  });
  expect({ stdout, stderr }).toEqual({ stdout: 'ml_model_accuracy\n0\n', stderr: '' });
});

test.each([
  ['commonjs', 'node10'],
  ['node16', 'node16'],
])('the cloud half is found as %s with %s resolution', (module, resolution) => {
  expect(compile(['aws.ts'], module, resolution, 'node')).not.toContain('TS2307');
});
