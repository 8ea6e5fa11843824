import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { printTable } from './table';

/*
 * How long a fresh process takes to synthesize the cloud half of an environment, and how much memory, beside two that do less:
 * one that only loads cdktf, and one that makes the same resources by cdktf's own classes.
 *
 *   npm run bench:cloud
 */

const ROOT = join(__dirname, '..');
const RUNS = 5;
const AIMS = { cpu: 2, mebibytes: 250 };

/** The stacks that are measured: a program that makes one in `app`, from the folder of the examples. */
const STACKS: Readonly<Record<string, string>> = {
  'fraud-detection': `
    import { FraudDetectionCloud } from './fraud-detection/cloud';
    import { environments } from './fraud-detection/config';
    new FraudDetectionCloud(app, environments.at(-1));
  `,
  // The constructs of the manifests say what pods read and write; they are made, and not rendered.
  'aws-platform': `
    import { MlopsApp, PlatformOutputs } from 'cdk8s-mlops';
    import { demandForecastCloud } from './aws-platform/cloud';
    import { environments } from './aws-platform/config';
    import { demandForecastLoop } from './aws-platform/demand-forecast';
    const config = environments.at(-1);
    demandForecastCloud(app, config, demandForecastLoop(new MlopsApp(), config, PlatformOutputs.pending('outputs.json')));
  `,
};

const BEFORE = "import { App } from 'cdktf'; const app = new App({ outdir: process.env.OUT });";
const AFTER = `
  app.synth();
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  console.log(JSON.stringify({ cpu: (userCPUTime + systemCPUTime) / 1e6, mebibytes: maxRSS / 1024 }));
`;

interface Figures {
  /** From the start of the process to its end. */
  readonly seconds: number;
  /** Of the processor, all threads together: what else the machine does hardly changes it, so it is what is limited. */
  readonly cpu: number;
  readonly mebibytes: number;
}

/** Bundles a program, our package as it is built and everything else from node_modules. */
function bundle(code: string, folder: string, name: string): string {
  const outfile = join(folder, `${name}.js`);
  const entry = (path: string): string => join(ROOT, 'build', path, 'index.js');
  buildSync({
    stdin: { contents: code, resolveDir: join(ROOT, 'examples'), loader: 'ts' },
    ...{ bundle: true, platform: 'node', outfile, logLevel: 'error' },
    // Examples read files beside them.
    define: { __dirname: JSON.stringify(join(ROOT, 'examples', name)) },
    alias: { 'cdk8s-mlops': entry(''), 'cdk8s-mlops/aws': entry('aws') },
    external: ['cdk8s', 'cdk8s-plus-29', 'cdktf', '@cdktf/*', 'constructs', 'yaml', join(ROOT, 'build/*')],
  });
  return outfile;
}

/** Medians of several fresh processes. */
function measure(file: string, out: string): Figures {
  const runs = Array.from({ length: RUNS }, () => {
    const start = process.hrtime.bigint();
    const env = { ...process.env, OUT: out, NODE_PATH: join(ROOT, 'node_modules') };
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: ROOT, env, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    return { ...(JSON.parse(stdout) as Omit<Figures, 'seconds'>), seconds };
  });
  const median = (of: keyof Figures): number => runs.map((run) => run[of]).sort((a, b) => a - b)[Math.floor(RUNS / 2)]!;
  return { seconds: median('seconds'), cpu: median('cpu'), mebibytes: median('mebibytes') };
}

type Tree = Record<string, Record<string, object>>;

/** A program that makes the resources of a synthesized stack without us. */
function plain({ resource = {}, data = {} }: { resource?: Tree; data?: Tree }): { code: string; resources: number } {
  let resources = 0;
  const lines: string[] = [];
  for (const [kind, tree] of Object.entries({ resource, data })) {
    for (const [type, named] of Object.entries(tree)) {
      const [provider, ...rest] = type.split('_');
      // Built into Terraform: there is no class for it.
      if (provider === 'terraform') continue;
      const folder = [...(kind === 'data' ? ['data', provider] : []), ...rest].join('-');
      const variable = `${kind}_${type}`;
      lines.push(`const ${variable} = classOf(require('@cdktf/provider-${provider}/lib/${folder}'));`);
      for (const [name, { '//': _, ...body }] of Object.entries<{ '//'?: object }>(named)) {
        resources++;
        lines.push(`make(${variable}, '${kind}-${name}', ${JSON.stringify(body)});`);
      }
    }
  }
  const code = `
    const { TerraformStack } = require('cdktf');
    const stack = new TerraformStack(app, 'plain');
    const classOf = (module) => Object.values(module).find((each) => each.tfResourceType);
    const make = (Resource, name, body) => {
      const made = new Resource(stack, name, {});
      for (const [key, value] of Object.entries(body)) made.addOverride(key, value);
    };
    const { AwsProvider } = require('@cdktf/provider-aws/lib/provider');
    new AwsProvider(stack, 'aws', {});
    if (${JSON.stringify(Object.keys(resource))}.some((type) => type.startsWith('helm_'))) {
      new (require('@cdktf/provider-helm/lib/provider').HelmProvider)(stack, 'helm', {});
    }
    ${lines.join('\n')}
  `;
  return { code, resources };
}

function synthesized(out: string): { resource?: Tree; data?: Tree } {
  const [stack = ''] = readdirSync(join(out, 'stacks'));
  return JSON.parse(readFileSync(join(out, 'stacks', stack, 'cdk.tf.json'), 'utf8')) as { resource?: Tree };
}

function main(): void {
  const folder = mkdtempSync(join(tmpdir(), 'bench-cloud-'));
  const row = (name: string, resources: number, { seconds, cpu, mebibytes }: Figures, to?: Figures): string[] => [
    ...[name, String(resources), seconds.toFixed(2), cpu.toFixed(2), mebibytes.toFixed(0)],
    to ? (cpu / to.cpu).toFixed(2) : '',
  ];
  const rows: string[][] = [];
  try {
    rows.push(row('cdktf alone', 0, measure(bundle(`${BEFORE}${AFTER}`, folder, 'cdktf'), join(folder, 'cdktf'))));
    for (const [name, code] of Object.entries(STACKS)) {
      const out = join(folder, name);
      const figures = measure(bundle(`${BEFORE}${code}${AFTER}`, folder, name), out);
      const { code: same, resources } = plain(synthesized(out));
      const baseline = measure(bundle(`${BEFORE}${same}${AFTER}`, folder, `${name}-plain`), join(folder, 'plain'));
      rows.push(row(`${name}, by cdktf's classes`, resources, baseline), row(name, resources, figures, baseline));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const title = `A fresh process that synthesizes one environment (median of ${RUNS}; aims ${AIMS.cpu} s of CPU, ${AIMS.mebibytes} MiB)`;
  printTable(title, ['', 'resources', 's', 'CPU s', 'MiB', '× cdktf’s'], rows);
}

main();
