import { Dashboards } from 'cdk8s-mlops';
import { METRICS } from 'cdk8s-mlops/contract';
import { DEFAULT_ALERTS } from '../../lib/monitoring/alert-names';
import { EXPORTER_METRICS } from '../../scripts/dashboards/exporters';
import { DASHBOARDS } from '../../scripts/dashboards/index';
import { committedDashboards, expressionsOf, panelsOf } from '../support/dashboards';
import { find, newChart, newPlatform, problemsOf, rendered, type Rendered } from '../support/synth';

const committed = committedDashboards();
const dashboards = Object.entries(committed);
const expressions = dashboards.flatMap(([, dashboard]) => expressionsOf(dashboard));

/** Labels by series name, with those that a histogram's parts have. */
const LABELS = new Map<string, readonly string[]>(
  [...Object.values(METRICS), ...Object.values(EXPORTER_METRICS)].flatMap(({ name, type, labels }) =>
    type === 'histogram'
      ? ([
          [`${name}_bucket`, [...labels, 'le']],
          [`${name}_sum`, labels],
          [`${name}_count`, labels],
        ] as const)
      : ([[name, labels]] as const),
  ),
);

test('the committed files are what `npm run dashboards` makes', () => {
  expect(committed).toEqual(JSON.parse(JSON.stringify(DASHBOARDS)));
});

describe.each(dashboards)('%s', (name, dashboard) => {
  const panels = panelsOf(dashboard);

  test('has a stable uid, a description and the tag by which dashboards link to each other', () => {
    expect(dashboard).toMatchObject({
      uid: `mlops-${name}`,
      description: expect.stringMatching(/\.$/),
      tags: ['mlops'],
    });
  });

  test('every panel says what it shows, in which unit, with limits, from which data source', () => {
    const unsaid = panels.filter(({ title, description, datasource, fieldConfig: { defaults }, targets }) => {
      const sources = [datasource, ...targets.map((target: Rendered) => target.datasource)];
      const sourced = sources.every(({ type, uid }: Rendered) => type === 'prometheus' && uid === '${datasource}');
      return !(title && /\.$/.test(description) && defaults.unit && defaults.thresholds.steps.length && sourced);
    });
    expect(unsaid).toEqual([]);
  });

  test('panels and queries are told apart by their ids', () => {
    const ids = dashboard.panels.map(({ id }: Rendered) => id);
    expect(ids).toEqual(ids.map((_: unknown, index: number) => index + 1));
    for (const { targets } of panels) {
      const refIds = targets.map(({ refId }: Rendered) => refId);
      expect(refIds).toEqual([...'ABCDEFGHIJ'].slice(0, refIds.length));
    }
  });

  test('a value of now is the last one', () => {
    for (const { type, options, targets } of panels) {
      if (type === 'stat') expect(options.reduceOptions.calcs).toEqual(['lastNotNull']);
      const instant = targets.map((target: Rendered) => target.instant === true);
      expect(instant).toEqual(instant.map(() => type !== 'timeseries'));
    }
  });

  test('no panels overlap, and none leaves the grid', () => {
    const cells = new Set<string>();
    for (const { gridPos, title } of dashboard.panels as Rendered[]) {
      expect({ title, right: gridPos.x + gridPos.w <= 24 }).toEqual({ title, right: true });
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          const cell = `${x} ${y}`;
          expect({ title, taken: cells.has(cell) }).toEqual({ title, taken: false });
          cells.add(cell);
        }
      }
    }
  });

  test('variables that are used are defined, and those that are defined are used', () => {
    const defined: string[] = dashboard.templating.list.map((variable: Rendered) => variable.name);
    const used = [...JSON.stringify(dashboard).matchAll(/\$\{?([a-z]\w*)/g)].map(([, variable]) => variable);
    expect([...new Set(used)].sort()).toEqual([...defined].sort());
    expect(dashboard.templating.list[0]).toMatchObject({ type: 'datasource', current: { value: 'prometheus' } });
  });

  test('runbooks are those of alerts that there are', () => {
    const alerts = panels.flatMap(({ links = [] }) => links.map(({ url }: Rendered) => /([^/]+)\.md$/.exec(url)?.[1]));
    expect(alerts.filter((alert) => !DEFAULT_ALERTS.includes(alert))).toEqual([]);
  });

  test('dashboards of models mark promotions, rollbacks and withdrawn candidates', () => {
    const names = (dashboard.annotations.list ?? []).map((annotation: Rendered) => annotation.name);
    expect(names).toEqual(name === 'gpu' ? [] : ['Promotions', 'Rollbacks', 'Withdrawn candidates']);
  });
});

test.each(expressions)('$of: metrics and labels are those that are exported', ({ expression }) => {
  const series = [...expression.matchAll(/([A-Za-z_:][\w:]*)\{([^}]*)\}/g)];
  expect(series.length).toBeGreaterThan(0);
  for (const [, name, matchers] of series) {
    const labels = LABELS.get(name!);
    expect({ name, known: labels !== undefined }).toEqual({ name, known: true });
    const matched = [...matchers!.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)].map(([, label]) => label!);
    expect({ name, strange: matched.filter((label) => !labels!.includes(label)) }).toEqual({ name, strange: [] });
  }
  for (const { labels, within } of groupings(expression)) {
    for (const [, name] of within.matchAll(/([A-Za-z_:][\w:]*)\{/g)) {
      const strange = labels.filter((label) => !LABELS.get(name!)!.includes(label));
      expect({ name, within, strange }).toEqual({ name, within, strange: [] });
    }
  }
  // No metric stands without braces: what is left are functions, operators and their labels.
  const left = expression
    .replace(/[A-Za-z_:][\w:]*\{[^}]*\}/g, '')
    .replace(/\b(by|on|group_left|group_right) \([^)]*\)/g, '');
  const words = left.match(/(?<![\w$])[A-Za-z_]\w*(?!\w*\s*\()/g) ?? [];
  expect(words.filter((word) => !['or', 'and', 'unless', 'on', 'offset', 'm', 'd'].includes(word))).toEqual([]);
});

/** Every aggregation of an expression: the labels that it keeps, and what it is over. */
function groupings(expression: string): { readonly labels: readonly string[]; readonly within: string }[] {
  return [...expression.matchAll(/\bby \(([^)]*)\) \(/g)].map(({ 0: all, 1: labels, index }) => {
    const start = index + all.length;
    let end = start;
    for (let depth = 1; depth > 0; end++) {
      if (expression[end] === '(') depth++;
      if (expression[end] === ')') depth--;
    }
    return { labels: labels!.split(', '), within: expression.slice(start, end - 1) };
  });
}

describe('Dashboards', () => {
  test('renders one ConfigMap for each, as the sidecar of kube-prometheus-stack finds it', () => {
    const chart = newChart();
    const { uids } = new Dashboards(chart, 'dashboards', {
      platform: newPlatform(chart),
      runbooksUrl: 'https://runbooks.invalid',
    });
    for (const [name, dashboard] of dashboards) {
      const { metadata, data } = find(rendered(chart), 'ConfigMap', `dashboard-${name}`);
      expect(metadata).toMatchObject({
        namespace: 'ml',
        labels: { grafana_dashboard: '1', 'app.kubernetes.io/part-of': 'cdk8s-mlops' },
        annotations: { grafana_folder: 'MLOps' },
      });
      expect(Object.keys(data)).toEqual([`mlops-${name}.json`]);
      expect(JSON.parse(data[`mlops-${name}.json`])).toEqual(dashboard);
      expect(JSON.stringify(data).length).toBeLessThan(2 ** 20);
    }
    expect([...uids].sort()).toEqual(dashboards.map(([name]) => `mlops-${name}`).sort());
  });

  test.each([
    ['https://wiki.example/runbooks', ['https://wiki.example/runbooks/DataDriftDetected.md']],
    [undefined, []],
  ])('links to the runbooks at %s', (runbooksUrl, links) => {
    const chart = newChart();
    new Dashboards(chart, 'dashboards', { platform: newPlatform(chart), runbooksUrl });
    const { data } = find(rendered(chart), 'ConfigMap', 'dashboard-drift');
    const [panel] = panelsOf(JSON.parse(data['mlops-drift.json']));
    expect(panel.links.map(({ url }: Rendered) => url)).toEqual(links);
    expect(data['mlops-drift.json']).not.toContain('runbooks.invalid');
  });

  test('goes to another folder, with other labels', () => {
    const chart = newChart();
    const labels = { dashboards: 'team-a' };
    new Dashboards(chart, 'dashboards', { platform: newPlatform(chart), folder: 'Data/Science', labels });
    const { metadata } = find(rendered(chart), 'ConfigMap', 'dashboard-drift');
    expect(metadata.labels).toMatchObject(labels);
    expect(metadata.labels).not.toHaveProperty('grafana_dashboard');
    expect(metadata.annotations).toEqual({ grafana_folder: 'Data/Science' });
  });

  test('says everything that is wrong at once', () => {
    const chart = newChart();
    const platform = newPlatform(chart);
    const labels = { 'not a key': 'ok', grafana_dashboard: 'not a value' };
    expect(
      problemsOf(
        () => new Dashboards(chart, 'dashboards', { platform, folder: '../etc', labels, runbooksUrl: 'wiki' }),
      ),
    ).toEqual([
      "'folder' ('../etc') must be a folder's name, or names separated by single slashes, for example 'MLOps'",
      "'labels' ('not a key') must be a label key: 'name' or 'domain.example/name'",
      "'labels.grafana_dashboard' ('not a value') must be a label value: at most 63 letters, digits, hyphens, underscores and dots",
      "'runbooksUrl' ('wiki') must be a URL, for example 'http://mlflow.ml.svc:5000'",
    ]);
    expect(problemsOf(() => new Dashboards(chart, 'none', { platform, labels: {} }))).toEqual([
      "'labels' ({}) must have at least one label: without any no sidecar finds the dashboards",
    ]);
  });
});
