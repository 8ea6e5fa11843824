import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { type ChartValues } from '../aws/chart-values';
import { type Rendered } from '../support/synth';
import { binary } from './judges';

/** The version of Kubernetes that charts are rendered for. */
const KUBERNETES = '1.35.0';

/** What Envoy Gateway's release fills into the values of its chart. */
const FILLED = {
  GatewayImage: 'docker.io/envoyproxy/gateway:v1.9.0',
  GatewayImagePullPolicy: 'IfNotPresent',
} as const;

/** Helm itself, and the charts that are part of a Go module: in other forms they are not to be had from here. */
export class Charts {
  /** Builds Helm; Go's cache makes that a matter of seconds the second time. */
  public static build(): Charts {
    const helm = binary('helm');
    mkdirSync(join(helm, '..'), { recursive: true });
    const args = ['build', '-o', helm, 'helm.sh/helm/v3/cmd/helm'];
    execFileSync('go', args, { cwd: join(__dirname, 'helm'), stdio: 'pipe' });
    return new Charts(helm);
  }

  /** Where the files of a module are. A module that wants a newer Go is unpacked as well, and its charts need no Go. */
  public static source({ path, version }: NonNullable<ChartValues['module']>): string {
    const options = { cwd: join(__dirname, 'helm'), encoding: 'utf8' } as const;
    const cache = execFileSync('go', ['env', 'GOMODCACHE'], options).trim();
    const { stdout } = spawnSync('go', ['mod', 'download', '-json', `${path}@${version}`], options);
    const source = join(cache, `${path}@${version}`);
    if (!existsSync(source)) throw new Error(`${path}@${version} cannot be had: ${stdout}`);
    return source;
  }

  private readonly directory = mkdtempSync(join(tmpdir(), 'charts-'));
  private readonly rendered = new Map<string, Rendered[]>();

  private constructor(private readonly helm: string) {}

  /** The values that a chart has of itself. */
  public defaults(name: string, module: NonNullable<ChartValues['module']>): Rendered {
    const path = join(this.chart(name, module), 'values.yaml');
    return existsSync(path) ? (parse(readFileSync(path, 'utf8')) ?? {}) : {};
  }

  /**
   * The objects that a release consists of.
   *
   * @throws Error with what Helm says: a value that the chart's schema does not know, or a template that fails.
   */
  public template(release: Rendered, module: NonNullable<ChartValues['module']>, values: Rendered): Rendered[] {
    const key = JSON.stringify([release.name, release.namespace, release.chart, values]);
    const done = this.rendered.get(key) ?? this.render(release, module, values);
    this.rendered.set(key, done);
    return done;
  }

  public remove(): void {
    rmSync(this.directory, { recursive: true });
  }

  private render(release: Rendered, module: NonNullable<ChartValues['module']>, values: Rendered): Rendered[] {
    const file = join(this.directory, 'values.yaml');
    writeFileSync(file, stringify(values));
    const options = [
      '--namespace',
      release.namespace,
      '--kube-version',
      KUBERNETES,
      '--include-crds',
      '--values',
      file,
    ];
    const apis = ['--api-versions', 'monitoring.coreos.com/v1'];
    const args = ['template', release.name, this.chart(release.chart, module), ...options, ...apis];
    const { status, stdout, stderr } = spawnSync(this.helm, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
    if (status !== 0) throw new Error(`${release.chart}: ${stderr}`);
    return parseAllDocuments(stdout)
      .map((document) => document.toJS() as Rendered)
      .filter((object) => object !== null && object !== undefined);
  }

  /** A copy of the chart as it is published. */
  private chart(name: string, { path, version, directory }: NonNullable<ChartValues['module']>): string {
    const target = join(this.directory, name);
    if (existsSync(target)) return target;
    cpSync(join(Charts.source({ path, version, directory }), directory), target, { recursive: true });
    // Modules are kept read-only.
    execFileSync('chmod', ['-R', 'u+w', target]);
    chmodSync(target, 0o755);
    const template = join(target, 'values.tmpl.yaml');
    if (existsSync(template)) {
      const filled = Object.entries(FILLED).reduce(
        (text, [variable, value]) => text.replaceAll(`\${${variable}}`, value),
        readFileSync(template, 'utf8'),
      );
      writeFileSync(join(target, 'values.yaml'), filled);
    }
    return target;
  }
}
