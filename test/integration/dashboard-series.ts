import { METRICS, VERSION_ROLES } from 'cdk8s-mlops/contract';
import { EXPORTER_METRICS, type ExporterMetric } from '../../scripts/dashboards/exporters';

/** When the series begin, in seconds since the epoch: the start of a block of Prometheus. */
export const BEGIN = Date.UTC(2026, 0, 2) / 1000;
/** Minutes with one sample each. */
export const MINUTES = 180;

/** Which versions have which role, by the minutes from which and before which they have it. */
const ROLES = [
  { version: 'v3', role: VERSION_ROLES.stable, from: 0, to: 60 },
  { version: 'v4', role: VERSION_ROLES.candidate, from: 30, to: 60 },
  { version: 'v4', role: VERSION_ROLES.stable, from: 60, to: 120 },
  { version: 'v3', role: VERSION_ROLES.stable, from: 120, to: MINUTES },
  { version: 'v5', role: VERSION_ROLES.candidate, from: 125, to: 150 },
  { version: 'v4', role: VERSION_ROLES.candidate, from: 160, to: MINUTES },
] as const;

/** Values of the labels; a label that is not named has one value. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  namespace: ['ml'],
  model: ['churn'],
  version: ['v3', 'v4'],
  estimated: ['true', 'false'],
  feature: ['age', 'income'],
  bin: ['0', '1', '2'],
  class: ['stays', 'leaves'],
  actual: ['stays', 'leaves'],
  predicted: ['stays', 'leaves'],
  outcome: ['stored', 'shed_memory'],
  le: ['0.01', '0.05', '+Inf'],
  // What other exporters say: one pod with a GPU on one node.
  resource: ['nvidia_com_gpu'],
  phase: ['Running'],
  alertstate: ['firing'],
};

/** Requests that are counted in a minute; responses are 5 % less. */
const REQUESTS = 60;

/** What a series has after so many minutes. */
function value({ name, type, unit }: ExporterMetric, labels: Readonly<Record<string, string>>, minute: number): number {
  if (name === METRICS.inferenceResponses.name) return REQUESTS * 0.95 * minute;
  if (labels.le !== undefined) return REQUESTS * { '0.01': 0.5, '0.05': 0.9, '+Inf': 1 }[labels.le]! * minute;
  if (type === 'counter') return REQUESTS * minute;
  if (unit.startsWith('seconds')) return BEGIN + 60 * (minute - 5);
  return unit === 'ratio' || unit === 'score' ? 0.25 : 1;
}

function combinations(labels: readonly string[]): Record<string, string>[] {
  return labels.reduce<Record<string, string>[]>(
    (all, label) => all.flatMap((each) => (VALUES[label] ?? [label]).map((value) => ({ ...each, [label]: value }))),
    [{}],
  );
}

function samples(
  name: string,
  labels: Readonly<Record<string, string>>,
  at: (minute: number) => number,
  from = 0,
  to = MINUTES,
): string[] {
  const matchers = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return Array.from({ length: to - from }, (_, index) => {
    const minute = from + index;
    return `${name}{${matchers.join(',')}} ${at(minute)} ${BEGIN + minute * 60}`;
  });
}

/** Three hours of every series that the dashboards may ask for, as OpenMetrics. */
export function dashboardSeries(): string {
  const metrics: readonly ExporterMetric[] = [...Object.values(METRICS), ...Object.values(EXPORTER_METRICS)];
  const lines = metrics.flatMap((metric) => {
    if (metric.name === METRICS.versionInfo.name) {
      return ROLES.flatMap(({ version, role, from, to }) =>
        samples(metric.name, { namespace: 'ml', model: 'churn', version, role }, () => 1, from, to),
      );
    }
    const parts = metric.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    return parts.flatMap((part) =>
      combinations(part === '_bucket' ? [...metric.labels, 'le'] : metric.labels).flatMap((labels) =>
        samples(`${metric.name}${part}`, labels, (minute) => value(metric, labels, minute)),
      ),
    );
  });
  return `${lines.join('\n')}\n# EOF\n`;
}
