import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Rendered } from './synth';

const DIRECTORY = join(__dirname, '../../lib/monitoring/dashboards');

/** The dashboards as they are committed and shipped, by name. */
export function committedDashboards(): Record<string, Rendered> {
  const names = readdirSync(DIRECTORY).map((file) => file.replace(/\.json$/, ''));
  return Object.fromEntries(
    names.map((name) => [name, JSON.parse(readFileSync(join(DIRECTORY, `${name}.json`), 'utf8'))]),
  );
}

/** What shows something: all panels but the titles of rows. */
export function panelsOf(dashboard: Rendered): Rendered[] {
  return dashboard.panels.filter((panel: Rendered) => panel.type !== 'row');
}

/** Every query of a dashboard, with what it is for. */
export function expressionsOf(dashboard: Rendered): { readonly of: string; readonly expression: string }[] {
  const panels = panelsOf(dashboard).flatMap(({ title, targets }) =>
    targets.map(({ expr, refId }: Rendered) => ({ of: `${dashboard.title}: ${title} ${refId}`, expression: expr })),
  );
  const annotations = (dashboard.annotations.list ?? []).map(({ name, expr }: Rendered) => ({
    of: `${dashboard.title}: annotation ${name}`,
    expression: expr,
  }));
  return [...panels, ...annotations];
}

/** An expression as Grafana would send it. */
export function substituted(expression: string, variables: Readonly<Record<string, string>>): string {
  return expression.replace(/\$(\w+)/g, (all, name: string) => variables[name] ?? all);
}
