import { type SecretReference } from '../platform/secret-reference';

/** What every receiver may say. */
export interface ReceiverOptions {
  /**
   * Name of the receiver: of two of one kind each needs its own.
   *
   * @default - the kind: `slack`, `pagerduty`, `email`, `webhook`
   */
  readonly name?: string;

  /**
   * Whether it is told when an alert is over.
   *
   * @default true
   */
  readonly sendResolved?: boolean;
}

/** A channel of Slack. */
export interface SlackReceiverOptions extends ReceiverOptions {
  /** The address of the incoming webhook, which is a secret. */
  readonly apiUrl: SecretReference;

  /**
   * Channel, for example `#ml-alerts`.
   *
   * @default - the one of the webhook
   */
  readonly channel?: string;
}

/** A service of PagerDuty. */
export interface PagerDutyReceiverOptions extends ReceiverOptions {
  /** Integration key of the Events API v2. */
  readonly routingKey: SecretReference;

  /**
   * Address of the Events API.
   *
   * @default - `https://events.pagerduty.com/v2/enqueue`, or what Alertmanager is told for all
   */
  readonly url?: string;
}

/** Mailboxes. */
export interface EmailReceiverOptions extends ReceiverOptions {
  /** Addresses that are written to. */
  readonly to: readonly string[];
  /** Address that is written from. */
  readonly from: string;
  /** Host and port of the mail server, for example `smtp.example.com:587`. */
  readonly smarthost: string;

  /**
   * Name at the mail server.
   *
   * @default - none: the server takes mail from the cluster as it is
   */
  readonly authUsername?: string;

  /**
   * Password at the mail server.
   *
   * @default - none
   */
  readonly authPassword?: SecretReference;

  /**
   * Whether mail is only sent over TLS.
   *
   * @default true
   */
  readonly requireTls?: boolean;
}

/** An HTTP endpoint that gets Alertmanager's JSON. */
export interface WebhookReceiverOptions extends ReceiverOptions {
  /**
   * Address: https, or http to a Service of the cluster, `http://<service>.<namespace>.svc`.
   *
   * @default - `urlSecret`; one of both must be given
   */
  readonly url?: string;

  /**
   * The address, where it is a secret.
   *
   * @default - `url`
   */
  readonly urlSecret?: SecretReference;

  /**
   * Token that is sent as `Authorization: Bearer`.
   *
   * @default - none
   */
  readonly token?: SecretReference;

  /**
   * Most alerts of one message.
   *
   * @default - all
   */
  readonly maxAlerts?: number;
}
