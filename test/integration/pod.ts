import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONTAINER_USER } from 'cdk8s-mlops/contract';
import { type Rendered } from '../support/synth';

/** What a cluster gives to a pod. */
export interface PodOptions {
  /** A folder with the container's `/app`. */
  readonly app: string;
  /** The image's own variables: text of its Dockerfile. */
  readonly dockerfile: string;
  readonly pod: Rendered;
  /** The container that runs; all mounts and variables are the rendered ones. */
  readonly container: Rendered;
  /** Objects of the namespace, among which the ConfigMaps are found. */
  readonly objects: readonly Rendered[];
  /** Names of Services to the address that they have. */
  readonly hosts: Readonly<Record<string, string>>;
  /** What admission and the kubelet add: credentials of the cloud, the API server's address. */
  readonly env: Readonly<Record<string, string>>;
  /** Folder with the token and the cluster's authority. */
  readonly serviceAccount?: string;
}

/** What became of a container. */
export interface PodResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Reads as the rendered path, which lies here. */
  readonly tmp: string;
}

/**
 * Runs a rendered container as a cluster does, without one: its own command, arguments, variables, files and user, a read-only
 * root file system with Node and its libraries and no shell. Needs bubblewrap and user namespaces.
 */
export async function runPod(options: PodOptions): Promise<PodResult> {
  const { app, pod, container, hosts } = options;
  const directory = mkdtempSync(join(tmpdir(), 'pod-'));
  const file = (name: string): string => join(directory, name);
  writeFileSync(
    file('hosts'),
    Object.entries({ localhost: '127.0.0.1', ...hosts })
      .map(([name, ip]) => `${ip} ${name}\n`)
      .join(''),
  );
  mkdirSync(file('tmp'));
  const env = { ...imageVariables(options.dockerfile), ...options.env, ...environment(container) };
  const args = [
    ...['--unshare-user', '--unshare-pid', '--uid', String(CONTAINER_USER), '--gid', String(CONTAINER_USER)],
    ...['--die-with-parent', '--clearenv', '--proc', '/proc', '--dev', '/dev'],
    ...['--ro-bind', '/usr/lib', '/usr/lib', '--ro-bind-try', '/usr/lib64', '/usr/lib64'],
    ...['--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64'],
    ...[
      '--ro-bind',
      process.execPath,
      '/nodejs/bin/node',
      '--ro-bind',
      app,
      '/app',
      '--ro-bind',
      file('hosts'),
      '/etc/hosts',
    ],
    ...volumes(options, directory),
    ...(options.serviceAccount
      ? ['--ro-bind', options.serviceAccount, '/var/run/secrets/kubernetes.io/serviceaccount']
      : []),
    ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--remount-ro', '/', '--chdir', '/', '--'],
    ...container.command,
    ...(container.args ?? []).map((argument: string) => expand(argument, env)),
  ];
  if (pod.containers === undefined && pod.container === undefined) throw new Error('not a pod or template');
  return new Promise((resolve, reject) => {
    const child = spawn('bwrap', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr, tmp: file('tmp') }));
  });
}

/** `ENV A=1 B=2` of a Dockerfile. */
function imageVariables(dockerfile: string): Record<string, string> {
  const lines = [...dockerfile.matchAll(/^ENV (.*)$/gm)].flatMap(([, pairs]) => pairs!.split(' '));
  return Object.fromEntries(lines.map((pair) => pair.split('=') as [string, string]));
}

/** The rendered variables, of which later ones may name earlier ones. */
function environment(container: Rendered): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value } of container.env ?? []) if (value !== undefined) env[name] = expand(value, env);
  return env;
}

/** `$(NAME)`, as the kubelet expands it: a name that is not set stays as it is. */
function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\(([A-Z0-9_]+)\)/g, (whole, name: string) => env[name] ?? whole);
}

function volumes({ pod, container, objects }: PodOptions, directory: string): string[] {
  return container.volumeMounts.flatMap(({ name, mountPath }: Rendered) => {
    const volume = pod.volumes.find((each: Rendered) => each.name === name);
    if (volume.emptyDir) return ['--bind', join(directory, 'tmp'), mountPath];
    const target = volume.configMap.name;
    const config = objects.find((object) => object.kind === 'ConfigMap' && object.metadata.name === target);
    if (!config) throw new Error(`the volume '${name}' is of a ConfigMap '${target}' that is not rendered`);
    const folder = join(directory, `volume-${name}`);
    mkdirSync(folder);
    for (const [key, text] of Object.entries<string>(config.data)) writeFileSync(join(folder, key), text);
    return ['--ro-bind', folder, mountPath];
  });
}
