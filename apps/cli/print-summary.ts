import { type Summary } from './summary';

function section(title: string, lines: readonly string[]): string[] {
  return lines.length > 0 ? ['', title, ...lines.map((line) => `  ${line}`)] : [];
}

/** A summary as text, with the commands that come next. */
export function printSummary(summary: Summary, directory: string): string {
  const total = summary.files.reduce((sum, { kinds }) => sum + [...kinds.values()].reduce((a, b) => a + b, 0), 0);
  const width = Math.max(...summary.files.map(({ path }) => path.length));
  const files = summary.files.map(({ path, kinds }) => {
    const counts = [...kinds].map(([kind, count]) => (count === 1 ? kind : `${count} ${kind}`));
    return `${path.padEnd(width)}  ${counts.join(', ')}`;
  });
  const images = [...summary.images].flatMap(([image, users]) => [image, ...users.map((user) => `    ${user}`)]);
  const permissions = [...summary.permissions].flatMap(([account, rules]) => [
    account,
    ...rules.map((rule) => `    ${rule}`),
  ]);
  return [
    `${total} objects in ${summary.files.length} files under ${directory}`,
    ...section('Files', files),
    ...section('Images', images),
    ...section('Permissions granted to service accounts', permissions),
    ...section('Secrets that must exist in the cluster', summary.missingSecrets),
    ...section('Custom resources, whose operators must be installed', summary.customKinds),
    ...section('Next', [`kubectl apply --server-side -f ${directory}`]),
    '',
  ].join('\n');
}
