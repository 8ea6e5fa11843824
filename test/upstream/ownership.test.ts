import { type Chart } from 'cdk8s';
import {
  BootstrapChart,
  Exposure,
  ModelSource,
  ServedModel,
  type ServedModelProps,
  ServingEngine,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
import { ROLLOUT_FIELD_MANAGER, ROLLOUT_PLACEHOLDERS } from 'cdk8s-mlops/contract';
import { COMBINATIONS, ON, renderRollout, STRATEGIES } from '../serving/rollout-support';
import { find, newChart, newModel, newPlatform, rendered, type Rendered } from '../support/synth';
import { ApiServer } from './api-server';
import { schemasDirectory } from './schemas';

/*
 * Who owns which field, on the real API server: what a roll-out changes survives every later apply of the steady manifests,
 * and what the program no longer says leaves the cluster.
 */

let server: ApiServer;
beforeAll(async () => (server = await ApiServer.start(schemasDirectory())), 120_000);
afterAll(() => server?.stop());

interface Rendering {
  readonly steady: Rendered;
  readonly bootstrap: Rendered[];
}

function render(props: Partial<ServedModelProps>): Rendering {
  const chart: Chart = newChart();
  new ServedModel(chart, 'serving', {
    platform: newPlatform(chart, { storageInitializer: StorageInitializer.restricted() }),
    model: newModel(),
    source: ModelSource.uri('s3://acme-models/churn/v1'),
    runtime: ServingRuntime.sklearn(),
    ...props,
  });
  return { steady: find(rendered(chart), 'InferenceService', 'churn'), bootstrap: rendered(BootstrapChart.of(chart)) };
}

const ok = ({ status, body }: { status: number; body: Rendered }): Rendered => {
  expect({ status, message: status < 300 ? undefined : body.message }).toMatchObject({
    status: expect.any(Number),
    message: undefined,
  });
  return body;
};

/** The ways in which steady manifests are applied: by hand, by Flux and by Argo CD, which both force conflicts. */
const WAYS = ['kubectl', 'kustomize-controller', 'argocd-controller'];

describe.each<[string, Partial<ServedModelProps>]>([
  ['KServe Standard', {}],
  ['KServe Knative', { engine: ServingEngine.kserveKnative() }],
  ['an image of the user’s own', { runtime: ServingRuntime.custom({ image: 'registry.example/churn:1' }) }],
])('%s', (_, props) => {
  const own = 'runtime' in props;
  const addressOf = ({ spec }: Rendered): unknown =>
    own ? spec.predictor.storageUris?.[0].uri : spec.predictor.model.storageUri;

  /** What `mlops-rollout` applies to promote a version. */
  const promotion = (uri: string, version: string): object => ({
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: { name: 'churn', namespace: 'ml' },
    spec: {
      predictor: {
        labels: { 'cdk8s-mlops.dev/version': version },
        ...(own
          ? { storageUris: [{ uri, mountPath: '/mnt/models' }] }
          : { model: { modelFormat: { name: 'sklearn' }, storageUri: uri } }),
      },
    },
  });

  test('a promotion survives every way of applying the steady manifests', async () => {
    const { steady, bootstrap } = render(props);
    const once = find(bootstrap, 'InferenceService', 'churn');
    try {
      ok(await server.create(once, ROLLOUT_FIELD_MANAGER));
      for (const fieldManager of WAYS) ok(await server.apply(steady, { fieldManager, force: true }));
      expect(addressOf((await server.get(steady)).body)).toBe('s3://acme-models/churn/v1');

      ok(
        await server.apply(promotion('s3://acme-models/churn/v2', 'v2'), {
          fieldManager: ROLLOUT_FIELD_MANAGER,
          force: true,
        }),
      );
      for (const fieldManager of WAYS) ok(await server.apply(steady, { fieldManager, force: true }));
      const { body } = await server.get(steady);
      expect(addressOf(body)).toBe('s3://acme-models/churn/v2');
      expect(body.spec.predictor.labels['cdk8s-mlops.dev/version']).toBe('v2');
    } finally {
      await server.delete(once);
    }
  });

  test('after the first apply no force is needed', async () => {
    const { steady, bootstrap } = render(props);
    const once = find(bootstrap, 'InferenceService', 'churn');
    try {
      ok(await server.create(once, ROLLOUT_FIELD_MANAGER));
      ok(await server.apply(steady, { fieldManager: 'kubectl', force: true }));
      ok(
        await server.apply(promotion('s3://acme-models/churn/v2', 'v2'), {
          fieldManager: ROLLOUT_FIELD_MANAGER,
          force: true,
        }),
      );
      ok(await server.apply(steady, { fieldManager: 'kubectl' }));
    } finally {
      await server.delete(once);
    }
  });

  test('creating once again is refused, and so undoes nothing', async () => {
    const once = find(render(props).bootstrap, 'InferenceService', 'churn');
    try {
      ok(await server.create(once, ROLLOUT_FIELD_MANAGER));
      expect((await server.create(once, ROLLOUT_FIELD_MANAGER)).status).toBe(409);
    } finally {
      await server.delete(once);
    }
  });

  test('what the program no longer says leaves the cluster', async () => {
    const before = render({ ...props, env: { OLD: '1' }, imagePullSecrets: ['registry'] });
    const after = render(props);
    try {
      ok(await server.create(find(before.bootstrap, 'InferenceService', 'churn'), ROLLOUT_FIELD_MANAGER));
      ok(await server.apply(before.steady, { fieldManager: 'kubectl', force: true }));
      ok(await server.apply(after.steady, { fieldManager: 'kubectl', force: true }));
      const { body } = await server.get(after.steady);
      expect(JSON.stringify(body.spec)).not.toContain('OLD');
      expect(body.spec.predictor.imagePullSecrets).toBeUndefined();
      expect(addressOf(body)).toBe('s3://acme-models/churn/v1');
    } finally {
      await server.delete(after.steady);
    }
  });
});

test('the percentage of a Knative canary survives as well', async () => {
  const { steady, bootstrap } = render({ engine: ServingEngine.kserveKnative() });
  const once = find(bootstrap, 'InferenceService', 'churn');
  const canary = {
    ...{ apiVersion: steady.apiVersion, kind: steady.kind, metadata: { name: 'churn', namespace: 'ml' } },
    spec: {
      predictor: {
        canaryTrafficPercent: 10,
        model: { modelFormat: { name: 'sklearn' }, storageUri: 's3://acme-models/churn/v2' },
      },
    },
  };
  try {
    ok(await server.create(once, ROLLOUT_FIELD_MANAGER));
    ok(await server.apply(steady, { fieldManager: 'kubectl', force: true }));
    ok(await server.apply(canary, { fieldManager: ROLLOUT_FIELD_MANAGER, force: true }));
    for (const fieldManager of WAYS) ok(await server.apply(steady, { fieldManager, force: true }));
    expect((await server.get(steady)).body.spec.predictor.canaryTrafficPercent).toBe(10);
  } finally {
    await server.delete(once);
  }
});

test('weights of a route belong to roll-outs: no steady manifest names it', async () => {
  const exposure = Exposure.gateway({ name: 'ml', namespace: 'gateways', hostnames: ['churn.acme.example'] });
  const { bootstrap } = render({ exposure });
  const route = find(bootstrap, 'HTTPRoute', 'churn-route');
  try {
    ok(await server.create(route, ROLLOUT_FIELD_MANAGER));
    const shifted = structuredClone(route);
    shifted.spec.rules[0].backendRefs = [
      { name: 'churn-predictor', port: 80, weight: 70 },
      { name: 'churn-candidate-predictor', port: 80, weight: 30 },
    ];
    ok(await server.apply(shifted, { fieldManager: ROLLOUT_FIELD_MANAGER, force: true }));
    expect((await server.get(route)).body.spec.rules[0].backendRefs).toHaveLength(2);
  } finally {
    await server.delete(route);
  }
});

describe('what a roll-out writes', () => {
  const version = (object: Rendered, to: string): Rendered =>
    JSON.parse(
      JSON.stringify(object)
        .replaceAll(ROLLOUT_PLACEHOLDERS.version, to)
        .replaceAll(ROLLOUT_PLACEHOLDERS.uri, `s3://acme-models/churn/${to}`),
    ) as Rendered;
  const byRollout = { fieldManager: ROLLOUT_FIELD_MANAGER, force: true };
  const known = (objects: readonly Rendered[]): Rendered[] => objects.filter((object) => server.knows(object));

  test.each(COMBINATIONS)('survives every way of applying, and settles back: %s, %s', async (engine, strategy) => {
    const { steady, bootstrap, file } = renderRollout({ ...ON[engine], rollout: STRATEGIES[strategy] });
    const candidates = known((file.candidate?.manifests ?? []).map((object) => version(object, 'v2')));
    const stable = version(file.stable.manifest, 'v2');
    const isKnative = file.engine === 'kserve-knative';
    if (isKnative) stable.spec.predictor.canaryTrafficPercent = 30;
    const shifted = file.routes.map(({ manifest, candidateService, stableService, port }) => {
      const route = structuredClone(manifest) as Rendered;
      route.spec.rules[0].backendRefs = [
        { name: stableService, port, weight: 70 },
        { name: candidateService, port, weight: 30 },
      ];
      return route;
    });
    const written = [...known([stable]), ...candidates, ...shifted];
    const specs = async (objects: readonly Rendered[]): Promise<Rendered[]> => {
      const answers = await Promise.all(objects.map((object) => server.get(object)));
      return answers.map((answer) => ok(answer).spec);
    };
    const applySteady = async (): Promise<void> => {
      for (const fieldManager of WAYS)
        for (const object of known(steady)) ok(await server.apply(object, { fieldManager, force: true }));
    };
    try {
      for (const object of known(bootstrap)) ok(await server.create(object, ROLLOUT_FIELD_MANAGER));
      await applySteady();
      const before = await specs([...known([stable]), ...shifted]);

      for (const object of written) ok(await server.apply(object, byRollout));
      const during = await specs(written);
      expect(JSON.stringify(during)).not.toMatch(/\$\((VERSION|URI)\)/);
      await applySteady();
      expect(await specs(written)).toEqual(during);

      const back = version(file.stable.manifest, 'v1');
      for (const object of [...known([back]), ...file.routes.map(({ manifest }) => manifest)])
        ok(await server.apply(object, byRollout));
      for (const object of candidates) ok(await server.delete(object));
      await applySteady();
      expect(await specs([...known([back]), ...shifted])).toEqual(before);
    } finally {
      for (const object of known([...steady, ...bootstrap, ...candidates])) await server.delete(object);
    }
  });

  test('a Rollout is its bootstrap and its steady manifest, with the containers of the latter', async () => {
    const { steady, bootstrap, file } = renderRollout({ ...ON.deployment, rollout: STRATEGIES.canary });
    const [once, kept] = [find(bootstrap, 'Rollout', 'churn'), find(steady, 'Rollout', 'churn')];
    try {
      ok(await server.create(once, ROLLOUT_FIELD_MANAGER));
      ok(await server.apply(kept, { fieldManager: 'kubectl', force: true }));
      const { spec } = ok(await server.get(kept));
      expect(spec.template.spec.containers).toEqual(kept.spec.template.spec.containers);
      expect(spec.strategy).toEqual(kept.spec.strategy);
      expect(spec.template.metadata).toEqual({
        labels: { ...once.spec.template.metadata.labels, ...kept.spec.template.metadata.labels },
        annotations: once.spec.template.metadata.annotations,
      });

      ok(await server.apply(version(file.stable.manifest, 'v2'), byRollout));
      ok(await server.apply(kept, { fieldManager: 'kubectl' }));
      const updated = ok(await server.get(kept)).spec.template;
      expect(updated.metadata.annotations).toEqual({ 'cdk8s-mlops.dev/uri': 's3://acme-models/churn/v2' });
      expect(updated.metadata.labels['cdk8s-mlops.dev/version']).toBe('v2');
      expect(updated.spec.containers).toEqual(kept.spec.template.spec.containers);
    } finally {
      await server.delete(kept);
    }
  });
});
