import { METRICS, type MetricSpec, PUSHGATEWAY_METRICS, suggest } from '../contract';

/** Every series of the contract by its name: of a histogram, its parts. */
const SERIES: ReadonlyMap<string, MetricSpec> = new Map(
  Object.values<MetricSpec>(METRICS).flatMap((metric) =>
    metric.type === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((part): [string, MetricSpec] => [`${metric.name}${part}`, metric])
      : [[metric.name, metric] as [string, MetricSpec]],
  ),
);

const HISTOGRAMS: ReadonlyMap<string, MetricSpec> = new Map(
  Object.values<MetricSpec>(METRICS)
    .filter(({ type }) => type === 'histogram')
    .map((metric) => [metric.name, metric]),
);

/** Labels that Prometheus itself gives a series, by whom it was scraped from. */
const SCRAPE_LABELS = ['job', 'instance', 'pod', 'container', 'endpoint', 'service', 'node'];

/** The metric of the contract that a series is of, or that a histogram is. */
export function metricOf(name: string): MetricSpec | undefined {
  return SERIES.get(name) ?? HISTOGRAMS.get(name);
}

function unknown(name: string, known: Iterable<string>): string {
  const near = suggest(name, [...known]);
  const own = 'metrics of others are for AlertRule.promql';
  return `is exported by nothing: it must be a metric of the contract${near ? `; did you mean '${near}'?` : ''}, ${own}`;
}

/** Why nothing exports a series of this name. */
export function seriesProblem(name: string): string | undefined {
  if (SERIES.has(name)) return undefined;
  if (HISTOGRAMS.has(name)) return `is a histogram: use AlertRule.quantile, or '${name}_count' or '${name}_sum'`;
  return unknown(name, SERIES.keys());
}

/** Why nothing exports a histogram of this name. */
export function histogramProblem(name: string): string | undefined {
  if (HISTOGRAMS.has(name)) return undefined;
  const other = SERIES.get(name);
  return other
    ? `is a ${other.type} and no histogram: it must be one of ${[...HISTOGRAMS.keys()].join(', ')}`
    : unknown(name, HISTOGRAMS.keys());
}

/** Why no series of a metric has a label. */
export function labelProblem(name: string, label: string): string | undefined {
  const metric = metricOf(name);
  if (!metric) return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) ? undefined : 'must be the name of a label';
  const labels = [...metric.labels, ...(name.endsWith('_bucket') ? ['le'] : []), ...SCRAPE_LABELS];
  if (labels.includes(label)) return undefined;
  const near = suggest(label, labels);
  const own = metric.labels.join(', ');
  return `is no label of '${name}', which has ${own}${near ? `; did you mean '${near}'?` : ''}`;
}

/** The highest value of a share, or of what is 1 or 0. */
const highestOf = ({ unit }: MetricSpec): number | undefined => (unit === 'ratio' || /^1 /.test(unit) ? 1 : undefined);

/** Why a metric, or its rate, is always on one side of a threshold. */
export function thresholdProblem(name: string, threshold: number, isRate: boolean): string | undefined {
  const metric = metricOf(name);
  if (!metric || !Number.isFinite(threshold) || metric === METRICS.predictionValue) return undefined;
  const highest = isRate ? undefined : highestOf(metric);
  if (threshold >= 0 && (highest === undefined || threshold <= highest)) return undefined;
  return highest === undefined
    ? `must be at least 0: '${name}' is never less`
    : `must be between 0 and ${highest}, as '${name}' is`;
}

/** What of an expression looks like a metric of the contract and is none. */
export function expressionProblems(expression: string): string[] {
  const withoutTexts = expression.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|`[^`]*`/g, '""');
  const names = withoutTexts.match(/[a-zA-Z_:][a-zA-Z0-9_:]*/g) ?? [];
  const ours = [...new Set(names)].filter((name) => /(^|:)ml_/.test(name) && !SERIES.has(name));
  return ours.flatMap((name) => {
    const near = suggest(name, [...SERIES.keys(), ...Object.values(PUSHGATEWAY_METRICS)]);
    // Others may call theirs so as well.
    return near === undefined ? [] : [`names '${name}', which nothing exports; did you mean '${near}'?`];
  });
}
