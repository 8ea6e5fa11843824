import { Gauge, Registry } from 'prom-client';
import { type MetricSpec } from 'cdk8s-mlops/contract';

/** Sets a gauge of the contract; labels that the metric does not have are left out. */
export type SetGauge = (metric: MetricSpec, value: number, more?: Readonly<Record<string, string>>) => void;

/**
 * Gauges in Prometheus's text format.
 *
 * @param labels values of the labels that all series have
 */
export function exposition(labels: Readonly<Record<string, string>>, fill: (set: SetGauge) => void): Promise<string> {
  const registry = new Registry();
  const gauges = new Map<string, Gauge>();
  fill(({ name, help, labels: names }, value, more = {}) => {
    const all: Record<string, string> = { ...labels, ...more };
    const gauge = gauges.get(name) ?? new Gauge({ name, help, labelNames: names, registers: [registry] });
    gauges.set(name, gauge);
    gauge.set(Object.fromEntries(names.map((label) => [label, all[label]!])), value);
  });
  return registry.metrics();
}
