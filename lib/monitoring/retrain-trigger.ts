import { Duration } from 'cdk8s';
import { type RetrainTriggerName } from '../contract';
import { type SecretReference } from '../platform/secret-reference';
import { dnsSubdomainProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { EventBus } from './event-bus';

const HOUR = 3600;
const DAY = 24 * HOUR;
/**
 * Alertmanager forgets what it has sent after 120 h (`--data.retention`), and would then send it again.
 *
 * @see https://prometheus.io/docs/alerting/latest/configuration/#route
 */
const LONGEST_REPEAT = 120 * HOUR;

/** Options of {@link RetrainTrigger.alertmanager}. */
export interface AlertmanagerTriggerOptions {
  /**
   * The token that Alertmanager sends and that is asked of it: any long random text, in a Secret of the platform's namespace. Whoever has
   * it can ask for trainings, as often as the loop admits them.
   */
  readonly token: SecretReference;

  /**
   * What carries the alerts.
   *
   * @default EventBus.jetStream()
   */
  readonly eventBus?: EventBus;

  /**
   * Time after which a training is asked for again while the alert still fires: the first may have been refused, or have been in vain. At
   * least a day.
   *
   * @default Duration.days(1)
   */
  readonly repeatInterval?: Duration;

  /**
   * Names of Secrets with credentials of the registry of Argo Events' images.
   *
   * @default - none
   */
  readonly imagePullSecrets?: readonly string[];
}

/** What the way from Alertmanager to a training is made from. @internal */
export interface AlertmanagerTrigger {
  readonly token: SecretReference;
  readonly eventBus: EventBus;
  readonly repeatSeconds: number;
  readonly imagePullSecrets: readonly string[];
}

/** How a training is started when the drift check finds that one is needed. Immutable data. */
export class RetrainTrigger {
  /** The drift check starts it, through the Kubernetes API. Needs nothing else in the cluster. */
  public static direct(): RetrainTrigger {
    return new RetrainTrigger('direct', undefined);
  }

  /**
   * The alert `RetrainingNeeded` starts it, and so does every rule that `retrains`: Alertmanager sends them to a webhook of Argo Events,
   * whose Sensor creates the Workflow. The drift check then may do nothing in the cluster. Needs Argo Events 1.9 and trainings on
   * `TrainingEngine.argo()`.
   *
   * A namespace has one such way, shared by its models: give all of them the same trigger.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static alertmanager(options: AlertmanagerTriggerOptions): RetrainTrigger {
    const {
      token,
      eventBus = EventBus.jetStream(),
      repeatInterval = Duration.days(1),
      imagePullSecrets = [],
    } = options;
    const problems = new Problems('RetrainTrigger.alertmanager');
    // Programs that are not type-checked can leave the secret out; the webhook would then ask for none.
    if ((token as SecretReference | undefined) === undefined) {
      problems.add('token', token, 'must be given: SecretReference.of(name, key)');
    }
    // Runs are named by the day: what repeats within it meets the run that exists.
    problems.checkDuration('repeatInterval', repeatInterval, DAY);
    if (repeatInterval.toSeconds({ integral: false }) > LONGEST_REPEAT) {
      const limit = 'must be at most 120 hours: after that Alertmanager forgets that it has sent the alert';
      problems.add('repeatInterval', repeatInterval.toHumanString(), limit);
    }
    for (const name of imagePullSecrets) problems.check('imagePullSecrets', name, dnsSubdomainProblem(name));
    problems.throwIfAny();
    return new RetrainTrigger('alertmanager', {
      ...{ token, eventBus, repeatSeconds: repeatInterval.toSeconds() },
      imagePullSecrets: [...imagePullSecrets],
    });
  }

  private constructor(
    /** How the drift check is told which trigger it is. */
    public readonly name: RetrainTriggerName,
    /** @internal */
    public readonly _alertmanager: AlertmanagerTrigger | undefined,
  ) {}
}
