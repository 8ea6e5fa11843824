import { PUSH_GROUPING_LABELS } from 'cdk8s-mlops/contract';
import { Failure } from './failure';
import { ask } from './http';

/**
 * Pushes metrics. `PUT` replaces the writer's group, so that series of features that are gone disappear; `POST` replaces only the
 * metrics that are in the body.
 *
 * @see https://github.com/prometheus/pushgateway#put-method
 * @param grouping value of each grouping label, `job` among them
 * @param body metrics in Prometheus's text format
 */
export async function pushMetrics(
  gateway: string,
  method: 'PUT' | 'POST',
  grouping: Readonly<Record<(typeof PUSH_GROUPING_LABELS)[number], string>>,
  body: string,
  signal?: AbortSignal,
): Promise<void> {
  const path = PUSH_GROUPING_LABELS.map((label) => `${label}/${encodeURIComponent(grouping[label])}`).join('/');
  const url = `${gateway.replace(/\/+$/, '')}/metrics/${path}`;
  const { status, text } = await ask(url, {
    method,
    headers: { 'content-type': 'text/plain; version=0.0.4' },
    body,
    signal,
  });
  if (status < 200 || status >= 300)
    throw Failure.unreachable(`the Pushgateway ${gateway} answered ${status}: ${text.slice(0, 200)}`);
}
