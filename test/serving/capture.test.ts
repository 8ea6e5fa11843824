import { ApiObject, type Chart, Duration } from 'cdk8s';
import { parse } from 'yaml';
import {
  BootstrapChart,
  Capture,
  type CaptureOptions,
  Feature,
  FeatureRecording,
  InferenceProtocol,
  Mlflow,
  type MlModelPlatformProps,
  ModelSource,
  SecretReference,
  ServedModel,
  type ServedModelProps,
  ServingEngine,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
import { CAPTURE_DEFAULTS, type CaptureFile } from 'cdk8s-mlops/contract';
import {
  envOf,
  find,
  identities,
  newChart,
  newModel,
  newPlatform,
  problemsOf,
  rendered,
  type Rendered,
} from '../support/synth';

const KNATIVE = ServingEngine.kserveKnative();
const DEPLOYMENT = ServingEngine.deployment();
const OWN = ServingRuntime.custom({ image: 'registry.example/churn-server:1' });
const MIB = 2 ** 20;
const KEY = SecretReference.of('capture', 'hash-key');

type Props = Partial<ServedModelProps> & { readonly platformProps?: Partial<MlModelPlatformProps> };

function serve(chart: Chart, { platformProps, ...props }: Props = {}): ServedModel {
  return new ServedModel(chart, 'serving', {
    platform: newPlatform(chart, { storageInitializer: StorageInitializer.restricted(), ...platformProps }),
    model: newModel(),
    source: ModelSource.uri('s3://acme-models/churn/v3'),
    runtime: ServingRuntime.sklearn(),
    ...props,
  });
}

function synth(props: Props = {}): Rendered[] {
  const chart = newChart();
  serve(chart, props);
  return rendered(chart);
}

const collector = (props: Props = {}): Rendered => find(synth(props), 'Deployment', 'churn-capture').spec;
const container = (props: Props = {}): Rendered => collector(props).template.spec.containers[0];
const configuration = (props: Props = {}): CaptureFile =>
  parse(find(synth(props), 'ConfigMap', 'churn-capture').data['capture.yaml']);
const predictor = (props: Props = {}): Rendered => find(synth(props), 'InferenceService', 'churn').spec.predictor;
const problems = (props: Props): readonly string[] => problemsOf(() => synth(props));
const optionProblems = (options: CaptureOptions): readonly string[] => problemsOf(() => Capture.on(options));

describe('the collector', () => {
  test('is there unless it is switched off', () => {
    const ours = identities(synth()).filter((each) => each.endsWith('churn-capture'));
    expect(ours).toEqual([
      ...['ConfigMap churn-capture', 'ServiceAccount churn-capture', 'NetworkPolicy churn-capture'],
      ...['Deployment churn-capture', 'Service churn-capture', 'PodDisruptionBudget churn-capture'],
      ...['HorizontalPodAutoscaler churn-capture', 'PodMonitor churn-capture'],
    ]);
    const off = synth({ capture: Capture.off() });
    expect(identities(off).join()).not.toContain('capture');
    expect(JSON.stringify(find(off, 'InferenceService', 'churn'))).not.toContain('logger');
  });

  test('its workload is the default child', () => {
    expect(ApiObject.of(serve(newChart()).node.findChild('Capture')).kind).toBe('Deployment');
  });

  test.each([ServingEngine.kserveStandard(), KNATIVE, DEPLOYMENT])(
    'is there, and is let in, before the servers that send to it: %#',
    (engine) => {
      const all = identities(synth({ engine, runtime: OWN }));
      const server = all.indexOf(engine === DEPLOYMENT ? 'Deployment churn' : 'InferenceService churn');
      for (const first of ['NetworkPolicy churn-capture', 'NetworkPolicy churn', 'Deployment churn-capture']) {
        expect(all).toContain(first);
        expect(all.indexOf(first)).toBeLessThan(server);
      }
      expect(all.indexOf('NetworkPolicy churn-capture')).toBeLessThan(all.indexOf('Deployment churn-capture'));
    },
  );

  test('is told where it is', () => {
    const { template } = collector();
    const [{ image, command, args, ports }] = template.spec.containers;
    expect(image).toBe('registry.example/mlops/drift-checker:1.2.3');
    expect(command).toEqual(['/nodejs/bin/node', '/app/main.js']);
    expect(args).toEqual([
      ...['collect', '--config', '/etc/mlops/capture/capture.yaml', '--buffer', '/var/lib/capture', '--port', '8080'],
    ]);
    expect(ports).toEqual([{ name: 'http', containerPort: 8080 }]);
    expect(template.spec.containers[0].volumeMounts).toEqual([
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'schema', mountPath: '/etc/mlops/schema', readOnly: true },
      { name: 'config', mountPath: '/etc/mlops/capture', readOnly: true },
      { name: 'buffer', mountPath: '/var/lib/capture' },
    ]);
    expect(template.spec.volumes).toEqual([
      { name: 'tmp', emptyDir: {} },
      { name: 'schema', configMap: { name: 'churn-schema' } },
      { name: 'config', configMap: { name: 'churn-capture' } },
      { name: 'buffer', emptyDir: { sizeLimit: '2Gi' } },
    ]);
  });

  test('meets "restricted", without a token, and has time to bring away what it holds', () => {
    const { spec } = collector().template;
    expect(spec).toMatchObject({
      ...{ serviceAccountName: 'churn-capture', automountServiceAccountToken: false },
      ...{ enableServiceLinks: false, terminationGracePeriodSeconds: 90 },
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(spec.containers[0].securityContext).toEqual({
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    });
    expect(find(synth(), 'ServiceAccount', 'churn-capture').automountServiceAccountToken).toBe(false);
  });

  test('is replaced one by one, never without a replica, and spread over nodes', () => {
    const { strategy, template } = collector();
    expect(strategy).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } });
    const [{ topologyKey, whenUnsatisfiable, labelSelector }] = template.spec.topologySpreadConstraints;
    expect([topologyKey, whenUnsatisfiable]).toEqual(['kubernetes.io/hostname', 'ScheduleAnyway']);
    expect(template.metadata.labels).toMatchObject(labelSelector.matchLabels);
    const budget = find(synth(), 'PodDisruptionBudget', 'churn-capture').spec;
    expect(budget).toMatchObject({ maxUnavailable: 1, selector: labelSelector });
  });

  test('its volumes keep no node from being removed', () => {
    const { template } = collector();
    const local = (template.spec.volumes as Rendered[])
      .filter((volume) => volume.emptyDir)
      .map((volume) => volume.name);
    const annotation = 'cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes';
    expect(template.metadata.annotations[annotation]).toBe(local.join(','));
  });

  test('is probed where it says how it is', () => {
    const { readinessProbe, livenessProbe } = container();
    expect(readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http' });
    expect(livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'http' });
  });

  test('starts again when its configuration or the schema changes', () => {
    const hash = (props: Props = {}): string =>
      collector(props).template.metadata.annotations['cdk8s-mlops.dev/config-hash'];
    expect(hash()).toMatch(/^[0-9a-f]{64}$/);
    expect(hash()).toBe(hash());
    expect(hash({ capture: Capture.on({ sampling: 0.5 }) })).not.toBe(hash());
    expect(hash({ model: newModel({ features: [Feature.numeric('age', { minimum: 0 })] }) })).not.toBe(hash());
  });

  test('has a Service that keeps one server with one replica', () => {
    const { selector, ...spec } = find(synth(), 'Service', 'churn-capture').spec;
    expect(spec).toEqual({ sessionAffinity: 'ClientIP', ports: [{ name: 'http', port: 80, targetPort: 8080 }] });
    expect(collector().template.metadata.labels).toMatchObject(selector);
  });

  test('is scraped for series that say themselves whose they are', () => {
    const { metadata, spec } = find(synth(), 'PodMonitor', 'churn-capture');
    expect(metadata.labels.release).toBe('kube-prometheus-stack');
    expect(spec.podMetricsEndpoints).toEqual([{ port: 'http', path: '/metrics', honorLabels: true }]);
    expect(spec.podTargetLabels).toBeUndefined();
    expect(collector().template.metadata.labels).toMatchObject(spec.selector.matchLabels);
  });

  test('is not taken for a server', () => {
    const { selector } = find(synth(), 'PodMonitor', 'churn').spec;
    expect(collector().template.metadata.labels).not.toMatchObject(selector.matchLabels);
  });
});

describe('configuration', () => {
  test('defaults', () => {
    expect(configuration()).toEqual({
      version: 1,
      model: 'churn',
      namespace: 'ml',
      schema: '/etc/mlops/schema/schema.json',
      log: 's3://acme-predictions/churn',
      inferenceServices: ['churn', 'churn-candidate'],
      registry: 'http://mlflow.ml.svc:5000',
      sampling: 1,
      pairingHours: 6,
      labelDays: 30,
      limits: { ...CAPTURE_DEFAULTS.limits, bufferBytes: Math.floor(0.9 * (2048 - 112) * MIB) },
    });
    expect(collector().replicas).toBeUndefined();
    expect(container().resources).toEqual({
      requests: { cpu: '250m', memory: '256Mi' },
      limits: { memory: '512Mi' },
    });
    expect(find(synth(), 'HorizontalPodAutoscaler', 'churn-capture').spec).toEqual({
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'churn-capture' },
      minReplicas: 2,
      maxReplicas: 6,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      ],
    });
  });

  test('every option', () => {
    const options: Required<CaptureOptions> = {
      predictionLogUri: 's3://acme-log/churn',
      sampling: 0.1,
      retention: Duration.days(90),
      requestIdHeader: 'X-Request-Id',
      replicas: { min: 3, max: 9 },
      resources: { cpu: '1', memory: '1Gi', ephemeralStorage: '12Gi' },
      bufferSize: '10Gi',
      labelCallers: ['billing'],
      hashKey: KEY,
      serviceAccountAnnotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/capture' },
      imagePullSecrets: ['registry'],
      pairingTimeout: Duration.hours(1),
      labelWindow: Duration.days(60),
    };
    const props = {
      capture: Capture.on(options),
      model: newModel({ features: [Feature.categorical('city', { recording: FeatureRecording.HASHED })] }),
    };
    expect(configuration(props)).toMatchObject({
      log: 's3://acme-log/churn',
      sampling: 0.1,
      retentionDays: 90,
      requestIdHeader: 'X-Request-Id',
      pairingHours: 1,
      labelDays: 60,
      limits: { bufferBytes: Math.floor(0.9 * (10_240 - 112) * MIB) },
    });
    const objects = synth(props);
    const { spec } = collector(props).template;
    expect(find(objects, 'HorizontalPodAutoscaler', 'churn-capture').spec).toMatchObject({
      ...{ minReplicas: 3, maxReplicas: 9 },
    });
    expect(spec.containers[0].resources).toEqual({
      requests: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '12Gi' },
      limits: { memory: '1Gi', 'ephemeral-storage': '12Gi' },
    });
    expect(spec.volumes).toContainEqual({ name: 'buffer', emptyDir: { sizeLimit: '10Gi' } });
    expect(spec.imagePullSecrets).toEqual([{ name: 'registry' }]);
    expect(spec.containers[0].env).toContainEqual({
      name: 'CAPTURE_HASH_KEY',
      valueFrom: { secretKeyRef: { name: 'capture', key: 'hash-key' } },
    });
    expect(find(objects, 'ServiceAccount', 'churn-capture').metadata.annotations).toEqual(
      options.serviceAccountAnnotations,
    );
    expect(JSON.stringify(find(objects, 'NetworkPolicy', 'churn-capture').spec.ingress)).toContain('"billing"');
  });

  test('a fixed number of replicas has no autoscaler, one number is enough to move both bounds', () => {
    const fixed = { capture: Capture.on({ replicas: { min: 1, max: 1 } }) };
    expect(collector(fixed).replicas).toBe(1);
    expect(identities(synth(fixed))).not.toContain('HorizontalPodAutoscaler churn-capture');
    expect(collector({ capture: Capture.on({ replicas: { min: 8 } }) }).replicas).toBe(8);
  });

  test('labels may come twice as late as they usually do', () => {
    const days = (labelDelay?: Duration): number => configuration({ model: newModel({ labelDelay }) }).labelDays;
    expect([days(), days(Duration.days(7)), days(Duration.days(45)), days(Duration.hours(20 * 24 + 1))]).toEqual([
      ...[30, 30, 90, 41],
    ]);
  });

  test('the token of the tracking server comes from its Secret', () => {
    const token = SecretReference.of('mlflow', 'token');
    const mlflow = Mlflow.existing('http://mlflow.shared.svc:5000', { token });
    expect(container({ platformProps: { mlflow } }).env).toEqual([
      { name: 'MLFLOW_TRACKING_TOKEN', valueFrom: { secretKeyRef: { name: 'mlflow', key: 'token' } } },
    ]);
    expect(container().env).toEqual([]);
  });

  test('where predictions are kept and posted can be asked', () => {
    const { predictionLogUri, captureUrl } = serve(newChart());
    expect([predictionLogUri, captureUrl]).toEqual(['s3://acme-predictions/churn', 'http://churn-capture.ml.svc']);
    const own = serve(newChart(), { capture: Capture.on({ predictionLogUri: 's3://a/b' }) });
    expect(own.predictionLogUri).toBe('s3://a/b');
    const off = serve(newChart(), { capture: Capture.off() });
    expect([off.predictionLogUri, off.captureUrl]).toEqual([undefined, undefined]);
  });
});

describe('who sends', () => {
  test.each([ServingEngine.kserveStandard(), KNATIVE])(
    "KServe's payload logger, with version and role: %#",
    (engine) => {
      expect(predictor({ engine })).toMatchObject({
        annotations: { 'cdk8s-mlops.dev/role': 'stable' },
        logger: {
          url: 'http://churn-capture.ml.svc',
          mode: 'all',
          metadataAnnotations: ['cdk8s-mlops.dev/version', 'cdk8s-mlops.dev/role'],
        },
      });
      expect(predictor({ engine }).logger.metadataHeaders).toBeUndefined();
      const capture = Capture.on({ requestIdHeader: 'X-Request-Id' });
      expect(predictor({ engine, capture }).logger.metadataHeaders).toEqual(['X-Request-Id']);
      expect(predictor({ engine, runtime: OWN }).logger.url).toBe('http://churn-capture.ml.svc');
      expect(envOf(predictor({ engine, runtime: OWN }).containers[0], 'CAPTURE_URL')).toBeUndefined();
    },
  );

  test('the version belongs to roll-outs, also where nothing is captured yet', () => {
    const chart = newChart();
    serve(chart, { capture: Capture.off() });
    const version = 'cdk8s-mlops.dev/version';
    const once = find(rendered(BootstrapChart.of(chart)), 'InferenceService', 'churn').spec.predictor;
    expect(once.annotations).toEqual({ [version]: 'v3' });
    expect(find(rendered(chart), 'InferenceService', 'churn').spec.predictor.annotations).not.toHaveProperty([version]);
  });

  test("a server of one's own where there is no KServe, which is told where to", () => {
    const chart = newChart();
    serve(chart, { engine: DEPLOYMENT, runtime: OWN });
    const [server] = find(rendered(chart), 'Deployment', 'churn').spec.template.spec.containers;
    expect(envOf(server, 'CAPTURE_URL')).toBe('http://churn-capture.ml.svc');
    expect(server.env).toContainEqual({
      name: 'CAPTURE_VERSION',
      valueFrom: { fieldRef: { fieldPath: "metadata.labels['cdk8s-mlops.dev/version']" } },
    });
    const off = synth({
      engine: DEPLOYMENT,
      runtime: OWN,
      capture: Capture.off(),
      env: { CAPTURE_URL: 'http://mine' },
    });
    const [without] = find(off, 'Deployment', 'churn').spec.template.spec.containers;
    expect(envOf(without, 'CAPTURE_URL')).toBe('http://mine');
  });
});

describe('network', () => {
  const policy = (name: string, props: Props = {}): Rendered => find(synth(props), 'NetworkPolicy', name).spec;
  const namespaced = (name: string): Rendered => ({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
  });

  test('the namespace, whoever may post labels, and Prometheus are let in', () => {
    const { podSelector, ingress } = policy('churn-capture', { capture: Capture.on({ labelCallers: ['billing'] }) });
    expect(ingress).toEqual([
      {
        from: [{ podSelector: {} }, namespaced('billing'), namespaced('monitoring')],
        ports: [{ port: 8080, protocol: 'TCP' }],
      },
    ]);
    expect(collector().template.metadata.labels).toMatchObject(podSelector.matchLabels);
  });

  test('collectors reach the tracking server, the object store and their identity', () => {
    const { egress } = policy('churn-capture');
    expect(egress.map(({ ports }: Rendered) => ports.map(({ port }: Rendered) => port))).toEqual([[5000], [443], [80]]);
  });

  test('servers reach the collector of their model', () => {
    const way = {
      to: [
        {
          podSelector: {
            matchLabels: { 'app.kubernetes.io/component': 'capture', 'cdk8s-mlops.dev/model': 'churn' },
          },
        },
      ],
      ports: [{ port: 8080, protocol: 'TCP' }],
    };
    expect(policy('churn').egress).toContainEqual(way);
    expect(policy('churn', { engine: DEPLOYMENT, runtime: OWN }).egress).toContainEqual(way);
    expect(policy('churn', { capture: Capture.off() }).egress).not.toContainEqual(way);
  });

  test("callers enter by the logger's port in Standard mode only", () => {
    const entrance = (props: Props): number[] =>
      policy('churn', props).ingress[0].ports.map(({ port }: Rendered) => port);
    expect(entrance({})).toEqual([9081]);
    expect(entrance({ engine: KNATIVE })).toEqual([8012, 8013, 8112]);
    expect(entrance({ engine: DEPLOYMENT, runtime: OWN })).toEqual([8080]);
    expect(entrance({ capture: Capture.off() })).toEqual([8080]);
    const batching = { maxBatchSize: 2, maxLatencyMs: 1 };
    expect(entrance({ protocol: InferenceProtocol.V1, batching })).toEqual([9081]);
  });
});

test.each(['256Mi', '1Gi', '2Gi', '100Gi'])('a buffer of %s is not evicted before it is full', (bufferSize) => {
  const { memoryBytes, segmentBytes, bufferBytes } = configuration({ capture: Capture.on({ bufferSize }) }).limits;
  const [, number = '', unit = ''] = /^(\d+)(.i)$/.exec(bufferSize) ?? [];
  const disk = Number(number) * (unit === 'Gi' ? 1024 : 1) * MIB;
  // Labels are taken a little longer than events; what is in memory is written; two segments are packed at a time.
  expect(1.05 * bufferBytes + memoryBytes + 2 * segmentBytes).toBeLessThan(disk);
  expect(bufferBytes).toBeGreaterThan(segmentBytes);
});

describe('bad input', () => {
  test('every option that is wrong is reported at once', () => {
    const options = {
      predictionLogUri: 'log',
      sampling: 0,
      retention: Duration.hours(36),
      requestIdHeader: 'X Request',
      replicas: { min: 0, max: 1.5 },
      resources: { cpu: 'x' },
      bufferSize: 'x',
      labelCallers: ['A'],
      imagePullSecrets: ['A B'],
      pairingTimeout: Duration.minutes(90),
      labelWindow: Duration.days(0),
    };
    expect(optionProblems(options)).toHaveLength(12);
    expect(() => Capture.on(options)).toThrow('Capture.on has 12 problems:');
  });

  test.each<[CaptureOptions, RegExp]>([
    [{ sampling: 1.1 }, /'sampling' \(1.1\) must be above 0 and at most 1/],
    [{ sampling: NaN }, /'sampling' \(NaN\)/],
    [{ retention: Duration.days(0) }, /'retention' .* must be whole days, at least one/],
    [{ pairingTimeout: Duration.hours(0) }, /'pairingTimeout' .* must be whole hours, at least one/],
    [{ requestIdHeader: 'x-request-id' }, /never matches in KServe's logger: spell it 'X-Request-Id'/],
    [{ requestIdHeader: 'X-Request-ID' }, /spell it 'X-Request-Id'/],
    [{ replicas: { min: 3, max: 2 } }, /'replicas.min' \(3\) must not be above the maximum \(2\)/],
    [{ replicas: { max: 1 } }, /'replicas.min' \(2\) must not be above the maximum \(1\)/],
    [{ bufferSize: '255Mi' }, /'bufferSize' \('255Mi'\) must be at least 256Mi/],
    [{ bufferSize: '0' }, /'bufferSize' \('0'\)/],
    [
      { resources: { ephemeralStorage: '1Gi' } },
      /'resources.ephemeralStorage' \('1Gi'\) must not be below 'bufferSize' \(2Gi\)/,
    ],
    [{ resources: { memory: '1Gi', memoryLimit: '512Mi' } }, /'resources.memoryLimit'/],
  ])('options that cannot be: %#', (options, reason) =>
    expect(optionProblems(options)).toEqual([expect.stringMatching(reason)]),
  );

  test('a header and a buffer that are just right', () => {
    expect(() => Capture.on({ requestIdHeader: 'Ce-Id', bufferSize: '256Mi' })).not.toThrow();
  });

  test('nowhere to keep predictions', () => {
    const platformProps = { predictionStore: undefined };
    expect(problems({ platformProps })).toEqual([
      "'capture' needs a place for the prediction log: give the platform a 'predictionStore', use " +
        'Capture.on({ predictionLogUri: … }), or Capture.off()',
    ]);
    expect(() => synth({ platformProps, capture: Capture.off() })).not.toThrow();
    expect(() => synth({ platformProps, capture: Capture.on({ predictionLogUri: 's3://a/b' }) })).not.toThrow();
  });

  test('nobody who sends predictions', () => {
    expect(problems({ engine: DEPLOYMENT })).toEqual([
      "'capture' has nobody who sends its predictions: sklearn on ServingEngine.deployment() sends none. Use KServe, " +
        'ServingRuntime.custom(…) that posts to $CAPTURE_URL, or Capture.off()',
    ]);
    expect(() => synth({ engine: DEPLOYMENT, capture: Capture.off() })).not.toThrow();
  });

  test.each<[string, Props, RegExp]>([
    [
      'a header that nobody reads',
      { engine: DEPLOYMENT, runtime: OWN, capture: Capture.on({ requestIdHeader: 'X-Request-Id' }) },
      /'capture.requestIdHeader' .* has no effect without KServe/,
    ],
    ['an address in the environment', { env: { CAPTURE_URL: 'http://x' } }, /'env.CAPTURE_URL' is set by 'capture'/],
    ['a version in the environment', { env: { CAPTURE_VERSION: 'v1' } }, /'env.CAPTURE_VERSION' is set by 'capture'/],
    ['an address in a Secret', { secrets: { CAPTURE_URL: KEY } }, /'secrets.CAPTURE_URL' is set by 'capture'/],
    [
      'no key for a hashed feature',
      { model: newModel({ features: [Feature.categorical('city', { recording: FeatureRecording.HASHED })] }) },
      /'capture.hashKey' must be given, because the feature 'city' is hashed/,
    ],
    ['a key for nothing', { capture: Capture.on({ hashKey: KEY }) }, /has no effect: no feature is hashed/],
    [
      'predictions that are deleted before their labels come',
      { model: newModel({ labelDelay: Duration.days(7) }), capture: Capture.on({ retention: Duration.days(6) }) },
      /'capture.retention' \('6 days'\) must not be shorter than the model's label delay \(7 days\)/,
    ],
    [
      'labels that are always too late',
      { model: newModel({ labelDelay: Duration.days(7) }), capture: Capture.on({ labelWindow: Duration.days(6) }) },
      /'capture.labelWindow' \('6 days'\) must not be shorter/,
    ],
  ])('%s', (_, props, reason) => expect(problems(props)).toEqual([expect.stringMatching(reason)]));

  test('a hashed feature that is not captured needs no key', () => {
    const model = newModel({ features: [Feature.categorical('city', { recording: FeatureRecording.HASHED })] });
    expect(() => synth({ model, capture: Capture.off() })).not.toThrow();
  });
});

test("the caller's lists are not kept", () => {
  const labelCallers = ['billing'];
  const capture = Capture.on({ labelCallers });
  labelCallers.push('other');
  expect(JSON.stringify(find(synth({ capture }), 'NetworkPolicy', 'churn-capture'))).not.toContain('other');
});
