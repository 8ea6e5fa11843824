import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Readable } from 'node:stream';
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
  /** What a server is asked while it runs; then it gets a SIGTERM, and has as long as the pod says to end. */
  readonly meanwhile?: () => Promise<void>;
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
  const env = { ...imageVariables(options.dockerfile), ...options.env, ...environment(container) };
  const args = [
    ...['--unshare-user', '--unshare-pid', '--uid', String(CONTAINER_USER), '--gid', String(CONTAINER_USER)],
    // As in a container, the program is the first process, and so gets signals itself.
    ...['--as-pid-1', '--info-fd', '3', '--die-with-parent', '--clearenv', '--proc', '/proc', '--dev', '/dev'],
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
  const child = spawn('bwrap', args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '', info: '' };
  Object.keys(output).forEach((name, index) => {
    const stream = child.stdio[index + 1] as Readable;
    stream.on('data', (chunk: Buffer) => (output[name as keyof typeof output] += chunk.toString()));
  });
  const ended = new Promise<PodResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ ...output, status, tmp: file('tmp') }));
  });
  if (!options.meanwhile) return ended;
  await Promise.race([options.meanwhile(), ended]);
  // The name that the sandbox's first process has outside of it.
  const { 'child-pid': first } = JSON.parse(output.info) as { 'child-pid': number };
  process.kill(first, 'SIGTERM');
  const killed = setTimeout(() => process.kill(first, 'SIGKILL'), pod.terminationGracePeriodSeconds * 1000);
  return ended.finally(() => clearTimeout(killed));
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
    const folder = join(directory, name === 'tmp' ? name : `volume-${name}`);
    mkdirSync(folder, { recursive: true });
    if (volume.emptyDir) return ['--bind', folder, mountPath];
    const target = volume.configMap.name;
    const config = objects.find((object) => object.kind === 'ConfigMap' && object.metadata.name === target);
    if (!config) throw new Error(`the volume '${name}' is of a ConfigMap '${target}' that is not rendered`);
    for (const [key, text] of Object.entries<string>(config.data)) writeFileSync(join(folder, key), text);
    return ['--ro-bind', folder, mountPath];
  });
}
