import { type Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { METRICS } from 'cdk8s-mlops/contract';
import { DATASOURCE, DEFAULT_DATASOURCE } from './datasource';
import { type ExporterMetric } from './exporters';
import { transitions } from './transitions';

const TAG = 'mlops';

/** Metrics of which every model that is watched, served or trained has at least one. */
const ANY_MODEL = [METRICS.versionInfo, METRICS.driftCheckLastSuccess, METRICS.inferenceRequests, METRICS.gatePassed];
/** Metrics of which every version has at least one. */
const ANY_VERSION = [METRICS.versionInfo, METRICS.dataDriftScore, METRICS.inferenceRequests, METRICS.gatePassed];

/** How many values of a variable may be chosen. */
export type Choice = 'one' | 'many';

/** What a dashboard is made of. */
export interface DashboardSpec {
  /** Part of the uid, which is part of every link to it: it never changes. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** @default now-24h */
  readonly from?: string;
  readonly variables: readonly QueryVariableBuilder[];
  /** Whether it is about models, whose promotions and rollbacks are marked. */
  readonly ofModels: boolean;
  /** Rows of panels, by their title. */
  readonly rows: Readonly<Record<string, readonly Builder<Panel>[]>>;
}

/** A variable by the values that a label has. */
export function labelVariable(
  name: string,
  metrics: readonly ExporterMetric[],
  choice: Choice,
  matchers: readonly string[] = [],
): QueryVariableBuilder {
  const names = metrics.map((metric) => metric.name).join('|');
  const query = `label_values({${[`__name__=~"${names}"`, ...matchers].join(', ')}}, ${name})`;
  const variable = new QueryVariableBuilder(name)
    .label(name[0]!.toUpperCase() + name.slice(1))
    .datasource(DATASOURCE)
    .query({ query, refId: name, qryType: 1 })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.NaturalAsc);
  if (choice === 'one') return variable;
  return variable.multi(true).includeAll(true).allValue('.*').current({ text: 'All', value: '$__all', selected: true });
}

/** The variables by which models are chosen. */
export function modelVariables(models: Choice): QueryVariableBuilder[] {
  return [
    labelVariable('namespace', ANY_MODEL, models),
    labelVariable('model', ANY_MODEL, models, ['namespace=~"$namespace"']),
  ];
}

/** The variable by which versions are chosen. */
export function versionVariable(): QueryVariableBuilder {
  return labelVariable('version', ANY_VERSION, 'many', ['namespace=~"$namespace"', 'model=~"$model"']);
}

/** The dashboard. The SDK numbers no panels: they are numbered here, so that links to them and alerts on them can be made. */
export function newDashboard(spec: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(spec.title)
    .uid(`mlops-${spec.name}`)
    .description(spec.description)
    .tags([TAG])
    .timezone('browser')
    .time({ from: spec.from ?? 'now-24h', to: 'now' })
    .refresh('1m')
    .tooltip(DashboardCursorSync.Crosshair)
    .readonly()
    .link(
      new DashboardLinkBuilder('MLOps')
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus').current(DEFAULT_DATASOURCE),
    );
  for (const variable of spec.variables) builder.withVariable(variable);
  if (spec.ofModels) for (const annotation of transitions()) builder.annotation(annotation);
  for (const [title, panels] of Object.entries(spec.rows)) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel);
  }
  const dashboard = builder.build();
  dashboard.panels?.forEach((panel, index) => (panel.id = index + 1));
  return dashboard;
}
