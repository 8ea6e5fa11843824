import { type SecretReference } from '../platform/secret-reference';
import { dnsLabelProblem } from '../validation/names';
import { type Problems } from '../validation/problems';
import { secretValueProblem } from '../validation/secrets';
import { portProblem } from '../validation/uri';
import {
  type EmailReceiverOptions,
  type PagerDutyReceiverOptions,
  type SlackReceiverOptions,
  type WebhookReceiverOptions,
} from './receiver-options';

/** Reports what is wrong with the name of a receiver. */
export function checkReceiver(name: string, problems: Problems): void {
  problems.check('name', name, dnsLabelProblem(name));
  if (name === 'none') problems.add('name', name, 'is the receiver that tells nobody: choose another name');
}

/** Programs that are not type-checked can leave a secret out; the operator would then refuse every route. */
function checkSecret(prop: string, secret: SecretReference | undefined, problems: Problems): void {
  if (secret === undefined) problems.add(prop, secret, 'must be given: SecretReference.of(name, key)');
}

/** Reports everything that is wrong with a channel of Slack. */
export function checkSlack({ apiUrl, channel }: SlackReceiverOptions, problems: Problems): void {
  checkSecret('apiUrl', apiUrl, problems);
  if (channel !== undefined && !/^([#@][^\s#@]+|[CDGU][A-Z0-9]{8,})$/.test(channel)) {
    problems.add('channel', channel, "must be a channel, a person or an id of Slack, for example '#ml-alerts'");
  }
}

/** Reports everything that is wrong with a service of PagerDuty. */
export function checkPagerDuty({ routingKey, url }: PagerDutyReceiverOptions, problems: Problems): void {
  checkSecret('routingKey', routingKey, problems);
  if (url !== undefined) problems.check('url', url, receiverUrlProblem(url));
}

/** Reports everything that is wrong with mailboxes. */
export function checkEmail(options: EmailReceiverOptions, problems: Problems): void {
  const { to, from, smarthost, authUsername, authPassword, requireTls = true } = options;
  if (to.length === 0) problems.add('to', to, 'must name at least one address');
  for (const address of to) problems.check('to', address, addressProblem(address));
  for (const address of new Set(to.filter((each, index) => to.indexOf(each) !== index))) {
    problems.add('to', address, 'is named twice');
  }
  problems.check('from', from, addressProblem(from));
  problems.check('smarthost', smarthost, smarthostProblem(smarthost));
  if (authUsername === '') problems.add('authUsername', authUsername, 'must not be empty');
  if (authUsername !== undefined && !authPassword) {
    problems.add('authUsername', authUsername, "needs 'authPassword': SecretReference.of(name, key)");
  }
  if (authPassword && authUsername === undefined) {
    problems.add('authPassword', `${authPassword.name}/${authPassword.key}`, "needs 'authUsername'");
  }
  if (authPassword && !requireTls) {
    problems.add('requireTls', requireTls, 'would send the password in plain text: leave it out');
  }
}

/** Reports everything that is wrong with an HTTP endpoint. */
export function checkWebhook({ url, urlSecret, maxAlerts }: WebhookReceiverOptions, problems: Problems): void {
  if (url !== undefined) problems.check('url', url, receiverUrlProblem(url));
  if (url === undefined && !urlSecret) {
    problems.addText("'url' or 'urlSecret' must be given: where should alerts be sent to?");
  }
  if (url !== undefined && urlSecret) problems.add('url', url, "stands beside 'urlSecret': keep one");
  if (maxAlerts !== undefined && !(Number.isInteger(maxAlerts) && maxAlerts >= 1)) {
    problems.add('maxAlerts', maxAlerts, 'must be a whole number from 1 on');
  }
}

/** Alerts say what is wrong with a model, and tokens go with them: nothing leaves the cluster unencrypted. */
function receiverUrlProblem(url: string): string | undefined {
  if (!URL.canParse(url)) return "must be a URL, for example 'https://hooks.example.com/alerts'";
  const { protocol, username, password, hostname } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') return 'must be an http or https URL';
  if (username !== '' || password !== '') return 'must not carry credentials: name a Secret that holds them';
  if (protocol === 'http:' && !/^[^.]+\.[^.]+\.svc(\.cluster\.local)?$/.test(hostname)) {
    return "must be https: http is only for a Service of the cluster, 'http://<service>.<namespace>.svc'";
  }
  return secretValueProblem(url) === undefined
    ? undefined
    : 'carries a secret in plain text: name a Secret that holds it';
}

function addressProblem(address: string): string | undefined {
  return /^[^\s@<>,;"{}]+@([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$/.test(address)
    ? undefined
    : "must be an e-mail address, for example 'ml-team@example.com'";
}

function smarthostProblem(smarthost: string): string | undefined {
  const [, host, port] = /^([A-Za-z0-9][-A-Za-z0-9.]*):(\d+)$/.exec(smarthost) ?? [];
  if (host === undefined || port === undefined) return "must be a host and a port, for example 'smtp.example.com:587'";
  return portProblem(Number(port));
}
