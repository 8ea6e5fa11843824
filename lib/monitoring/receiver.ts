import { type ReceiverIntegrations, type SecretKeySelector } from '../crds/prometheus-operator';
import { type SecretReference } from '../platform/secret-reference';
import { Problems } from '../validation/problems';
import { checkEmail, checkPagerDuty, checkReceiver, checkSlack, checkWebhook } from './check-receiver';
import { EMAIL, PAGER_DUTY, SLACK, TITLE } from './receiver-messages';
import {
  type EmailReceiverOptions,
  type PagerDutyReceiverOptions,
  type ReceiverOptions,
  type SlackReceiverOptions,
  type WebhookReceiverOptions,
} from './receiver-options';

const selector = ({ name, key }: SecretReference): SecretKeySelector => ({ name, key });

/**
 * Who is told of an alert, and how. Secrets are named, never seen, and must exist in the platform's namespace: while one is
 * missing, the operator takes none of the routes. Immutable data.
 */
export class Receiver {
  /**
   * A channel of Slack.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static slack(options: SlackReceiverOptions): Receiver {
    const { name, sendResolved } = checked('slack', options, checkSlack);
    const { apiUrl, channel } = options;
    const message = { ...SLACK, title: TITLE, fallback: TITLE, mrkdwnIn: ['text'] };
    return new Receiver(name, {
      slackConfigs: [{ sendResolved, apiURL: selector(apiUrl), ...(channel !== undefined && { channel }), ...message }],
    });
  }

  /**
   * A service of PagerDuty.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static pagerDuty(options: PagerDutyReceiverOptions): Receiver {
    const { name, sendResolved } = checked('pagerduty', options, checkPagerDuty);
    const { routingKey, url } = options;
    const message = { description: TITLE, ...PAGER_DUTY };
    return new Receiver(name, {
      pagerdutyConfigs: [
        { sendResolved, routingKey: selector(routingKey), ...(url !== undefined && { url }), ...message },
      ],
    });
  }

  /**
   * Mailboxes.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static email(options: EmailReceiverOptions): Receiver {
    const { name, sendResolved } = checked('email', options, checkEmail);
    const { to, from, smarthost, authUsername, authPassword, requireTls = true } = options;
    const server = {
      smarthost,
      ...(authUsername !== undefined && { authUsername }),
      ...(authPassword && { authPassword: selector(authPassword) }),
      requireTLS: requireTls,
    };
    const message = { headers: [{ key: 'Subject', value: TITLE }], ...EMAIL };
    return new Receiver(name, { emailConfigs: [{ sendResolved, to: to.join(', '), from, ...server, ...message }] });
  }

  /**
   * An HTTP endpoint that gets Alertmanager's JSON.
   *
   * @see https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
   * @throws ValidationError listing everything that is wrong.
   */
  public static webhook(options: WebhookReceiverOptions): Receiver {
    const { name, sendResolved } = checked('webhook', options, checkWebhook);
    const { url, urlSecret, token, maxAlerts } = options;
    return new Receiver(name, {
      webhookConfigs: [
        {
          sendResolved,
          ...(urlSecret ? { urlSecret: selector(urlSecret) } : { url }),
          ...(maxAlerts !== undefined && { maxAlerts }),
          ...(token && { httpConfig: { authorization: { type: 'Bearer', credentials: selector(token) } } }),
        },
      ],
    });
  }

  /** Nobody: for alerts that are left to what Alertmanager is configured to do with all. */
  public static none(): Receiver {
    return new Receiver('none', {});
  }

  private constructor(
    /** Name of the receiver. */
    public readonly name: string,
    private readonly integrations: ReceiverIntegrations,
  ) {}

  /** Where it sends what it gets. @internal */
  public _toIntegrations(): ReceiverIntegrations {
    return this.integrations;
  }
}

/** Name and default of options that a check found nothing wrong with. */
function checked<T extends ReceiverOptions>(
  kind: string,
  options: T,
  check: (options: T, problems: Problems) => void,
): Required<ReceiverOptions> {
  const { name = kind, sendResolved = true } = options;
  const problems = new Problems(`Receiver '${name}'`);
  checkReceiver(name, problems);
  check(options, problems);
  problems.throwIfAny();
  return { name, sendResolved };
}
