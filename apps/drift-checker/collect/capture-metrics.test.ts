import { CAPTURE_DEFAULTS, METRICS, type ModelSchema } from 'cdk8s-mlops/contract';
import { CaptureMetrics } from './capture-metrics';

/** The bounds between which answer times are counted apart, for a model with these objectives. */
async function bounds(objectives: ModelSchema['objectives']): Promise<number[]> {
  const schema: ModelSchema = { version: 1, model: 'churn', task: { type: 'regression' }, features: [], objectives };
  const { limits } = CAPTURE_DEFAULTS;
  const metrics = new CaptureMetrics({ model: 'churn', namespace: 'ml', limits }, schema, () => 0);
  metrics.duration('1', 0.2);
  const lines = (await metrics.text()).split('\n');
  return lines
    .filter((line) => line.startsWith(`${METRICS.inferenceDuration.name}_bucket`))
    .map((line) => Number(/le="([^"]+)"/.exec(line)![1]!.replace('+Inf', 'Infinity')));
}

describe('answer times', () => {
  test('are counted from a millisecond to two minutes', async () => {
    const all = await bounds({});
    expect([all[0], all.at(-2), all.at(-1)]).toEqual([0.001, 120, Infinity]);
  });

  test('have a bound at the objective, so that a quantile at it is not guessed', async () => {
    const [without, all] = [await bounds({}), await bounds({ maxLatencyP95Seconds: 0.15 })];
    expect(without).not.toContain(0.15);
    expect(all).toEqual([...without, 0.15].sort((a, b) => a - b));
  });

  test('have it once where it is a bound anyway', async () => {
    expect(await bounds({ maxLatencyP95Seconds: 0.05 })).toEqual(await bounds({}));
  });
});
