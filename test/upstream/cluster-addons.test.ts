import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelGateway, ServingRuntime, StorageInitializer } from 'cdk8s-mlops';
import { CHART_VALUES } from '../aws/chart-values';
import { addons, everything } from '../aws/cluster-addons-support';
import { newChart, rendered, type Rendered } from '../support/synth';
import { ApiServer } from './api-server';
import { Charts } from './charts';
import { schemasDirectory } from './schemas';

/*
 * Our values in the real charts, by the real Helm: what comes out is what the manifests rely on. Only charts that are part of a Go module
 * can be had; of the others the values were looked up, see test/aws/chart-values.ts.
 */

const MODULES = Object.entries(CHART_VALUES).flatMap(([chart, { module, paths }]) =>
  module ? [{ chart, module, paths }] : [],
);
const { releases } = everything('karpenter');

let charts: Charts;
beforeAll(() => void (charts = Charts.build()), 900_000);
afterAll(() => charts?.remove());

const byChart = (chart: string, from = releases): Rendered =>
  Object.values(from).find((release) => release.chart === chart) ?? {};

function template(chart: string, from = releases): Rendered[] {
  const found = MODULES.find((each) => each.chart === chart);
  const release = byChart(chart, from);
  if (!found) throw new Error(`${chart} cannot be had`);
  return charts.template(release, found.module, release.values);
}

const ofKind = (objects: readonly Rendered[], kind: string): Rendered[] => objects.filter((each) => each.kind === kind);

describe('values', () => {
  test('most charts cannot be had here; these can', () => {
    expect(MODULES.map(({ chart }) => chart)).toEqual([
      ...['karpenter', 'karpenter-crd', 'cert-manager', 'gateway-helm', 'kserve-crd', 'kserve-resources'],
      ...['kserve-runtime-configs', 'metrics-server'],
    ]);
  });

  test.each(MODULES)('of $chart are all in the chart', ({ chart, module, paths }) => {
    const defaults = charts.defaults(chart, module);
    for (const path of paths) {
      let value: Rendered = defaults;
      for (const key of path.replace(/\.\*$/, '').split('.')) {
        expect([path, Object.keys(value ?? {})]).toEqual([path, expect.arrayContaining([key])]);
        value = value[key];
      }
    }
  });

  test.each(MODULES)('of $chart make objects in its namespace', ({ chart }) => {
    const objects = template(chart);
    expect(objects.length).toBeGreaterThan(0);
    const { namespace } = byChart(chart);
    const namespaces = new Set(objects.map(({ metadata }) => metadata?.namespace).filter((each) => each !== undefined));
    expect(
      [...namespaces].filter((each) => each !== namespace && each !== 'kube-system' && each !== 'kube-node-lease'),
    ).toEqual([]);
  });

  test('a value that its schema does not know is refused by cert-manager', () => {
    const { module } = CHART_VALUES['cert-manager'] as Rendered;
    expect(() => charts.template(byChart('cert-manager'), module, { crds: { enable: true } })).toThrow(/enable/);
  });
});

describe('KServe', () => {
  const withStorage = (storageInitializer: StorageInitializer): Rendered[] =>
    template('kserve-resources', addons({ manifests: { storageInitializer } }).releases);
  const titles = (objects: readonly Rendered[]): string[] =>
    objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();

  test('the storage container is rendered by one of both, and nothing else is lost', () => {
    const [ours, theirs] = [withStorage(StorageInitializer.restricted()), withStorage(StorageInitializer.asShipped())];
    expect(titles(ours)).not.toContain('ClusterStorageContainer default');
    expect([...titles(ours), 'ClusterStorageContainer default'].sort()).toEqual(titles(theirs));
  });

  test('the obvious value would not have done it', () => {
    const { module } = CHART_VALUES['kserve-resources'] as Rendered;
    const values = { kserve: { storagecontainer: { enabled: false } } };
    expect(titles(charts.template(byChart('kserve-resources'), module, values))).toContain(
      'ClusterStorageContainer default',
    );
  });

  const settings = (from: Parameters<typeof template>[1]): Record<string, Rendered> => {
    const [config] = ofKind(template('kserve-resources', from), 'ConfigMap').filter(
      ({ metadata }) => metadata.name === 'inferenceservice-config',
    );
    return { deploy: JSON.parse(config.data.deploy), ingress: JSON.parse(config.data.ingress) };
  };

  test('the mode is that of the models, and no route is made that none asked for', () => {
    expect(settings(releases)).toMatchObject({
      deploy: { defaultDeploymentMode: 'Standard' },
      ingress: { disableIngressCreation: true, disableIstioVirtualHost: true, enableGatewayApi: false },
    });
  });

  test('its own routes are on the Gateway that it is told of, which it does not make', () => {
    const from = addons({ kserveGateway: 'model-gateway/models' }).releases;
    expect(settings(from).ingress).toMatchObject({
      ...{ disableIngressCreation: false, enableGatewayApi: true, kserveIngressGateway: 'model-gateway/models' },
    });
    expect(ofKind(template('kserve-resources', from), 'Gateway')).toEqual([]);
  });

  test('there is a runtime for everything that models name', () => {
    const runtimes = ofKind(template('kserve-runtime-configs'), 'ClusterServingRuntime');
    const images = Object.fromEntries(
      runtimes.map(({ metadata, spec }) => [metadata.name, spec.containers.map(({ image }: Rendered) => image)]),
    );
    const named = [
      ...[ServingRuntime.sklearn(), ServingRuntime.xgboost(), ServingRuntime.lightgbm(), ServingRuntime.huggingface()],
      ...[ServingRuntime.mlflow(), ServingRuntime.triton({ modelDirectory: 'churn' })],
    ];
    for (const { _spec } of named) {
      const image = _spec.image.replace(/^docker\.io\/(?=kserve\/)/, '');
      expect([_spec.kserveRuntime, images[_spec.kserveRuntime ?? '']]).toEqual([_spec.kserveRuntime, [image]]);
    }
  });
});

describe('Envoy Gateway', () => {
  test('answers for our class, and runs the pods that carry traffic in its own namespace', () => {
    const [config] = ofKind(template('gateway-helm'), 'ConfigMap');
    expect(config.data['envoy-gateway.yaml']).toMatch(
      /controllerName: gateway\.envoyproxy\.io\/gatewayclass-controller/,
    );
    expect(config.data['envoy-gateway.yaml']).toMatch(/deploy:\s+type: ControllerNamespace/);
  });

  test('brings the kinds of the routes, with copies of a percentage of the requests', () => {
    const [crd] = ofKind(template('gateway-helm'), 'CustomResourceDefinition').filter(
      ({ metadata }) => metadata.name === 'httproutes.gateway.networking.k8s.io',
    );
    const { v1 } = Object.fromEntries(crd.spec.versions.map((each: Rendered) => [each.name, each]));
    const { filters } = v1.schema.openAPIV3Schema.properties.spec.properties.rules.items.properties;
    expect(Object.keys(filters.items.properties.requestMirror.properties)).toEqual(
      expect.arrayContaining(['percent', 'fraction']),
    );
  });
});

describe('ModelGateway', () => {
  let server: ApiServer;
  beforeAll(async () => (server = await ApiServer.start(schemasDirectory())), 300_000);
  afterAll(() => server?.stop());

  test('the API server takes the Gateway and its class', async () => {
    const chart = newChart();
    new ModelGateway(chart, 'gateway', {
      ...{ routeNamespaces: ['ml'], hostname: '*.models.example.com', certificateSecret: 'models-tls', isPublic: true },
    });
    const objects = rendered(chart).filter((object) => server.knows(object));
    expect(objects.map(({ kind }) => kind)).toEqual(['GatewayClass', 'Gateway']);
    for (const object of objects) {
      const { status, body } = await server.apply(object, { fieldManager: 'kubectl' });
      expect([object.kind, status < 300 ? 'taken' : body.message]).toEqual([object.kind, 'taken']);
    }
    const wrong = { ...objects[1], spec: { ...objects[1].spec, listeners: [] } };
    expect((await server.apply(wrong, { fieldManager: 'kubectl' })).status).toBe(422);
  });
});

describe('others', () => {
  test("cert-manager's CRDs stay when it goes, and Prometheus finds its monitor", () => {
    const objects = template('cert-manager');
    const crds = ofKind(objects, 'CustomResourceDefinition');
    expect(crds.length).toBeGreaterThan(0);
    for (const { metadata } of crds) expect(metadata.annotations['helm.sh/resource-policy']).toBe('keep');
    const [monitor] = ofKind(objects, 'ServiceMonitor');
    expect(monitor.metadata.labels.release).toBe('kube-prometheus-stack');
  });

  test('Karpenter has the account that gets its role, its cluster and its queue; a chart of its own has its CRDs', () => {
    const objects = template('karpenter');
    expect(ofKind(objects, 'ServiceAccount').map(({ metadata }) => [metadata.namespace, metadata.name])).toEqual([
      ['kube-system', 'karpenter'],
    ]);
    const [{ spec }] = ofKind(objects, 'Deployment');
    const [{ env }] = spec.template.spec.containers;
    expect(env).toEqual(
      expect.arrayContaining([
        { name: 'CLUSTER_NAME', value: 'fraud-staging' },
        { name: 'INTERRUPTION_QUEUE', value: 'fraud-staging-karpenter' },
      ]),
    );
    const crds = ofKind(template('karpenter-crd'), 'CustomResourceDefinition').map(({ metadata }) => metadata.name);
    expect(crds).toEqual(expect.arrayContaining(['nodepools.karpenter.sh', 'ec2nodeclasses.karpenter.k8s.aws']));
  });

  test('Karpenter may do whatever it calls, but for features that are off', () => {
    const { module } = CHART_VALUES.karpenter as Rendered;
    const sdk = readFileSync(join(Charts.source(module), 'pkg/aws/sdk.go'), 'utf8');
    const services = {
      EC2API: 'ec2',
      IAMAPI: 'iam',
      EKSAPI: 'eks',
      PricingAPI: 'pricing',
      SSMAPI: 'ssm',
      SQSAPI: 'sqs',
    };
    const calls = Object.entries(services).flatMap(([name, prefix]) => {
      const [, body = ''] = sdk.split(`type ${name} interface {`);
      return [...(body.split('\n}')[0] ?? '').matchAll(/^\t(\w+)\(/gm)].map(([, call]) => `${prefix}:${call}`);
    });
    expect(calls.length).toBeGreaterThan(20);
    const { construct } = everything('karpenter');
    const allowed = new Set(construct.identities[0]?.statements.flatMap(({ Action }) => Action));
    // Reboots are behind a feature gate; nobody calls the other two but tests.
    expect(calls.filter((call) => !allowed.has(call))).toEqual([
      'ec2:RebootInstances',
      'iam:GetRole',
      'sqs:SendMessage',
    ]);
  });

  test('Metrics Server answers for the metrics of pods', () => {
    expect(ofKind(template('metrics-server'), 'APIService').map(({ metadata }) => metadata.name)).toEqual([
      'v1beta1.metrics.k8s.io',
    ]);
  });
});
