import { ROLLOUT_FIELD_MANAGER } from 'cdk8s-mlops/contract';
import { type Stack } from './stacks';
import { type Summary } from './summary';

function section(title: string, lines: readonly string[]): string[] {
  return lines.length > 0 ? ['', title, ...lines.map((line) => `  ${line}`)] : [];
}

function counts(kinds: ReadonlyMap<string, number>): string {
  return [...kinds].map(([kind, count]) => (count === 1 ? kind : `${count} ${kind}`)).join(', ');
}

/** A summary of manifests as text, with the commands that come next. */
export function printSummary(summary: Summary, directory: string): string {
  const total = summary.files.reduce((sum, { kinds }) => sum + [...kinds.values()].reduce((a, b) => a + b, 0), 0);
  const width = Math.max(...summary.files.map(({ path }) => path.length));
  const images = [...summary.images].flatMap(([image, users]) => [image, ...users.map((user) => `    ${user}`)]);
  const permissions = [...summary.permissions].flatMap(([account, rules]) => [
    account,
    ...rules.map((rule) => `    ${rule}`),
  ]);
  return [
    `${total} objects in ${summary.files.length} files under ${directory}`,
    ...section(
      'Files',
      summary.files.map(({ path, kinds }) => `${path.padEnd(width)}  ${counts(kinds)}`),
    ),
    ...section('Images', images),
    ...section('Permissions granted to service accounts', permissions),
    ...section('Secrets that must exist in the cluster', summary.missingSecrets),
    ...section('Custom resources, whose operators must be installed', summary.customKinds),
    ...section('Not there yet', summary.pending),
    ...section('Next', nextCommands(summary, directory)),
    '',
  ].join('\n');
}

/**
 * What is created once is created before the steady manifests that share its objects, and after the namespace. `create`
 * refuses what exists, so that running it again undoes no promotion, and a model that was added later is not missed.
 */
function nextCommands({ files }: Summary, directory: string): string[] {
  const apply = 'kubectl apply --server-side --force-conflicts -f';
  const all = `${apply} ${directory}`;
  const steady = files.filter(({ path }) => !path.startsWith('bootstrap/'));
  if (steady.length === files.length) return [all];
  const first = steady.filter(({ kinds }) => kinds.has('Namespace')).map(({ path }) => `${apply} ${directory}/${path}`);
  return [
    ...first,
    `kubectl create --field-manager=${ROLLOUT_FIELD_MANAGER} -f ${directory}/bootstrap   # new models; refuses what exists`,
    all,
  ];
}

/** The stacks as text, with the commands that come next. */
export function printStacks(stacks: readonly Stack[]): string {
  return stacks
    .flatMap(({ name, directory, resources }) => [
      `Stack ${name}: ${counts(resources)}`,
      ...section('Next', [`terraform -chdir=${directory} init`, `terraform -chdir=${directory} apply`]),
      '',
    ])
    .join('\n');
}
