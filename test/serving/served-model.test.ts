import { ApiObject, type App, Chart, Duration } from 'cdk8s';
import {
  BootstrapChart,
  Capture,
  Exposure,
  GpuRequest,
  InferenceProtocol,
  type MlModelPlatform,
  ModelSource,
  NodePool,
  ScaleTarget,
  SecretReference,
  ServedModel,
  type ServedModelProps,
  ServingEngine,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
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

const { V1, V2 } = InferenceProtocol;
const KNATIVE = ServingEngine.kserveKnative();
const DEPLOYMENT = ServingEngine.deployment();
const OWN = ServingRuntime.custom({ image: 'registry.example/churn-server:1' });

function platformOn(chart: Chart): MlModelPlatform {
  return newPlatform(chart, { storageInitializer: StorageInitializer.restricted() });
}

function serve(chart: Chart, props: Partial<ServedModelProps> = {}): ServedModel {
  return new ServedModel(chart, 'serving', {
    platform: props.platform ?? platformOn(chart),
    model: newModel(),
    source: ModelSource.uri('s3://acme-models/churn/v3'),
    runtime: ServingRuntime.sklearn(),
    // Without KServe nobody sends what the servers are asked.
    capture: props.engine === DEPLOYMENT ? Capture.off() : undefined,
    ...props,
  });
}

interface Synthesized {
  readonly steady: Rendered[];
  readonly bootstrap: Rendered[];
}

function synth(props: Partial<ServedModelProps> = {}): Synthesized {
  const chart = newChart();
  serve(chart, props);
  return { steady: rendered(chart), bootstrap: rendered(BootstrapChart.of(chart)) };
}

const predictor = (props: Partial<ServedModelProps> = {}): Rendered =>
  find(synth(props).steady, 'InferenceService', 'churn').spec.predictor;
const deployment = (props: Partial<ServedModelProps> = {}): Rendered =>
  find(synth({ engine: DEPLOYMENT, ...props }).steady, 'Deployment', 'churn').spec;
const problems = (props: Partial<ServedModelProps>): readonly string[] => problemsOf(() => synth(props));

describe('who owns which field', () => {
  test('the steady InferenceService leaves out what roll-outs change, the bootstrap one has it', () => {
    const { steady, bootstrap } = synth();
    const kept = find(steady, 'InferenceService', 'churn').spec.predictor;
    const once = find(bootstrap, 'InferenceService', 'churn').spec.predictor;
    expect(kept.model.storageUri).toBeUndefined();
    expect(kept.labels).not.toHaveProperty(['cdk8s-mlops.dev/version']);
    expect(once.model.storageUri).toBe('s3://acme-models/churn/v3');
    expect(once.labels['cdk8s-mlops.dev/version']).toBe('v3');
  });

  test('the bootstrap one names little more, because its creator goes on owning what it names', () => {
    const { steady, bootstrap } = synth();
    const { metadata, spec } = find(bootstrap, 'InferenceService', 'churn');
    const kept = find(steady, 'InferenceService', 'churn').spec.predictor;
    expect(metadata.annotations).toEqual({ 'serving.kserve.io/deploymentMode': 'Standard' });
    expect(spec.predictor).toEqual({
      serviceAccountName: 'churn-serving',
      securityContext: kept.securityContext,
      labels: { 'cdk8s-mlops.dev/version': 'v3' },
      annotations: { 'cdk8s-mlops.dev/version': 'v3' },
      model: {
        modelFormat: { name: 'sklearn', version: '1' },
        runtime: 'kserve-sklearnserver',
        protocolVersion: 'v2',
        storageUri: 's3://acme-models/churn/v3',
        securityContext: kept.model.securityContext,
      },
    });
  });

  test('so does that of a Deployment', () => {
    const { steady, bootstrap } = synth({ engine: DEPLOYMENT, runtime: OWN });
    const kept = find(steady, 'Deployment', 'churn').spec;
    const [{ image, securityContext }] = kept.template.spec.containers;
    expect(find(bootstrap, 'Deployment', 'churn').spec).toEqual({
      selector: kept.selector,
      template: {
        metadata: {
          labels: { ...kept.selector.matchLabels, 'cdk8s-mlops.dev/version': 'v3' },
          annotations: { 'cdk8s-mlops.dev/uri': 's3://acme-models/churn/v3' },
        },
        spec: {
          serviceAccountName: 'churn-serving',
          securityContext: kept.template.spec.securityContext,
          containers: [{ name: 'server', image, securityContext }],
        },
      },
    });
  });

  test('the steady Deployment leaves out address, version and, where it scales, the number of replicas', () => {
    const { steady, bootstrap } = synth({ engine: DEPLOYMENT, replicas: { min: 2, max: 5 } });
    const kept = find(steady, 'Deployment', 'churn').spec;
    const once = find(bootstrap, 'Deployment', 'churn').spec;
    expect(kept.replicas).toBeUndefined();
    expect(kept.template.metadata.annotations).toBeUndefined();
    expect(once.template.metadata.annotations).toEqual({ 'cdk8s-mlops.dev/uri': 's3://acme-models/churn/v3' });
    expect(once.template.metadata.labels['cdk8s-mlops.dev/version']).toBe('v3');
    expect(kept.template.metadata.labels).not.toHaveProperty(['cdk8s-mlops.dev/version']);
  });

  test('a route is only created once', () => {
    const exposure = Exposure.gateway({
      name: 'ml',
      namespace: 'gateways',
      hostnames: ['churn.acme.example'],
      listener: 'https',
    });
    const { steady, bootstrap } = synth({ exposure });
    expect(identities(steady).join()).not.toContain('HTTPRoute');
    expect(find(bootstrap, 'HTTPRoute', 'churn-route').spec).toEqual({
      parentRefs: [{ name: 'ml', namespace: 'gateways', sectionName: 'https' }],
      hostnames: ['churn.acme.example'],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          backendRefs: [{ name: 'churn-predictor', port: 80, weight: 100 }],
        },
      ],
    });
  });

  test('the version can be named', () => {
    const source = ModelSource.uri('s3://acme-models/churn/run-77', { version: '7' });
    const { bootstrap } = synth({ source });
    expect(find(bootstrap, 'InferenceService', 'churn').spec.predictor.labels['cdk8s-mlops.dev/version']).toBe('7');
  });
});

describe('on KServe', () => {
  test('the main object is the default child of its engine', () => {
    expect(ApiObject.of(serve(newChart()).node.findChild('Kserve')).kind).toBe('InferenceService');
  });

  test.each([
    [ServingEngine.kserveStandard(), 'Standard'],
    [KNATIVE, 'Knative'],
  ])('the deployment mode is always said: %#', (engine, mode) => {
    const { annotations } = find(synth({ engine }).steady, 'InferenceService', 'churn').metadata;
    expect(annotations['serving.kserve.io/deploymentMode']).toBe(mode);
  });

  test('every prop reaches the predictor', () => {
    const props = {
      protocol: V1,
      replicas: { min: 2, max: 6, target: ScaleTarget.memory(70) },
      resources: { cpu: '2', cpuLimit: '4', memory: '4Gi', memoryLimit: '6Gi', ephemeralStorage: '10Gi' },
      gpu: GpuRequest.nvidia(1),
      pool: NodePool.gpu('serving', { gpusPerNode: 1 }),
      secrets: {},
      egress: [],
      batching: { maxBatchSize: 32, maxLatencyMs: 20 },
      startupTimeout: Duration.minutes(20),
      env: { OMP_NUM_THREADS: '2' },
      imagePullSecrets: ['registry'],
      predictorOverrides: { timeout: 30 },
    };
    const spec = predictor(props);
    expect(spec).toMatchObject({
      ...{ minReplicas: 2, maxReplicas: 6, scaleMetric: 'memory', scaleTarget: 70, timeout: 30 },
      batcher: { maxBatchSize: 32, maxLatency: 20 },
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: { 'cdk8s-mlops.dev/node-pool': 'serving' },
      tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
    });
    expect(spec.model).toMatchObject({
      protocolVersion: 'v1',
      resources: {
        requests: { cpu: '2', memory: '4Gi', 'ephemeral-storage': '10Gi', 'nvidia.com/gpu': '1' },
        limits: { cpu: '4', memory: '6Gi', 'ephemeral-storage': '10Gi', 'nvidia.com/gpu': '1' },
      },
      startupProbe: { failureThreshold: 120, periodSeconds: 10 },
    });
    expect(envOf(spec.model, 'OMP_NUM_THREADS')).toBe('2');
  });

  test('defaults: one replica, no autoscaler', () => {
    const { steady } = synth();
    const { metadata, spec } = find(steady, 'InferenceService', 'churn');
    expect(metadata.annotations['serving.kserve.io/autoscalerClass']).toBe('none');
    expect(spec.predictor).toMatchObject({ minReplicas: 1, maxReplicas: 1 });
    expect(spec.predictor).not.toHaveProperty('scaleMetric');
    expect(spec.predictor).not.toHaveProperty('batcher');
  });

  test('a range of replicas follows the CPU unless something else is said', () => {
    const { steady } = synth({ replicas: { max: 4 } });
    const { metadata, spec } = find(steady, 'InferenceService', 'churn');
    expect(metadata.annotations['serving.kserve.io/autoscalerClass']).toBe('hpa');
    expect(spec.predictor).toMatchObject({ minReplicas: 1, maxReplicas: 4, scaleMetric: 'cpu', scaleTarget: 80 });
  });

  test('Knative scales on concurrency, also to zero', () => {
    const replicas = { min: 0, max: 10, target: ScaleTarget.concurrency(70) };
    expect(predictor({ engine: KNATIVE, replicas })).toMatchObject({
      ...{ minReplicas: 0, maxReplicas: 10, scaleMetric: 'concurrency', scaleTarget: 70 },
    });
    const rps = predictor({ engine: KNATIVE, replicas: { max: 3, target: ScaleTarget.requestsPerSecond(5) } });
    expect(rps).toMatchObject({ scaleMetric: 'rps', scaleTarget: 5 });
  });

  test('Knative scales on CPU by an HPA', () => {
    const replicas = { max: 3, target: ScaleTarget.cpu(60) };
    const { annotations } = find(synth({ engine: KNATIVE, replicas }).steady, 'InferenceService', 'churn').metadata;
    expect(annotations['autoscaling.knative.dev/class']).toBe('hpa.autoscaling.knative.dev');
  });

  test('pods meet "restricted", in Knative without a security context of the pod', () => {
    const container = {
      allowPrivilegeEscalation: false,
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    };
    expect(predictor().securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(predictor().model.securityContext).toMatchObject({ ...container, capabilities: { drop: ['ALL'] } });
    expect(predictor({ engine: KNATIVE }).securityContext).toBeUndefined();
    expect(predictor({ engine: KNATIVE }).model.securityContext).toMatchObject(container);
    expect(predictor().automountServiceAccountToken).toBe(false);
  });

  test('Knative knows neither startup probes nor a second port nor a grace period, but a deadline', () => {
    const props = { engine: KNATIVE, runtime: ServingRuntime.mlflow(), startupTimeout: Duration.minutes(40) };
    const { metadata, spec } = find(synth(props).steady, 'InferenceService', 'churn');
    expect(metadata.annotations['serving.knative.dev/progress-deadline']).toBe('2400s');
    expect(spec.predictor.terminationGracePeriodSeconds).toBeUndefined();
    expect(predictor().terminationGracePeriodSeconds).toBe(60);
    const { model } = spec.predictor;
    expect(model.startupProbe).toBeUndefined();
    expect(model.ports).toEqual([{ name: 'http1', containerPort: 8080, protocol: 'TCP' }]);
  });

  test('the visibility label is there where KServe must not expose the model by itself', () => {
    const label = (exposure?: Exposure): unknown =>
      find(synth({ exposure }).steady, 'InferenceService', 'churn').metadata.labels['networking.kserve.io/visibility'];
    expect(label()).toBe('cluster-local');
    expect(label(Exposure.gateway({ name: 'g', namespace: 'g', hostnames: ['a.b'] }))).toBe('cluster-local');
    expect(label(Exposure.byKserve())).toBeUndefined();
  });
});

describe('runtimes', () => {
  interface Row {
    readonly runtime: ServingRuntime;
    readonly kserve: string;
    readonly named: Rendered;
    readonly metrics: string;
  }
  const argument = { args: ['--model_name=churn'] };
  const rows: Row[] = [
    { runtime: ServingRuntime.sklearn(), kserve: 'kserve-sklearnserver', named: argument, metrics: 'http' },
    { runtime: ServingRuntime.xgboost(), kserve: 'kserve-xgbserver', named: argument, metrics: 'http' },
    { runtime: ServingRuntime.lightgbm(), kserve: 'kserve-lgbserver', named: argument, metrics: 'http' },
    { runtime: ServingRuntime.huggingface(), kserve: 'kserve-huggingfaceserver', named: argument, metrics: 'http' },
    {
      runtime: ServingRuntime.mlflow(),
      kserve: 'kserve-mlserver',
      named: { env: expect.arrayContaining([{ name: 'MLSERVER_MODEL_NAME', value: 'churn' }]) },
      metrics: 'metrics',
    },
    {
      runtime: ServingRuntime.triton({ modelDirectory: 'churn' }),
      kserve: 'kserve-tritonserver',
      named: {},
      metrics: 'metrics',
    },
  ];

  test.each(rows)(
    '$kserve answers under the name of the model and is scraped',
    ({ runtime, kserve, named, metrics }) => {
      const { steady } = synth({ runtime });
      const { model } = find(steady, 'InferenceService', 'churn').spec.predictor;
      expect(model).toMatchObject({ runtime: kserve, protocolVersion: 'v2', ...named });
      expect(model.readinessProbe.httpGet).toEqual({ path: '/v2/models/churn/ready', port: 8080 });
      const { podMetricsEndpoints } = find(steady, 'PodMonitor', 'churn').spec;
      expect(podMetricsEndpoints).toEqual([{ port: metrics, path: '/metrics' }]);
      expect(model.ports.map(({ name }: Rendered) => name)).toContain(metrics);
    },
  );

  test('V1 is probed by its own path', () => {
    expect(predictor({ protocol: V1 }).model.readinessProbe.httpGet.path).toBe('/v1/models/churn');
  });

  test("MLServer's metrics have a port of their own", () => {
    const { model } = predictor({ runtime: ServingRuntime.mlflow() });
    expect(model.ports).toContainEqual({ name: 'metrics', containerPort: 8082, protocol: 'TCP' });
    expect(envOf(model, 'MLSERVER_METRICS_DIR')).toBe('/tmp');
  });

  test('an image of the user’s own', () => {
    const runtime = ServingRuntime.custom({
      image: 'registry.example/churn-server:latest',
      allowMutableTag: true,
      command: ['uvicorn', 'app:app'],
      protocols: [V1],
      port: 9000,
      readyPath: '/ready',
      livePath: '/live',
      metricsPort: 9100,
      nameVariable: 'SERVED_NAME',
      user: 1234,
    });
    const { steady, bootstrap } = synth({ runtime, protocol: V1 });
    const [container] = find(steady, 'InferenceService', 'churn').spec.predictor.containers;
    expect(container).toMatchObject({
      name: 'kserve-container',
      image: 'registry.example/churn-server:latest',
      command: ['uvicorn', 'app:app'],
      readinessProbe: { httpGet: { path: '/ready', port: 9000 } },
      livenessProbe: { httpGet: { path: '/live', port: 9000 } },
      securityContext: { runAsUser: 1234 },
    });
    expect(envOf(container, 'SERVED_NAME')).toBe('churn');
    // Lists of containers are replaced as a whole: the address stands beside them, where no apply takes it away.
    expect(find(steady, 'InferenceService', 'churn').spec.predictor.storageUris).toBeUndefined();
    expect(find(bootstrap, 'InferenceService', 'churn').spec.predictor.storageUris).toEqual([
      { uri: 's3://acme-models/churn/v3', mountPath: '/mnt/models' },
    ]);
    expect(find(steady, 'PodMonitor', 'churn').spec.podMetricsEndpoints[0].port).toBe('metrics');
  });

  test('bad options of an own image are all reported', () => {
    const options = {
      ...{
        image: 'x',
        port: 0,
        metricsPort: 70_000,
        protocols: [],
        readyPath: 'ready',
        livePath: '',
        nameVariable: '1',
        user: 0,
      },
    };
    expect(problemsOf(() => ServingRuntime.custom(options))).toHaveLength(8);
  });
});

describe('on a plain Deployment', () => {
  test('renders workload, Service, budget and monitor', () => {
    expect(identities(synth({ engine: DEPLOYMENT, runtime: OWN }).steady).slice(-7)).toEqual([
      'ConfigMap churn-schema',
      'ServiceAccount churn-serving',
      'NetworkPolicy churn',
      'Deployment churn',
      'Service churn',
      'PodDisruptionBudget churn',
      'PodMonitor churn',
    ]);
  });

  test('an init container brings the artifact that the annotation names', () => {
    const { template } = deployment({ runtime: OWN });
    const [loader] = template.spec.initContainers;
    expect(loader.image).toBe('docker.io/kserve/storage-initializer:v0.20.0');
    expect(loader.args).toEqual(['$(MODEL_URI)', '/mnt/models']);
    expect(loader.env).toContainEqual({
      name: 'MODEL_URI',
      valueFrom: { fieldRef: { fieldPath: "metadata.annotations['cdk8s-mlops.dev/uri']" } },
    });
    expect(loader.volumeMounts).toContainEqual({ name: 'model', mountPath: '/mnt/models' });
    const [server] = template.spec.containers;
    expect(server.volumeMounts).toContainEqual({ name: 'model', mountPath: '/mnt/models', readOnly: true });
    expect(deployment({ loaderImage: 'registry.example/loader:2' }).template.spec.initContainers[0].image).toBe(
      'registry.example/loader:2',
    );
  });

  test('probes wait for a slow load', () => {
    const { template, progressDeadlineSeconds } = deployment({ runtime: OWN, startupTimeout: Duration.minutes(30) });
    const [{ startupProbe, readinessProbe, livenessProbe }] = template.spec.containers;
    expect(startupProbe).toMatchObject({ failureThreshold: 180, periodSeconds: 10 });
    expect(readinessProbe.httpGet.path).toBe('/v2/models/churn/ready');
    expect(livenessProbe.httpGet.path).toBe('/v2/health/live');
    expect(progressDeadlineSeconds).toBe(2100);
  });

  test('scales between its bounds, on CPU unless something else is said', () => {
    const autoscaler = (props: Partial<ServedModelProps>): Rendered =>
      find(synth({ engine: DEPLOYMENT, ...props }).steady, 'HorizontalPodAutoscaler', 'churn').spec;
    expect(autoscaler({ replicas: { min: 2, max: 5 } })).toMatchObject({
      ...{ minReplicas: 2, maxReplicas: 5, scaleTargetRef: { kind: 'Deployment', name: 'churn' } },
      metrics: [{ resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
    });
    const memory = autoscaler({ replicas: { max: 2, target: ScaleTarget.memory(50) } });
    expect(memory.metrics[0].resource).toEqual({
      name: 'memory',
      target: { type: 'Utilization', averageUtilization: 50 },
    });
    expect(deployment({ replicas: { min: 3 } }).replicas).toBe(3);
  });

  test('tells a server how to batch', () => {
    const batching = { maxBatchSize: 16, maxLatencyMs: 5 };
    const [own] = deployment({ runtime: OWN, batching }).template.spec.containers;
    expect([envOf(own, 'MAX_BATCH_SIZE'), envOf(own, 'MAX_BATCH_LATENCY_MS')]).toEqual(['16', '5']);
    const [mlserver] = deployment({ runtime: ServingRuntime.mlflow(), batching }).template.spec.containers;
    expect(envOf(mlserver, 'MLSERVER_MODEL_MAX_BATCH_TIME')).toBe('0.005');
  });

  test("KServe's servers run without KServe", () => {
    const [server] = deployment().template.spec.containers;
    expect(server.image).toBe('docker.io/kserve/sklearnserver:v0.20.0');
    expect(server.args).toEqual(['--model_dir=/mnt/models', '--http_port=8080', '--model_name=churn']);
    expect(server.command).toBeUndefined();
  });

  test('pods meet "restricted"', () => {
    const { spec } = deployment({ runtime: OWN }).template;
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    for (const { securityContext } of [...spec.initContainers, ...spec.containers]) {
      expect(securityContext).toMatchObject({
        ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      });
    }
  });

  test('is called by its own Service', () => {
    const chart = newChart();
    const exposure = Exposure.gateway({ name: 'g', namespace: 'g', hostnames: ['*.acme.example'] });
    const { url } = serve(chart, { engine: DEPLOYMENT, exposure });
    expect(url).toBe('http://churn.ml.svc');
    expect(find(rendered(chart), 'Service', 'churn').spec.ports[0]).toMatchObject({ port: 80, targetPort: 'http' });
    const [{ backendRefs }] = find(rendered(BootstrapChart.of(chart)), 'HTTPRoute', 'churn-route').spec.rules;
    expect(backendRefs[0].name).toBe('churn');
  });
});

describe('network', () => {
  const ingress = (props: Partial<ServedModelProps>): Rendered[] =>
    find(synth(props).steady, 'NetworkPolicy', 'churn').spec.ingress;
  const portsOf = (rule: Rendered): number[] => rule.ports.map(({ port }: Rendered) => port);

  test('lets callers and Prometheus in, by the ports of the pods', () => {
    const [callers, prometheus] = ingress({ callers: ['checkout'] });
    expect(callers.from).toEqual([
      { podSelector: {} },
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'checkout' } } },
    ]);
    expect([portsOf(callers), portsOf(prometheus)]).toEqual([[9081], [8080]]);
    expect(ingress({ capture: Capture.off() }).map(portsOf)).toEqual([[8080], [8080]]);
  });

  test('the port of the agent where requests are batched, and of metrics where they have their own', () => {
    const batching = { maxBatchSize: 2, maxLatencyMs: 1 };
    const [batched] = ingress({ protocol: V1, batching, capture: Capture.off() });
    expect(portsOf(batched)).toEqual([9081]);
    const [, prometheus] = ingress({ runtime: ServingRuntime.mlflow() });
    expect(portsOf(prometheus)).toEqual([8082]);
  });

  test('the Gateway, and Knative where it stands before the server', () => {
    const exposure = Exposure.gateway({ name: 'ml', namespace: 'gateways', hostnames: ['a.b'] });
    expect(JSON.stringify(ingress({ exposure })[0])).toContain('"gateways"');
    const envoy = Exposure.gateway({
      name: 'ml',
      namespace: 'g',
      proxyNamespace: 'envoy-gateway-system',
      hostnames: ['a.b'],
    });
    expect(JSON.stringify(ingress({ exposure: envoy })[0])).toContain('"envoy-gateway-system"');
    const [callers, , knative] = ingress({ engine: KNATIVE });
    expect(portsOf(callers)).toEqual([8012, 8013, 8112]);
    expect(JSON.stringify(knative)).toContain('knative-serving');
  });
});

describe('storage', () => {
  test('by the identity of the service account, or by a Secret', () => {
    const serviceAccountAnnotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/serve' };
    const { steady } = synth({ serviceAccountAnnotations, storageSecret: 'minio' });
    const account = find(steady, 'ServiceAccount', 'churn-serving');
    expect(account.metadata.annotations).toEqual(serviceAccountAnnotations);
    expect(account.secrets).toEqual([{ name: 'minio' }]);
  });

  test('without KServe the Secret is the environment of the downloader', () => {
    const [loader] = deployment({ storageSecret: 'minio' }).template.spec.initContainers;
    expect(loader.envFrom).toEqual([{ secretRef: { name: 'minio' } }]);
    expect(deployment().template.spec.initContainers[0].envFrom).toBeUndefined();
  });

  test('at an address of its own', () => {
    const egress = [{ cidr: '10.9.0.0/16', ports: [9000] }];
    expect(find(synth({ egress }).steady, 'NetworkPolicy', 'churn').spec.egress.at(-1)).toEqual({
      to: [{ ipBlock: { cidr: '10.9.0.0/16' } }],
      ports: [{ port: 9000, protocol: 'TCP' }],
    });
  });

  test('a token for the server comes from a Secret', () => {
    const secrets = { HF_TOKEN: SecretReference.of('hugging-face', 'token') };
    const variable = { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hugging-face', key: 'token' } } };
    expect(predictor({ secrets }).model.env).toContainEqual(variable);
    expect(deployment({ secrets }).template.spec.containers[0].env).toContainEqual(variable);
  });

  test('what is done about the storage initializer decides what the namespace enforces', () => {
    const enforced = (storageInitializer: StorageInitializer): unknown => {
      const chart = newChart();
      serve(chart, { platform: newPlatform(chart, { storageInitializer }) });
      const objects = rendered(chart);
      const containers = objects.filter(({ kind }) => kind === 'ClusterStorageContainer');
      return [
        find(objects, 'Namespace', 'ml').metadata.labels['pod-security.kubernetes.io/enforce'],
        containers.length,
      ];
    };
    expect(enforced(StorageInitializer.restricted())).toEqual(['restricted', 1]);
    expect(enforced(StorageInitializer.alreadyRestricted())).toEqual(['restricted', 0]);
    expect(enforced(StorageInitializer.asShipped())).toEqual(['baseline', 0]);
    expect(problemsOf(() => StorageInitializer.restricted({ image: 'x' }))).toHaveLength(1);
  });
});

describe('bad input', () => {
  test('every problem is reported at once, with the path of the construct', () => {
    const build = (): Synthesized =>
      synth({
        replicas: { min: 0, max: 3, target: ScaleTarget.concurrency(70) },
        protocol: V1,
        runtime: ServingRuntime.mlflow(),
      });
    expect(build).toThrow("ServedModel 'test/serving' has 3 problems:");
    expect(problemsOf(build)).toEqual([
      "'replicas.min' (0) cannot be had on KServe Standard, which does not scale to zero: use at least 1, or ServingEngine.kserveKnative()",
      "'replicas.target' ('concurrency') is no metric that KServe Standard scales on, which are cpu, memory",
      "'protocol' ('v1') is not spoken by mlflow, which speaks v2",
    ]);
  });

  test.each<[string, Partial<ServedModelProps>, RegExp]>([
    ['scale to zero on a Deployment', { engine: DEPLOYMENT, replicas: { min: 0, max: 2 } }, /does not scale to zero/],
    [
      'scale to zero on CPU',
      { engine: KNATIVE, replicas: { min: 0, max: 2, target: ScaleTarget.cpu(50) } },
      /cannot scale to zero: without a pod/,
    ],
    ['a minimum above the maximum', { replicas: { min: 3, max: 2 } }, /must not be above the maximum \(2\)/],
    ['half a replica', { replicas: { min: 1.5, max: 2 } }, /'replicas.min' \(1.5\)/],
    ['no replica at most', { engine: KNATIVE, replicas: { min: 0, max: 0 } }, /'replicas.max' \(0\)/],
    [
      'a target that nothing follows',
      { replicas: { min: 2, target: ScaleTarget.cpu(50) } },
      /has no effect: minimum and maximum/,
    ],
    [
      'batches of nothing',
      { protocol: V1, batching: { maxBatchSize: 0, maxLatencyMs: 1 } },
      /'batching.maxBatchSize' \(0\)/,
    ],
    ['batches that the agent cannot read', { batching: { maxBatchSize: 2, maxLatencyMs: 1 } }, /with protocol v1 only/],
    [
      'batches that nobody makes',
      { engine: DEPLOYMENT, batching: { maxBatchSize: 2, maxLatencyMs: 1 } },
      /sklearn batches only behind KServe's agent/,
    ],
    [
      'a Triton directory of another name',
      { runtime: ServingRuntime.triton({ modelDirectory: 'model' }) },
      /must be 'churn': Triton would serve the model under \/v2\/models\/model/,
    ],
    ['a GPU on a CPU pool', { gpu: GpuRequest.nvidia(1), pool: NodePool.cpu('batch') }, /whose nodes have no GPU/],
    [
      'more replicas than the pool has GPUs for',
      {
        gpu: GpuRequest.nvidia(2),
        pool: NodePool.gpu('p', { gpusPerNode: 5, maxNodes: 2 }),
        replicas: { min: 1, max: 5 },
      },
      /'replicas.max' \(5\) does not fit the pool 'p', which has room for 4: raise its maxNodes/,
    ],
    [
      'nodes that may all be gone',
      { pool: NodePool.cpu('p', { spot: true }) },
      /'pool' \('p'\) has spot capacity only: .*: make the pool with 'onDemandFallback: true', or take one without/,
    ],
    [
      'more memory than a node has',
      { pool: NodePool.cpu('small', { memory: '1Gi' }) },
      /'resources.memory' \('2Gi'\) does not fit/,
    ],
    ['a quantity that is none', { resources: { cpu: 'x' } }, /'resources.cpu' \('x'\)/],
    [
      'a canary on Standard',
      { predictorOverrides: { canaryTrafficPercent: 10 } },
      /silently ignored by KServe Standard/,
    ],
    [
      'a canary of 101 percent',
      { engine: KNATIVE, predictorOverrides: { canaryTrafficPercent: 101 } },
      /must be a whole number from 0 to 100/,
    ],
    [
      'a strategy on Knative',
      { engine: KNATIVE, predictorOverrides: { deploymentStrategy: {} } },
      /silently ignored by KServe Knative/,
    ],
    ['a field that has a prop', { predictorOverrides: { minReplicas: 2 } }, /has a prop of its own: replicas.min/],
    ['a logger of its own', { predictorOverrides: { logger: {} } }, /has a prop of its own: capture/],
    [
      'a field of KServe without KServe',
      { engine: DEPLOYMENT, predictorOverrides: { timeout: 1 } },
      /has no effect without KServe/,
    ],
    ["KServe's exposure without KServe", { engine: DEPLOYMENT, exposure: Exposure.byKserve() }, /there is no KServe/],
    [
      'a Gateway before Knative',
      { engine: KNATIVE, exposure: Exposure.gateway({ name: 'g', namespace: 'g', hostnames: ['a.b'] }) },
      /routes by itself/,
    ],
    [
      'a name that is too long for KServe',
      { model: newModel({ name: 'm'.repeat(39) }) },
      /at most 38 characters on KServe/,
    ],
    ['a secret in plain text', { env: { API_TOKEN: 'x' } }, /has the name of a secret/],
    ['a variable that is none', { env: { 'A-B': 'x' } }, /'env' \('A-B'\)/],
    [
      'a pool on Knative as it is installed',
      { engine: KNATIVE, pool: NodePool.cpu('p') },
      /kserveKnative\(\{ nodeSelection: true \}\)/,
    ],
    ['a loader on KServe', { loaderImage: 'registry.example/loader:1' }, /has no effect on KServe/],
    ['a security context of its own', { predictorOverrides: { securityContext: {} } }, /has a prop of its own/],
    ['a variable under env and secrets', { env: { X: '1' }, secrets: { X: SecretReference.of('a', 'b') } }, /keep one/],
    ['an egress that is none', { egress: [{ cidr: 'x', ports: [1] }] }, /'egress\[0\].cidr'/],
    ['a namespace that is none', { callers: ['A'] }, /'callers' \('A'\)/],
    ['no time to start', { startupTimeout: Duration.seconds(1) }, /at least 10 seconds/],
    ['a Secret that is none', { storageSecret: 'A B' }, /'storageSecret'/],
    ['a pull Secret that is none', { imagePullSecrets: ['A B'] }, /'imagePullSecrets'/],
    [
      'a loader that is not pinned',
      { engine: DEPLOYMENT, loaderImage: 'loader' },
      /'loaderImage' \('loader'\) must be pinned/,
    ],
  ])('%s', (_, props, reason) => expect(problems(props).join('\n')).toMatch(reason));

  test('spot nodes with a fallback, and as many replicas as there are GPUs for, are fine', () => {
    const pool = NodePool.gpu('p', { gpusPerNode: 4, maxNodes: 2, spot: true, onDemandFallback: true });
    const props = { pool, gpu: GpuRequest.nvidia(2), replicas: { min: 1, max: 4 }, engine: DEPLOYMENT };
    expect(() => problems(props)).toThrow('expected a ValidationError, got none');
  });

  test('a name and a namespace that are too long together', () => {
    const chart = newChart();
    const storageInitializer = StorageInitializer.asShipped();
    const platform = newPlatform(chart, { namespace: 'n'.repeat(30), storageInitializer });
    const model = newModel({ name: 'm'.repeat(20) });
    expect(problemsOf(() => serve(chart, { platform, model }))[0]).toMatch(
      /at most 42 characters together with the namespace/,
    );
  });

  test('KServe in a namespace that would refuse its storage initializer', () => {
    const chart = newChart();
    expect(problemsOf(() => serve(chart, { platform: newPlatform(chart) }))[0]).toMatch(
      /StorageInitializer.restricted\(\)/,
    );
    expect(() => serve(newChart(), { engine: DEPLOYMENT, platform: newPlatform(newChart()) })).not.toThrow();
  });

  test('sources, targets and exposures that are none', () => {
    expect(problemsOf(() => ModelSource.uri('/models/v1'))).toHaveLength(1);
    expect(problemsOf(() => ModelSource.uri('s3://bucket'))[0]).toMatch(/not a whole bucket/);
    expect(problemsOf(() => ModelSource.uri('az://c/x/v1'))[0]).toMatch(/schemes that KServe loads/);
    const leaked = problemsOf(() => ModelSource.uri('s3://key:hunter2@models/v1'))[0];
    expect(leaked).toMatch(/must not carry credentials/);
    expect(leaked).not.toContain('hunter2');
    for (const uri of ['hf://org/model', 'pvc://claim/model', 'gs://b/m'])
      expect(ModelSource.uri(uri).modelUri).toBe(uri);
    expect(problemsOf(() => ModelSource.uri('s3://m/v1', { version: 'a b' }))).toHaveLength(1);
    for (const target of [0, 1.5, 101]) expect(problemsOf(() => ScaleTarget.cpu(target))).toHaveLength(1);
    expect(problemsOf(() => Exposure.gateway({ name: 'A', namespace: 'B', hostnames: [] }))).toHaveLength(3);
    expect(problemsOf(() => Exposure.gateway({ name: 'a', namespace: 'b', hostnames: ['http://x'] }))).toHaveLength(1);
  });
});

test('V2 is what callers speak unless they say otherwise', () => {
  const { protocol, serviceName, engine } = serve(newChart());
  expect([protocol, serviceName, engine.name]).toEqual([V2, 'churn-predictor', 'KServe Standard']);
});

test('two served models of one model', () => {
  const chart = newChart();
  const platform = platformOn(chart);
  serve(chart, { platform });
  const build = (): ServedModel =>
    new ServedModel(chart, 'second', {
      ...{ platform, model: newModel(), source: ModelSource.uri('s3://a/b'), runtime: ServingRuntime.sklearn() },
    });
  expect(problemsOf(build)[0]).toMatch(/has a ServedModel already, 'test\/serving'/);
});

test('volumes are added to ours, which mounts rely on', () => {
  const volumes = [{ name: 'cache', emptyDir: {} }];
  expect(predictor({ predictorOverrides: { volumes } }).volumes.map(({ name }: Rendered) => name)).toEqual([
    'tmp',
    'cache',
  ]);
});

test('annotations are added to ours, by which events say whose they are', () => {
  const annotations = { 'sidecar.istio.io/inject': 'false', 'cdk8s-mlops.dev/role': 'candidate' };
  expect(predictor({ predictorOverrides: { annotations } }).annotations).toEqual({
    'sidecar.istio.io/inject': 'false',
    'cdk8s-mlops.dev/role': 'stable',
  });
});

test('a chart of the user cannot take the place of the bootstrap chart', () => {
  const chart = newChart();
  const app = chart.node.root as App;
  const taken = new Chart(app, 'bootstrap');
  expect(problemsOf(() => serve(taken))[0]).toMatch(/give this chart another one/);
});

test('an app without bootstrap writes no folder for it', () => {
  const chart = newChart();
  newPlatform(chart);
  expect((chart.node.root as App).charts).toEqual([chart]);
});
