import { type Threshold, ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';

/** Values from which on something is no longer fine, or, descending, from which on it is. */
export type Limits = readonly Threshold[];

/** Larger is worse. */
export const worseFrom = (warning: number, critical?: number): Limits => [
  { value: null, color: 'green' },
  { value: warning, color: critical === undefined ? 'red' : 'orange' },
  ...(critical === undefined ? [] : [{ value: critical, color: 'red' }]),
];
/** Larger is better. */
export const goodFrom = (fair: number, good: number): Limits => [
  { value: null, color: 'red' },
  { value: fair, color: 'orange' },
  { value: good, color: 'green' },
];
/** No value is better than another. */
export const NO_LIMITS: Limits = [{ value: null, color: 'blue' }];

/** Limits as Grafana has them. */
export function thresholds(limits: Limits): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...limits]);
}
