import { ApiObject } from 'cdk8s';
import { type Construct } from 'constructs';
import { ALERT_LABELS, PART_OF, suggest } from '../contract';
import { type AlertmanagerRoute, type AlertMatcher, PrometheusRule } from '../crds/prometheus-operator';
import { type Problems } from '../validation/problems';
import { DEFAULT_ALERTS } from './alert-names';
import { type AlertPaceOptions, type AlertRoute, type AlertRoutingProps } from './alert-routing';
import { type Receiver } from './receiver';

const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

const twice = <T>(values: readonly T[]): Set<T> =>
  new Set(values.filter((each, index) => values.indexOf(each) !== index));

/** Reports everything that is wrong with the props of a routing. */
export function checkAlertRouting(props: AlertRoutingProps, problems: Problems): void {
  const { routes, groupBy = [] } = props;
  if (routes.length === 0) problems.add('routes', routes, 'must say who is told: leave the routing out to tell nobody');
  if (props.groupBy?.length === 0) problems.add('groupBy', groupBy, 'must name at least one label');
  for (const label of groupBy) {
    if (!LABEL.test(label)) problems.add('groupBy', label, 'must be the name of a label');
  }
  for (const label of twice(groupBy)) problems.add('groupBy', label, 'is named twice');
  checkPace('', props, {}, problems);
  routes.forEach((route, index) => checkRoute(`routes[${index}]`, route, props, problems));
  const last = routes.findIndex((route) => takesAll(route) && !route.continues);
  for (let index = last + 1; last >= 0 && index < routes.length; index++) {
    problems.addText(`'routes[${index}]' is never reached: 'routes[${last}]' takes every alert. Put that one last`);
  }
  checkNames(routes, problems);
}

/** Labels that a route has a prop for. */
const OWN_PROPS = new Map([
  ['severity', 'severities'],
  ['tier', 'tiers'],
  ['alertname', 'alerts'],
  ['model', 'models'],
]);

const takesAll = ({ severities, tiers, alerts, models, labels = {} }: AlertRoute): boolean =>
  !severities && !tiers && !alerts && !models && Object.keys(labels).length === 0;

function checkRoute(prop: string, route: AlertRoute, props: AlertRoutingProps, problems: Problems): void {
  const { receivers, severities, tiers, alerts, models, labels = {} } = route;
  const lists = { receivers, severities, tiers, alerts, models: models?.map(({ name }) => name) };
  for (const [name, list] of Object.entries(lists)) {
    if (list?.length === 0) problems.add(`${prop}.${name}`, list, 'must name at least one');
    for (const each of twice<unknown>(list ?? [])) {
      problems.add(`${prop}.${name}`, name === 'receivers' ? (each as Receiver).name : each, 'is named twice');
    }
  }
  for (const alert of alerts ?? []) {
    if (!LABEL.test(alert)) problems.add(`${prop}.alerts`, alert, 'must be the name of an alert');
  }
  for (const [label, value] of Object.entries(labels)) {
    const where = `${prop}.labels.${label}`;
    if (!LABEL.test(label)) problems.add(where, value, 'must have the name of a label');
    if (label === 'namespace') problems.add(where, value, "is the platform's: leave it out");
    const own = OWN_PROPS.get(label);
    if (own !== undefined) problems.add(where, value, `belongs under '${own}'`);
  }
  checkPace(`${prop}.`, route, props, problems);
}

function checkPace(prefix: string, own: AlertPaceOptions, inherited: AlertPaceOptions, problems: Problems): void {
  problems.checkDuration(`${prefix}groupWait`, own.groupWait, 0);
  problems.checkDuration(`${prefix}groupInterval`, own.groupInterval, 1);
  problems.checkDuration(`${prefix}repeatInterval`, own.repeatInterval, 1);
  const interval = (own.groupInterval ?? inherited.groupInterval)?.toSeconds({ integral: false }) ?? 300;
  const repeat = (own.repeatInterval ?? inherited.repeatInterval)?.toSeconds({ integral: false }) ?? 14_400;
  // Alertmanager looks at a group once in its interval, and repeats no sooner.
  if (repeat < interval && (own.groupInterval ?? own.repeatInterval)) {
    problems.addText(
      `'${prefix}repeatInterval' (${repeat} s) must not be shorter than the group interval, ${interval} s`,
    );
  }
}

function checkNames(routes: readonly AlertRoute[], problems: Problems): void {
  const receivers = new Set(routes.flatMap((route) => route.receivers));
  for (const name of twice([...receivers].map((each) => each.name).filter((each) => each !== 'none'))) {
    problems.add('receivers', name, "is the name of two receivers: give each a 'name' of its own");
  }
}

interface RenderedRules {
  readonly metadata: { readonly namespace?: string };
  readonly spec: { readonly groups: readonly { readonly rules: readonly RenderedRule[] }[] };
}

interface RenderedRule {
  readonly alert?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What is wrong with the way of the app's alerts through the routes: alerts that reach nobody, names that no alert has. */
export function unroutedAlerts(scope: Construct, namespace: string, routes: readonly AlertmanagerRoute[]): string[] {
  const alerts = alertsOf(scope, namespace);
  const problems = alerts
    .filter((labels) => !routes.some(({ matchers }) => matchers.every((matcher) => mayMatch(matcher, labels))))
    .map(({ alertname = '', model = '', severity = '' }) => {
      const fix = `add a route for it, or Receiver.none() to leave it to Alertmanager's own configuration`;
      const whose = model === '' ? 'of the platform' : `of the model '${model}'`;
      return `no route takes the alert '${alertname}' ${whose} (severity '${severity}'): ${fix}`;
    });
  const known = [...new Set([...DEFAULT_ALERTS, ...alerts.map(({ alertname = '' }) => alertname)])];
  const named = routes.flatMap(({ matchers }) =>
    matchers.filter(({ name }) => name === 'alertname').flatMap(({ value }) => value.split('|')),
  );
  for (const name of new Set(named.filter((each) => !known.includes(each)))) {
    const near = suggest(name, known);
    // Others may have rules outside the app, so a name that is like no other may be theirs.
    if (near) problems.push(`a route is for the alert '${name}', which does not exist; did you mean '${near}'?`);
  }
  return problems;
}

/** The labels that are known of every alert of this library in the namespace: no other is routed. */
function alertsOf(scope: Construct, namespace: string): Readonly<Record<string, string>>[] {
  return scope.node.root.node
    .findAll()
    .filter((each): each is ApiObject => ApiObject.isApiObject(each) && each.kind === PrometheusRule.GVK.kind)
    .map((each) => each.toJson() as RenderedRules)
    .filter(({ metadata }) => metadata.namespace === namespace)
    .flatMap(({ spec }) => spec.groups.flatMap(({ rules }) => rules))
    .filter(({ labels }) => labels?.[ALERT_LABELS.partOf] === PART_OF)
    .flatMap(({ alert, labels }) => (alert === undefined ? [] : [{ ...labels, alertname: alert }]));
}

/** Whether an alert can meet a matcher: a label that its rule does not set may come from the metric. */
function mayMatch({ name, matchType, value }: AlertMatcher, labels: Readonly<Record<string, string>>): boolean {
  const label = labels[name];
  if (label === undefined) return true;
  return matchType === '=' ? label === value : new RegExp(`^(?:${value})$`).test(label);
}
