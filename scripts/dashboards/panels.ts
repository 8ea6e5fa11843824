import { type Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { DATASOURCE } from './datasource';
import { type Limits, thresholds } from './limits';
import { runbookLink } from './runbooks';

/** A query, and how its series are called. */
export type Query = readonly [expression: string, legend: string];

/** What a panel shows. */
export interface PanelSpec {
  readonly title: string;
  readonly description: string;
  /** Grafana's name of the unit. */
  readonly unit: string;
  readonly queries: readonly Query[];
  readonly limits: Limits;
  /** Columns of 24. */
  readonly width: number;
  readonly height?: number;
  readonly min?: number;
  readonly max?: number;
  /** Names of values, for example of 0 and 1. */
  readonly values?: Readonly<Record<string, dashboard.ValueMappingResult>>;
  /** The alerts whose runbooks say what to do. */
  readonly alerts?: readonly string[];
}

/** A column of a table. */
export interface Column {
  readonly name: string;
  readonly expression: string;
  readonly unit: string;
  readonly limits: Limits;
}

/** What a builder of any kind of panel has. */
interface AnyPanel<T> extends Builder<dashboard.Panel> {
  title(title: string): T;
  description(description: string): T;
  datasource(datasource: common.DataSourceRef): T;
  links(links: Builder<dashboard.DashboardLink>[]): T;
  unit(unit: string): T;
  thresholds(thresholds: Builder<dashboard.ThresholdsConfig>): T;
  mappings(mappings: dashboard.ValueMapping[]): T;
  min(min: number): T;
  max(max: number): T;
  span(columns: number): T;
  height(rows: number): T;
}

function described<T extends AnyPanel<T>>(panel: T, spec: Omit<PanelSpec, 'queries'>): T {
  const result = panel
    .title(spec.title)
    .description(spec.description)
    .datasource(DATASOURCE)
    .unit(spec.unit)
    .thresholds(thresholds(spec.limits))
    .span(spec.width)
    .height(spec.height ?? 8);
  if (spec.alerts) result.links(spec.alerts.map(runbookLink));
  if (spec.min !== undefined) result.min(spec.min);
  if (spec.max !== undefined) result.max(spec.max);
  if (spec.values) result.mappings([{ type: dashboard.MappingType.ValueToText, options: { ...spec.values } }]);
  return result;
}

const refId = (index: number): string => String.fromCharCode('A'.charCodeAt(0) + index);

/** The value of now, one tile for each series. */
export function stat(spec: PanelSpec): StatBuilder {
  const targets = spec.queries.map(([expression, legend], index) =>
    new DataqueryBuilder().expr(expression).legendFormat(legend).refId(refId(index)).datasource(DATASOURCE).instant(),
  );
  return described(new StatBuilder(), { height: 5, ...spec })
    .targets(targets)
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    .textMode(common.BigValueTextMode.ValueAndName)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));
}

/** Values over time; the limits are dashed lines. */
export function lines(spec: PanelSpec): LinesBuilder {
  const targets = spec.queries.map(([expression, legend], index) =>
    new DataqueryBuilder().expr(expression).legendFormat(legend).refId(refId(index)).datasource(DATASOURCE).range(),
  );
  const limited = spec.limits.length > 1;
  const { Dashed, Off } = common.GraphThresholdsStyleMode;
  return described(new LinesBuilder(), spec)
    .targets(targets)
    .thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(limited ? Dashed : Off))
    .lineWidth(2)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.Table)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    );
}

/** One row for each combination of labels, one column for each query: all queries have the same labels. */
export function table(spec: Omit<PanelSpec, 'queries'>, columns: readonly Column[]): TableBuilder {
  const targets = columns.map(({ expression }, index) =>
    new DataqueryBuilder()
      .expr(expression)
      .format(PromQueryFormat.Table)
      .refId(refId(index))
      .datasource(DATASOURCE)
      .instant(),
  );
  // With one query Grafana calls the column `Value`, with several `Value #<refId>`.
  const valueName = (index: number): string => (columns.length === 1 ? 'Value' : `Value #${refId(index)}`);
  const renameByName = Object.fromEntries(columns.map(({ name }, index) => [valueName(index), name]));
  const panel = described(new TableBuilder(), spec)
    .targets(targets)
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({ id: 'organize', options: { excludeByName: { Time: true }, renameByName } });
  for (const { name, unit, limits } of columns) {
    panel.overrideByName(name, [
      { id: 'unit', value: unit },
      { id: 'thresholds', value: thresholds(limits).build() },
      { id: 'custom.cellOptions', value: { type: 'color-text' } },
    ]);
  }
  return panel;
}
