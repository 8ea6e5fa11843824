import { Duration } from 'cdk8s';
import { Capture, GpuRequest, NodePool, RolloutStrategy, type ServedModelProps } from 'cdk8s-mlops';
import { newModel, problemsOf } from '../support/synth';
import { ON, renderRollout } from './rollout-support';

const minutes = (amount: number): Duration => Duration.minutes(amount);
const phases = ({ _phases }: RolloutStrategy): unknown => JSON.parse(JSON.stringify(_phases));
const seconds = (strategy: RolloutStrategy): unknown[] => {
  const { shadow, canary = [], switched } = strategy._phases;
  return [shadow, ...canary, switched].flatMap((each) => (each ? [each.pause.toSeconds()] : []));
};
const problems = (rollout: RolloutStrategy, props: Partial<ServedModelProps> = ON.standard): readonly string[] =>
  problemsOf(() => renderRollout({ ...props, rollout }));

describe('defaults', () => {
  test('a shadow gets 10 percent for half an hour', () => {
    expect(RolloutStrategy.shadow()._phases.shadow?.percent).toBe(10);
    expect(seconds(RolloutStrategy.shadow())).toEqual([1800]);
  });

  test('a canary has four steps of ten minutes', () => {
    const { canary = [] } = RolloutStrategy.canary()._phases;
    expect(canary.map(({ weight }) => weight)).toEqual([10, 30, 60, 100]);
    expect(seconds(RolloutStrategy.canary())).toEqual([600, 600, 600, 600]);
  });

  test('shadowThenCanary has both', () => {
    const strategy = RolloutStrategy.shadowThenCanary();
    expect(phases(strategy)).toEqual({
      ...(phases(RolloutStrategy.shadow()) as object),
      ...(phases(RolloutStrategy.canary()) as object),
    });
  });

  test('what is switched is watched for ten minutes', () => {
    expect(RolloutStrategy.blueGreen()._phases.switched?.how).toBe('blueGreen');
    expect(RolloutStrategy.rolling()._phases.switched?.how).toBe('rolling');
    expect([RolloutStrategy.blueGreen(), RolloutStrategy.rolling()].flatMap(seconds)).toEqual([600, 600]);
  });
});

test('takes what is given', () => {
  const steps = [{ weight: 1, pause: minutes(20) }, { weight: 100 }];
  const shadow = { percent: 100, pause: minutes(45) };
  expect(seconds(RolloutStrategy.shadowThenCanary({ shadow, steps }))).toEqual([2700, 1200, 600]);
  expect(RolloutStrategy.shadow(shadow)._phases.shadow?.percent).toBe(100);
  expect(seconds(RolloutStrategy.blueGreen({ pause: minutes(11) }))).toEqual([660]);
  const analysis = { minRequests: 1 };
  const serviceAccountAnnotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/rollout' };
  expect(RolloutStrategy.rolling({ analysis, serviceAccountAnnotations })).toMatchObject({
    name: 'rolling',
    _analysis: analysis,
    _serviceAccountAnnotations: serviceAccountAnnotations,
  });
});

describe('a strategy is refused', () => {
  test.each([0, 101, 1.5, Number.NaN])('with a shadow of %p percent', (percent) => {
    expect(problemsOf(() => RolloutStrategy.shadow({ percent }))).toEqual([
      `'shadow.percent' (${percent}) must be a whole number from 1 to 100`,
    ]);
  });

  test('with steps that do not rise, are no percentage or end below 100', () => {
    const steps = [{ weight: 30 }, { weight: 30 }, { weight: 0 }, { weight: 99 }];
    expect(problemsOf(() => RolloutStrategy.canary({ steps }))).toEqual([
      "'steps[1].weight' (30) must be above that of the step before, which is 30",
      "'steps[2].weight' (0) must be a whole number from 1 to 100",
      "'steps' must end with the weight 100, got 99: a version is judged with all requests before it stays",
    ]);
  });

  test('without a step', () => {
    expect(problemsOf(() => RolloutStrategy.canary({ steps: [] }))).toEqual([
      "'steps' must end with the weight 100, got none: a version is judged with all requests before it stays",
    ]);
  });

  test('without a pause', () => {
    const none = Duration.seconds(0);
    expect(problemsOf(() => RolloutStrategy.shadow({ pause: none }))[0]).toMatch(/^'shadow.pause' \(/);
    expect(problemsOf(() => RolloutStrategy.rolling({ pause: none }))[0]).toMatch(/^'pause' \(/);
    const steps = [{ weight: 100, pause: none }];
    expect(problemsOf(() => RolloutStrategy.canary({ steps }))[0]).toMatch(/^'steps\[0\].pause' \(/);
  });
});

describe('a served model refuses', () => {
  const canary = RolloutStrategy.canary();

  test('a shadow on Knative', () => {
    expect(problems(RolloutStrategy.shadow(), ON.knative)).toEqual([
      "'rollout' (shadow) has a shadow, which KServe Knative cannot do: it routes by itself and copies no requests; use ServingEngine.kserveStandard(), or a canary",
    ]);
  });

  test('what takes a route without one', () => {
    const text = (name: string, what: string): string =>
      `'rollout' (${name}) ${what} by a route of the Gateway API, and there is none: use Exposure.gateway(...)`;
    expect(problems(RolloutStrategy.shadow(), {})).toEqual([text('shadow', 'copies requests')]);
    expect(problems(canary, {})).toEqual([text('canary', 'splits requests')]);
    expect(problems(RolloutStrategy.blueGreen(), {})).toEqual([text('blueGreen', 'splits requests')]);
    expect(problems(RolloutStrategy.shadow(), ON.replicas)).toEqual([text('shadow', 'copies requests')]);
  });

  test('a share of the pods that there are too few for', () => {
    expect(problems(canary, { ...ON.replicas, replicas: { min: 9 } })).toEqual([
      "'rollout' (canary) begins with 10 %, which without a Gateway is a share of the pods: it takes 10 replicas and there may be 9; raise replicas.min, the first weight, or use Exposure.gateway(...)",
    ]);
  });

  test('to judge what is not captured', () => {
    expect(problems(canary, { ...ON.standard, capture: Capture.off() })).toEqual([
      "'rollout' (canary) judges what is captured, and capture is off: leave it on, or leave the strategy out",
    ]);
  });

  test("a second hand on what is the roll-out's", () => {
    expect(problems(canary, { ...ON.knative, predictorOverrides: { canaryTrafficPercent: 10 } })).toEqual([
      "'predictorOverrides.canaryTrafficPercent' belongs to the roll-out: leave it out",
    ]);
    expect(problems(canary, { ...ON.standard, predictorOverrides: { canary: [] } })).toEqual([
      "'predictorOverrides.canary' is a second way to roll out, and may claim the candidate's name: leave it out",
    ]);
  });

  test('a candidate that the pool has no room for', () => {
    const pool = NodePool.gpu('a10g', { gpusPerNode: 4, maxNodes: 1 });
    const props = { ...ON.standard, pool, gpu: GpuRequest.nvidia(2), replicas: { min: 2 } };
    const text = (name: string, count: number): string =>
      `'rollout' (${name}) brings up ${count} more with 2 GPUs each beside 2 of the stable version, and the pool 'a10g' has room for 2: raise its maxNodes, or lower replicas.max`;
    expect(problems(canary, props)).toEqual([text('canary', 2)]);
    expect(problems(RolloutStrategy.rolling(), props)).toEqual([text('rolling', 1)]);
    const roomy = NodePool.gpu('a10g', { gpusPerNode: 4, maxNodes: 2 });
    expect(() => renderRollout({ ...props, pool: roomy, rollout: canary })).not.toThrow();
    const unlimited = NodePool.gpu('a10g', { gpusPerNode: 4 });
    expect(() => renderRollout({ ...props, pool: unlimited, rollout: canary })).not.toThrow();
  });
});

describe('an analysis is refused', () => {
  test('with limits that are none', () => {
    const analysis = { minRequests: 0, maxErrorRate: 1, maxLatencyRatio: 0, maxPredictionDistance: -0.1 };
    expect(problems(RolloutStrategy.rolling({ analysis }))).toEqual([
      "'rollout.analysis.minRequests' (0) must be a whole number from 1 on: nothing can be said of no request",
      "'rollout.analysis.maxErrorRate' (1) must be at least 0 and below 1",
      "'rollout.analysis.maxPredictionDistance' (-0.1) must be at least 0 and below 1",
      "'rollout.analysis.maxLatencyRatio' (0) must be a number above 0",
    ]);
  });

  test('with limits of zero it is not', () => {
    const analysis = { minRequests: 1, maxErrorRate: 0, maxPredictionDistance: 0, hold: Duration.seconds(0) };
    const { file } = renderRollout({ ...ON.standard, rollout: RolloutStrategy.canary({ analysis }) });
    expect(file.analysis).toMatchObject({ holdSeconds: 0, requests: { atLeast: 1 } });
    const limits = Object.fromEntries(file.analysis.checks.map(({ name, atMost }) => [name, atMost]));
    expect(limits).toEqual({ 'error-rate': 0, 'latency-p95-ratio': 1.5, 'prediction-distance': 0 });
  });

  test('with a window longer than the shortest pause', () => {
    const steps = [{ weight: 50, pause: minutes(5) }, { weight: 100 }];
    expect(problems(RolloutStrategy.canary({ steps }))).toEqual([
      "'rollout.analysis.window' ('10 minutes') is longer than the shortest pause (300 s), so a step would be judged by the traffic before it: lengthen the pauses, or shorten the window",
    ]);
  });

  test('with labels that have no objective, never come, or come too late', () => {
    const rollout = RolloutStrategy.rolling({ analysis: { performance: ['f1'] } });
    const objectives = { minF1: 0.8 };
    expect(problems(rollout, { ...ON.standard, model: newModel() })[0]).toBe(
      "'rollout.analysis.performance' ('f1') has no objective to be judged by: set objectives.minF1 of the model",
    );
    expect(problems(rollout, { ...ON.standard, model: newModel({ objectives }) })).toEqual([
      "'rollout.analysis.performance' ([\"f1\"]) cannot be measured: the model's labels never come; set its labelDelay, or leave it out",
    ]);
    const late = newModel({ objectives, labelDelay: minutes(30) });
    expect(problems(rollout, { ...ON.standard, model: late })).toEqual([
      '\'rollout.analysis.performance\' (["f1"]) cannot be measured: labels take 30 minutes and the check of them up to an hour more, and the shortest pause is 600 s; lengthen the pauses, or leave it out',
    ]);
    const patient = RolloutStrategy.rolling({ pause: minutes(90), analysis: { performance: ['f1'] } });
    const { file } = renderRollout({ ...ON.standard, model: late, rollout: patient });
    expect(file.analysis.checks.at(-1)).toMatchObject({ name: 'f1', atLeast: 0.8 });
  });

  test('with an objective that cannot be told', () => {
    const model = newModel({ objectives: { maxLatencyP95: minutes(2) } });
    expect(problems(RolloutStrategy.rolling(), { ...ON.standard, model })).toEqual([
      "'model.objectives.maxLatencyP95' (120 s) cannot be judged by a roll-out: answers are told apart up to 120 s",
    ]);
  });
});

test('nothing of a roll-out is rendered without a strategy', () => {
  const { steady } = renderRollout({ ...ON.standard, rollout: undefined });
  expect(JSON.stringify(steady.map(({ kind, metadata }) => `${kind} ${metadata.name}`))).not.toMatch(
    /rollout|rollback/,
  );
  expect(steady.filter(({ kind }) => kind === 'HTTPRoute')).toEqual([]);
});
