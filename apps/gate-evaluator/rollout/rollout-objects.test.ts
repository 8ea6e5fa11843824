import { type KubernetesManifest, type RolloutRoute } from 'cdk8s-mlops/contract';
import { asIs, carries, placed, versionIn } from './placeholders';
import { type DeploymentObject, deploymentReadiness, type RolloutObject, rolloutReadiness } from './readiness';
import { routeWith } from './route';

const VERSION = 'cdk8s-mlops.dev/version';
const metadata = { name: 'churn', namespace: 'ml' };

describe('a manifest with placeholders', () => {
  const manifest: KubernetesManifest = {
    ...{ apiVersion: 'v1', kind: 'X', metadata },
    spec: {
      labels: { [VERSION]: '$(VERSION)' },
      note: 'not $(VERSION) alone',
      uris: [{ uri: '$(URI)', mountPath: '/mnt' }],
      containers: [{ name: 'server', args: ['--model', '$(URI)'], env: [{ name: 'V', value: '$(VERSION)' }] }],
      replicas: 2,
    },
  };
  const seven = { version: '7', uri: 's3://m/7' };
  const live = {
    metadata: { ...metadata, resourceVersion: '9' },
    spec: {
      labels: { [VERSION]: '7', other: 'x' },
      uris: [{ uri: 's3://m/7', mountPath: '/mnt' }],
      containers: [
        { name: 'agent' },
        { name: 'server', image: 'i', args: ['--model', 's3://m/7'], env: [{ name: 'A' }, { name: 'V', value: '7' }] },
      ],
    },
  };

  test('is that of a version, and only whole texts are replaced', () => {
    expect(placed(manifest, seven).spec).toEqual({
      labels: { [VERSION]: '7' },
      note: 'not $(VERSION) alone',
      uris: [{ uri: 's3://m/7', mountPath: '/mnt' }],
      containers: [{ name: 'server', args: ['--model', 's3://m/7'], env: [{ name: 'V', value: '7' }] }],
      replicas: 2,
    });
  });

  test('tells which version a live object has, whatever else it has', () => {
    expect(carries(manifest, live, seven)).toBe(true);
    expect(carries(manifest, live, { ...seven, uri: 's3://m/8' })).toBe(false);
    expect([versionIn(manifest, live), versionIn(manifest, {})]).toEqual(['7', undefined]);
    const mixed = { ...live, spec: { ...live.spec, labels: { [VERSION]: '8' } } };
    expect(carries(manifest, mixed, seven)).toBe(false);
    expect(carries(manifest, {}, seven)).toBe(false);
  });

  test('is filled with what a live object has', () => {
    expect(asIs(manifest, live)).toEqual(placed(manifest, seven));
  });
});

describe('a route', () => {
  const stable = { name: 'churn', port: 80, weight: 100, filters: [] };
  const filters = [{ type: 'RequestHeaderModifier' }];
  const other = { matches: [{}], backendRefs: [{ name: 'health', port: 80 }] };
  const route: RolloutRoute = {
    manifest: {
      ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata },
      spec: { hostnames: ['a'], rules: [{ backendRefs: [stable], filters, timeouts: { request: '5s' } }, other] },
    },
    ...{ stableService: 'churn', candidateService: 'churn-candidate', port: 80 },
  };
  const rulesWith = (weight: number, mirror: number): unknown => routeWith(route, { weight, mirror }).spec.rules;
  const candidate = { ...stable, name: 'churn-candidate' };
  const first = { backendRefs: [stable], filters, timeouts: { request: '5s' } };

  test('without traffic for the candidate is the one of the file', () => {
    expect(routeWith(route, { weight: 0, mirror: 0 })).toBe(route.manifest);
  });

  test.each([
    [
      10,
      [
        { ...stable, weight: 90 },
        { ...candidate, weight: 10 },
      ],
    ],
    [
      0.5,
      [
        { ...stable, weight: 99_500 },
        { ...candidate, weight: 500 },
      ],
    ],
    [100, [{ ...candidate, weight: 100 }]],
  ])('with %p %% keeps all but the backends of its first rule', (weight, backendRefs) => {
    expect(rulesWith(weight, 0)).toEqual([{ ...first, backendRefs }, other]);
  });

  test.each([
    [10, { percent: 10 }],
    [0.5, { fraction: { numerator: 500, denominator: 100_000 } }],
  ])('that copies %p %% leaves the backends', (mirror, share) => {
    const requestMirror = { backendRef: { name: 'churn-candidate', port: 80 }, ...share };
    const copied = { type: 'RequestMirror', requestMirror };
    expect(rulesWith(0, mirror)).toEqual([{ ...first, filters: [...filters, copied] }, other]);
  });
});

describe('a Deployment', () => {
  const up = { replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
  const deployment = (status: object, spec: object = {}): DeploymentObject => ({
    metadata: { generation: 4 },
    spec: { replicas: 2, template: { metadata: { labels: { [VERSION]: '7' } } }, ...spec },
    status: { observedGeneration: 4, ...up, ...status },
  });
  const seen = (object: DeploymentObject, role: 'stable' | 'candidate' = 'stable'): string => {
    const found = deploymentReadiness(object, '7', role);
    return found.state === 'ready' ? 'ready' : `${found.state}: ${found.seen}`;
  };

  test.each([
    ['whose pods are all of the version', {}, 'ready'],
    [
      'whose old pods are not gone',
      { replicas: 3 },
      'waiting: 2 of 2 replicas are of version 7, 2 available, 3 in all',
    ],
    [
      'whose new pods are not there',
      { updatedReplicas: 1 },
      'waiting: 1 of 2 replicas are of version 7, 2 available, 2 in all',
    ],
    [
      'that counts one as unavailable',
      { unavailableReplicas: 1 },
      'waiting: 2 of 2 replicas are of version 7, 2 available, 2 in all',
    ],
    [
      'whose status is an old one',
      { observedGeneration: 3 },
      'waiting: its controller has not seen generation 4 (it has seen 3)',
    ],
    [
      'that cannot make its pods',
      {
        availableReplicas: 0,
        conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }],
      },
      'waiting: 2 of 2 replicas are of version 7, 0 available, 2 in all (ReplicaFailure FailedCreate exceeded quota)',
    ],
  ])('%s', (_, status, expected) => expect(seen(deployment(status))).toBe(expected));

  test('of another version, or new', () => {
    const labels = { [VERSION]: '6' };
    expect(seen(deployment({}, { template: { metadata: { labels } } }))).toBe(
      'waiting: its pods are of version 6, not 7',
    );
    expect(seen({ metadata: { generation: 1 }, spec: {} })).toBe('waiting: its pods are of no version, not 7');
  });

  test('that is scaled to zero is as somebody wants it, unless it is to be judged', () => {
    const asleep = deployment({ replicas: 0, updatedReplicas: 0, availableReplicas: 0 }, { replicas: 0 });
    expect([seen(asleep), seen(asleep, 'candidate')]).toEqual(['ready', 'waiting: it is scaled to 0 replicas']);
  });
});

test.each<[string, RolloutObject['status'], string]>([
  ['is done', { phase: 'Healthy' }, 'ready'],
  [
    'goes through its steps',
    { phase: 'Paused', pauseConditions: [{ reason: 'CanaryPauseStep' }] },
    'waiting: its phase is Paused, CanaryPauseStep',
  ],
  ['was aborted', { phase: 'Degraded', message: 'RolloutAborted' }, 'failed: its phase is Degraded: RolloutAborted'],
  [
    'has no answer',
    { phase: 'Paused', pauseConditions: [{ reason: 'InconclusiveAnalysisRun' }] },
    'failed: its phase is Paused, InconclusiveAnalysisRun',
  ],
  [
    'says what was',
    { phase: 'Degraded', observedGeneration: '3' },
    'waiting: its controller has not seen generation 4 (it has seen 3)',
  ],
])('a Rollout that %s', (_, status, expected) => {
  const template = { metadata: { labels: { [VERSION]: '7' } } };
  const object = { metadata: { generation: 4 }, spec: { template }, status: { observedGeneration: '4', ...status } };
  const found = rolloutReadiness(object, '7');
  expect(found.state === 'ready' ? 'ready' : `${found.state}: ${found.seen}`).toBe(expected);
});
