import { Duration } from 'cdk8s';
import { Construct } from 'constructs';
import { ALERT_LABELS, PART_OF } from '../contract';
import { AlertmanagerConfig, type AlertmanagerRoute } from '../crds/prometheus-operator';
import { type Model } from '../model/model';
import { type MlModelPlatform } from '../platform/ml-model-platform';
import { objectMetadata } from '../platform/object-metadata';
import { Problems } from '../validation/problems';
import { equals, INHIBIT_RULES, oneOf } from './alert-inhibition';
import { type AlertSeverity, type AlertTier } from './alert-rule';
import { checkAlertRouting, unroutedAlerts } from './check-alert-routing';
import { Receiver } from './receiver';

/** How messages are paced. */
export interface AlertPaceOptions {
  /**
   * How long the first message of a group waits for further alerts of it.
   *
   * @default - the routing's, else Duration.seconds(30)
   */
  readonly groupWait?: Duration;

  /**
   * Shortest time between two messages of a group that has changed.
   *
   * @default - the routing's, else Duration.minutes(5)
   */
  readonly groupInterval?: Duration;

  /**
   * Time after which a message is repeated while its alerts fire.
   *
   * @default - the routing's, else Duration.hours(4)
   */
  readonly repeatInterval?: Duration;
}

/** Who is told of which alerts. An alert must meet all that is said. */
export interface AlertRoute extends AlertPaceOptions {
  /** Who is told. */
  readonly receivers: readonly Receiver[];

  /**
   * How urgent the alerts are.
   *
   * @default - any
   */
  readonly severities?: readonly AlertSeverity[];

  /**
   * What the alerts watch: data, model or service.
   *
   * @default - any
   */
  readonly tiers?: readonly AlertTier[];

  /**
   * Names of the alerts, for example `DataDriftDetected`.
   *
   * @default - any
   */
  readonly alerts?: readonly string[];

  /**
   * The models that they are of.
   *
   * @default - any
   */
  readonly models?: readonly Model[];

  /**
   * Further labels that they have, by equality.
   *
   * @default - none
   */
  readonly labels?: { readonly [label: string]: string };

  /**
   * Whether the routes that follow are tried too.
   *
   * @default false
   */
  readonly continues?: boolean;
}

/** Props of {@link AlertRouting}. */
export interface AlertRoutingProps extends AlertPaceOptions {
  /** The platform whose alerts are routed. */
  readonly platform: MlModelPlatform;
  /** The routes: the first that an alert meets takes it. */
  readonly routes: readonly AlertRoute[];

  /**
   * Labels by which alerts are put together in one message.
   *
   * @default - `alertname` and `model`
   */
  readonly groupBy?: readonly string[];

  /**
   * Whether alerts are held back that repeat what another one says: a critical silences the warning of the same model and topic,
   * a silent drift check silences the drift alerts of its model.
   *
   * @default true
   */
  readonly inhibits?: boolean;
}

const NAME = 'model-alerts';
const seconds = (duration: Duration): string => `${duration.toSeconds()}s`;

/**
 * Brings the alerts of a platform and its models to people: an AlertmanagerConfig, which the Prometheus operator merges into what
 * Alertmanager is configured to do with all alerts; that still gets them too. Only alerts of the platform's namespace with the label
 * `part_of: cdk8s-mlops` are routed, which every rule of this library has. Without a routing nothing is sent but what Alertmanager sends anyway.
 */
export class AlertRouting extends Construct {
  /** Where it belongs. */
  public readonly platform: MlModelPlatform;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: AlertRoutingProps) {
    super(scope, id);
    this.platform = props.platform;
    const problems = Problems.of(this);
    checkAlertRouting(props, problems);
    const isOther = (each: unknown): each is AlertRouting => each instanceof AlertRouting && each !== this;
    const other = this.node.root.node.findAll().find(isOther);
    if (other?.platform === props.platform) {
      problems.addText(`the platform has a routing already, '${other.node.path}': give that one all routes`);
    }
    problems.throwIfAny();

    const { namespace } = props.platform;
    const routes = props.routes.map(toRoute);
    const { groupWait = Duration.seconds(30), groupInterval = Duration.minutes(5) } = props;
    new AlertmanagerConfig(this, 'Resource', {
      metadata: objectMetadata({ name: NAME, namespace, app: 'alert-routing' }),
      spec: {
        route: {
          receiver: Receiver.none().name,
          // Said again, because the operator's matcher on the namespace can be configured away.
          matchers: [equals(ALERT_LABELS.namespace, namespace), equals(ALERT_LABELS.partOf, PART_OF)],
          groupBy: [...(props.groupBy ?? ['alertname', 'model'])],
          ...pace({ groupWait, groupInterval, repeatInterval: props.repeatInterval ?? Duration.hours(4) }),
          routes,
        },
        receivers: [[Receiver.none()], ...props.routes.map((route) => route.receivers)]
          .map((receivers) => ({ name: joinedName(receivers), ...joined(receivers) }))
          .filter(({ name }, index, all) => all.findIndex((each) => each.name === name) === index),
        inhibitRules: props.inhibits === false ? [] : INHIBIT_RULES,
      },
    });
    this.node.addValidation({ validate: () => unroutedAlerts(this, namespace, routes) });
  }
}

function toRoute(route: AlertRoute): AlertmanagerRoute {
  const { severities, tiers, alerts, models, labels = {}, continues = false } = route;
  return {
    receiver: joinedName(route.receivers),
    matchers: [
      ...(severities ? [oneOf(ALERT_LABELS.severity, severities)] : []),
      ...(tiers ? [oneOf(ALERT_LABELS.tier, tiers)] : []),
      ...(alerts ? [oneOf('alertname', alerts)] : []),
      ...(models
        ? [
            oneOf(
              ALERT_LABELS.model,
              models.map(({ name }) => name),
            ),
          ]
        : []),
      ...Object.entries(labels).map(([name, value]) => equals(name, value)),
    ],
    ...pace(route),
    ...(continues && { continue: true }),
  };
}

function pace({ groupWait, groupInterval, repeatInterval }: AlertPaceOptions): Partial<AlertmanagerRoute> {
  return {
    ...(groupWait && { groupWait: seconds(groupWait) }),
    ...(groupInterval && { groupInterval: seconds(groupInterval) }),
    ...(repeatInterval && { repeatInterval: seconds(repeatInterval) }),
  };
}

/** A route of Alertmanager has one receiver, which may have many integrations. */
function joinedName(receivers: readonly Receiver[]): string {
  return receivers.map(({ name }) => name).join('+');
}

function joined(receivers: readonly Receiver[]): ReturnType<Receiver['_toIntegrations']> {
  const all: Record<string, unknown[]> = {};
  for (const receiver of receivers) {
    for (const [kind, configs] of Object.entries(receiver._toIntegrations())) {
      all[kind] = [...(all[kind] ?? []), ...(configs as unknown[])];
    }
  }
  return all;
}
