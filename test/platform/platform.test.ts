import { Chart, Testing } from 'cdk8s';
import {
  ContainerImages,
  GpuDevicePlugin,
  MigStrategy,
  Mlflow,
  MlflowDatabaseConnection,
  MlModelPlatform,
  type MlModelPlatformProps,
  Monitoring,
  Pushgateway,
  SecretReference,
  StorageInitializer,
} from 'cdk8s-mlops';
import {
  find,
  identities,
  IMAGES,
  newChart,
  newModel,
  newPlatform,
  problemsOf,
  rendered,
  type Rendered,
} from '../support/synth';

function synth(props: Partial<MlModelPlatformProps> = {}): Rendered[] {
  const chart = newChart();
  newPlatform(chart, props);
  return rendered(chart);
}

const DATABASE = MlflowDatabaseConnection.uri(SecretReference.of('mlflow-database', 'uri'));
const POSTGRES = Mlflow.postgres({ database: DATABASE, artifactsDestination: 's3://acme/mlflow' });

test('renders what a namespace needs once', () => {
  expect(identities(synth())).toEqual([
    'Namespace ml',
    'ServiceAccount mlflow',
    'PersistentVolumeClaim mlflow',
    'Deployment mlflow',
    'Service mlflow',
    'ServiceMonitor mlflow',
    'Deployment pushgateway',
    'Service pushgateway',
    'ServiceMonitor pushgateway',
    'ServiceAccount workflow-executor',
    'Role workflow-executor',
    'RoleBinding workflow-executor',
    'NetworkPolicy default-deny',
    'NetworkPolicy allow-dns',
    'NetworkPolicy mlflow',
    'NetworkPolicy pushgateway',
    'NetworkPolicy training',
  ]);
});

test('takes what exists instead of rendering it', () => {
  const chart = newChart();
  const platform = newPlatform(chart, {
    createNamespace: false,
    mlflow: Mlflow.existing('http://mlflow.shared.svc:80', {
      token: SecretReference.of('mlflow', 'token'),
      podPort: 5000,
    }),
    pushgateway: Pushgateway.existing('https://push.acme.example'),
    gpu: GpuDevicePlugin.providedByNodes(),
  });
  const objects = rendered(chart);
  expect(identities(objects)).toEqual([
    'ServiceAccount workflow-executor',
    'Role workflow-executor',
    'RoleBinding workflow-executor',
    'NetworkPolicy default-deny',
    'NetworkPolicy allow-dns',
    'NetworkPolicy training',
  ]);
  expect(platform.mlflowTrackingUri).toBe('http://mlflow.shared.svc:80');
  expect(platform.mlflowToken?.name).toBe('mlflow');
  expect(platform.pushgatewayUrl).toBe('https://push.acme.example');
  const [toMlflow, toPushgateway] = find(objects, 'NetworkPolicy', 'training').spec.egress;
  expect(toMlflow).toEqual({
    to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shared' } } }],
    ports: [{ port: 5000, protocol: 'TCP' }],
  });
  expect(toPushgateway).toEqual({
    to: [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }],
    ports: [{ port: 443, protocol: 'TCP' }],
  });
});

describe('namespace', () => {
  test('enforces the Pod Security profile "restricted"', () => {
    expect(find(synth(), 'Namespace', 'ml').metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/audit': 'restricted',
      'pod-security.kubernetes.io/warn': 'restricted',
    });
  });

  test('every pod but the GPU plugin meets it', () => {
    const pods = synth({ gpu: GpuDevicePlugin.daemonSet() }).filter(({ kind }) => kind === 'Deployment');
    expect(pods).toHaveLength(2);
    for (const { spec } of pods) {
      const { securityContext, initContainers = [], containers, volumes } = spec.template.spec;
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      for (const container of [...initContainers, ...containers]) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          readOnlyRootFilesystem: true,
        });
      }
      for (const volume of volumes) expect(volume).not.toHaveProperty('hostPath');
      expect(spec.template.spec.automountServiceAccountToken).toBe(false);
    }
  });
});

describe('MLflow', () => {
  const server = (mlflow: Mlflow): Rendered => find(synth({ mlflow }), 'Deployment', 'mlflow').spec.template.spec;
  const argument = (container: Rendered, option: string): string =>
    container.command[container.command.indexOf(option) + 1];

  test('on PostgreSQL takes the database from a secret and migrates it first', () => {
    const { initContainers, containers, volumes } = server(POSTGRES);
    const variable = {
      name: 'MLFLOW_BACKEND_STORE_URI',
      valueFrom: { secretKeyRef: { name: 'mlflow-database', key: 'uri' } },
    };
    expect(initContainers[0].command).toEqual(['mlflow', 'db', 'upgrade', '$(MLFLOW_BACKEND_STORE_URI)']);
    expect(initContainers[0].env).toContainEqual(variable);
    expect(containers[0].env).toContainEqual(variable);
    expect(argument(containers[0], '--artifacts-destination')).toBe('s3://acme/mlflow');
    expect(volumes.map(({ name }: Rendered) => name)).toEqual(['tmp']);
    expect(identities(synth({ mlflow: POSTGRES }))).not.toContain('PersistentVolumeClaim mlflow');
  });

  test('on SQLite keeps database and artifacts on a volume', () => {
    const mlflow = Mlflow.sqlite({ volumeSize: '50Gi', storageClassName: 'gp3' });
    const { containers, volumes } = server(mlflow);
    expect(containers[0].env).toContainEqual({
      name: 'MLFLOW_BACKEND_STORE_URI',
      value: 'sqlite:////mlflow/mlflow.db',
    });
    expect(argument(containers[0], '--artifacts-destination')).toBe('/mlflow/artifacts');
    expect(volumes).toContainEqual({ name: 'data', persistentVolumeClaim: { claimName: 'mlflow' } });
    expect(find(synth({ mlflow }), 'PersistentVolumeClaim', 'mlflow').spec).toEqual({
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'gp3',
      resources: { requests: { storage: '50Gi' } },
    });
  });

  test('on SQLite can keep artifacts in an object store', () => {
    const { containers } = server(Mlflow.sqlite({ artifactsDestination: 's3://acme/mlflow' }));
    expect(argument(containers[0], '--artifacts-destination')).toBe('s3://acme/mlflow');
  });

  test('allows every name, port and pod address that it is reached by', () => {
    const { containers } = server(Mlflow.sqlite({ allowedHosts: ['mlflow.acme.example', 'mlflow.acme.example:8443'] }));
    const hosts = argument(containers[0], '--allowed-hosts').split(',');
    expect(hosts).toEqual(
      expect.arrayContaining([
        ...['mlflow', 'mlflow:*', 'mlflow.ml', 'mlflow.ml:*', 'mlflow.ml.svc', 'mlflow.ml.svc:*'],
        ...['mlflow.ml.svc.cluster.local', 'mlflow.ml.svc.cluster.local:*', 'localhost', 'localhost:*'],
        ...['10.*', '192.168.*', '172.16.*', '172.31.*', 'mlflow.acme.example', 'mlflow.acme.example:8443'],
      ]),
    );
    expect(hosts).not.toContain('*');
  });

  test('every option reaches the pod', () => {
    const options = {
      image: 'registry.example/mlflow:3.15.2-acme',
      workers: 4,
      serviceAccountAnnotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/mlflow' },
    };
    const objects = synth({
      mlflow: Mlflow.postgres({ database: DATABASE, artifactsDestination: 's3://acme/mlflow', ...options }),
    });
    const { initContainers, containers } = find(objects, 'Deployment', 'mlflow').spec.template.spec;
    expect([initContainers[0].image, containers[0].image]).toEqual([options.image, options.image]);
    expect(argument(containers[0], '--workers')).toBe('4');
    expect(find(objects, 'ServiceAccount', 'mlflow').metadata.annotations).toEqual(options.serviceAccountAnnotations);
  });

  test('one replica, replaced and never doubled', () => {
    const { replicas, strategy } = find(synth(), 'Deployment', 'mlflow').spec;
    expect({ replicas, strategy }).toEqual({ replicas: 1, strategy: { type: 'Recreate' } });
  });

  test('the default image is pinned to a variant that has the drivers', () => {
    expect(server(POSTGRES).containers[0].image).toMatch(/^ghcr\.io\/mlflow\/mlflow:v\d+\.\d+\.\d+-full$/);
  });

  test('bad options are all reported', () => {
    expect(
      problemsOf(() =>
        Mlflow.postgres({
          database: DATABASE,
          artifactsDestination: 'acme/mlflow',
          image: 'mlflow:latest',
          workers: 0,
          allowedHosts: ['https://mlflow.acme.example'],
        }),
      ),
    ).toEqual([
      expect.stringContaining("'artifactsDestination' ('acme/mlflow')"),
      expect.stringContaining("'image' ('mlflow:latest')"),
      expect.stringContaining("'workers' (0)"),
      expect.stringContaining("'allowedHosts[0]' ('https://mlflow.acme.example')"),
    ]);
    expect(problemsOf(() => Mlflow.sqlite({ volumeSize: '10Gi', artifactsDestination: 's3://x/' }))).toHaveLength(1);
    expect(problemsOf(() => Mlflow.sqlite({ storageClassName: 'Bad Class' }))[0]).toMatch(/'storageClassName'/);
    expect(problemsOf(() => Mlflow.sqlite({ volumeSize: 'big' }))[0]).toContain("'volumeSize' ('big')");
    expect(problemsOf(() => Mlflow.existing('mlflow', { podPort: 0 }))).toHaveLength(2);
  });
});

describe('Pushgateway', () => {
  test('keeps what was pushed on a volume, where it has one', () => {
    const volumes = (pushgateway?: Pushgateway): Rendered[] => {
      const chart = newChart();
      newPlatform(chart, { pushgateway });
      return rendered(chart).filter(({ metadata }) => metadata.name === 'pushgateway');
    };
    const spec = (objects: Rendered[]): Rendered => find(objects, 'Deployment', 'pushgateway').spec.template.spec;
    const kept = volumes(Pushgateway.managed({ volumeSize: '1Gi', storageClassName: 'gp3' }));
    expect(find(kept, 'PersistentVolumeClaim', 'pushgateway').spec).toEqual({
      ...{ accessModes: ['ReadWriteOnce'], storageClassName: 'gp3', resources: { requests: { storage: '1Gi' } } },
    });
    expect(spec(kept).volumes).toEqual([{ name: 'data', persistentVolumeClaim: { claimName: 'pushgateway' } }]);
    // The volume is for the user that the pod runs as.
    expect(spec(kept).securityContext.fsGroup).toBe(spec(kept).securityContext.runAsUser);
    expect(identities(volumes())).not.toContain('PersistentVolumeClaim pushgateway');
    expect(spec(volumes()).volumes).toEqual([{ name: 'data', emptyDir: { sizeLimit: '256Mi' } }]);
  });

  test('a volume without a size, and sizes and classes that are none, are refused', () => {
    expect(problemsOf(() => Pushgateway.managed({ storageClassName: 'GP3' }))).toEqual([
      expect.stringContaining("'storageClassName' ('GP3') must be"),
      "'storageClassName' ('GP3') has no effect without a volume: give 'volumeSize'",
    ]);
    expect(problemsOf(() => Pushgateway.managed({ volumeSize: 'much' }))).toEqual([
      expect.stringContaining("'volumeSize' ('much')"),
    ]);
  });

  test("keeps the labels of the pushing job, and drops the Pushgateway's own", () => {
    const { spec, metadata } = find(synth(), 'ServiceMonitor', 'pushgateway');
    expect(spec.endpoints).toEqual([
      {
        port: 'http',
        honorLabels: true,
        relabelings: [{ action: 'labeldrop', regex: 'pod|service|container|endpoint' }],
      },
    ]);
    expect(metadata.labels.release).toBe('kube-prometheus-stack');
  });

  test('takes another image and refuses one that is not pinned', () => {
    const objects = synth({ pushgateway: Pushgateway.managed({ image: 'registry.example/pushgateway:1' }) });
    const { containers } = find(objects, 'Deployment', 'pushgateway').spec.template.spec;
    expect(containers[0].image).toBe('registry.example/pushgateway:1');
    expect(problemsOf(() => Pushgateway.managed({ image: 'pushgateway' }))[0]).toMatch(/pinned/);
    expect(problemsOf(() => Pushgateway.existing('push', { podPort: -1 }))).toHaveLength(2);
  });
});

describe('GPU device plugin', () => {
  const plugin = (gpu: GpuDevicePlugin, namespace = 'kube-system'): Rendered => {
    const objects = synth({ gpu });
    const daemonSet = find(objects, 'DaemonSet', 'nvidia-device-plugin');
    expect(daemonSet.metadata.namespace).toBe(namespace);
    return {
      ...daemonSet.spec.template,
      config: find(objects, 'ConfigMap', 'nvidia-device-plugin').data['config.yaml'],
    };
  };

  test('runs on GPU nodes only, whatever their taints, and needs no privilege', () => {
    const { spec, config } = plugin(GpuDevicePlugin.daemonSet());
    expect(spec.containers[0].image).toBe('nvcr.io/nvidia/k8s-device-plugin:v0.20.0');
    expect(spec.tolerations).toEqual([{ operator: 'Exists' }]);
    const terms = spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms;
    expect(terms[0].matchExpressions).toEqual([{ key: 'nvidia.com/gpu.present', operator: 'In', values: ['true'] }]);
    expect(spec.containers[0].securityContext).toMatchObject({ allowPrivilegeEscalation: false });
    expect(config).toBe('version: v1\nflags:\n  migStrategy: none\n');
  });

  test('time slicing', () => {
    const { config } = plugin(GpuDevicePlugin.daemonSet({ timeSlicingReplicas: 4 }));
    expect(config).toContain('timeSlicing:\n    resources:\n      - name: nvidia.com/gpu\n        replicas: 4\n');
  });

  test('MIG takes the one capability that watching its devices needs', () => {
    const { spec, config } = plugin(GpuDevicePlugin.daemonSet({ mig: MigStrategy.MIXED }));
    expect(config).toContain('migStrategy: mixed');
    expect(spec.containers[0].securityContext).toEqual({ capabilities: { add: ['SYS_ADMIN'] } });
    expect(spec.containers[0].env).toContainEqual({ name: 'NVIDIA_MIG_MONITOR_DEVICES', value: 'all' });
  });

  test('a change of the configuration makes new pods', () => {
    const hash = (gpu: GpuDevicePlugin): string => plugin(gpu).metadata.annotations['cdk8s-mlops.dev/config-hash'];
    expect(hash(GpuDevicePlugin.daemonSet({ timeSlicingReplicas: 2 }))).not.toBe(hash(GpuDevicePlugin.daemonSet()));
  });

  test('another image and namespace', () => {
    const image = 'registry.example/device-plugin:1';
    const { spec } = plugin(GpuDevicePlugin.daemonSet({ image, namespace: 'gpu' }), 'gpu');
    expect(spec.containers[0].image).toBe(image);
  });

  test('bad options', () => {
    const options = { image: 'x:latest', timeSlicingReplicas: 1 };
    expect(problemsOf(() => GpuDevicePlugin.daemonSet(options))).toHaveLength(2);
  });
});

describe('workflow executor', () => {
  test('may write task results and nothing else', () => {
    expect(find(synth(), 'Role', 'workflow-executor').rules).toEqual([
      { apiGroups: ['argoproj.io'], resources: ['workflowtaskresults'], verbs: ['create', 'patch'] },
    ]);
  });
});

describe('network', () => {
  const policy = (name: string, props: Partial<MlModelPlatformProps> = {}): Rendered =>
    find(synth({ mlflow: POSTGRES, ...props }), 'NetworkPolicy', name).spec;
  const component = (value: string): Rendered => ({
    podSelector: { matchLabels: { 'app.kubernetes.io/component': value } },
  });

  test('denies everything in both directions', () => {
    expect(policy('default-deny')).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      ingress: [],
      egress: [],
    });
  });

  test('lets every pod look up names, over UDP and TCP', () => {
    const { policyTypes, egress } = policy('allow-dns');
    expect(policyTypes).toEqual(['Egress']);
    expect(egress[0].ports).toEqual([
      { port: 53, protocol: 'UDP' },
      { port: 53, protocol: 'TCP' },
    ]);
  });

  test("lets MLflow's callers and Prometheus in, and MLflow out to database, object store and identity", () => {
    const { ingress, egress } = policy('mlflow');
    expect(ingress[0].from).toContainEqual(component('training'));
    expect(ingress[1].from).toEqual([
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
    ]);
    expect(egress.map(({ ports }: Rendered) => ports.map(({ port }: Rendered) => port))).toEqual([[5432], [443], [80]]);
  });

  test('opens no database for SQLite', () => {
    const { egress } = policy('mlflow', { mlflow: Mlflow.sqlite() });
    expect(egress.map(({ ports }: Rendered) => ports[0].port)).toEqual([443, 80]);
  });

  test('lets training out to MLflow, Pushgateway, API server, object store and identity', () => {
    const { ingress, egress } = policy('training');
    expect(ingress).toEqual([]);
    expect(egress[0]).toEqual({ to: [component('experiment-tracking')], ports: [{ port: 5000, protocol: 'TCP' }] });
    expect(egress[1]).toEqual({ to: [component('metrics-push')], ports: [{ port: 9091, protocol: 'TCP' }] });
    expect(egress[2].ports.map(({ port }: Rendered) => port)).toEqual([443, 6443]);
    expect(egress[4].to[0]).toEqual({ ipBlock: { cidr: '169.254.170.23/32' } });
  });

  test('keeps to the addresses that are given', () => {
    const network = {
      databaseCidrs: ['10.1.0.0/16'],
      objectStoreCidrs: ['10.2.0.0/16'],
      apiServerCidrs: ['10.3.0.1/32'],
      apiServerPorts: [8443],
    };
    const blocks = (rule: Rendered): string[] => rule.to.map(({ ipBlock }: Rendered) => ipBlock.cidr);
    const mlflow = policy('mlflow', { network }).egress;
    const training = policy('training', { network }).egress;
    expect([blocks(mlflow[0]), blocks(mlflow[1])]).toEqual([['10.1.0.0/16'], ['10.2.0.0/16']]);
    expect([blocks(training[2]), training[2].ports]).toEqual([['10.3.0.1/32'], [{ port: 8443, protocol: 'TCP' }]]);
  });
});

describe('limits', () => {
  test('quota', () => {
    const quota = { cpu: '100', memory: '400Gi', gpus: 0, storage: '1Ti' };
    expect(find(synth({ quota }), 'ResourceQuota', 'mlops').spec.hard).toEqual({
      'requests.cpu': '100',
      'requests.memory': '400Gi',
      'requests.nvidia.com/gpu': '0',
      'requests.storage': '1Ti',
    });
  });

  test('defaults of containers', () => {
    const containerDefaults = {
      cpu: '100m',
      cpuLimit: '1',
      memory: '128Mi',
      memoryLimit: '1Gi',
      ephemeralStorage: '1Gi',
    };
    expect(find(synth({ containerDefaults }), 'LimitRange', 'mlops').spec.limits).toEqual([
      {
        type: 'Container',
        defaultRequest: { cpu: '100m', memory: '128Mi', 'ephemeral-storage': '1Gi' },
        default: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' },
      },
    ]);
  });
});

describe('monitoring', () => {
  test.each([
    [{}, 'http://kube-prometheus-stack-prometheus.monitoring.svc:9090', 'kube-prometheus-stack'],
    [{ release: 'monitoring' }, 'http://monitoring-kube-prometheus-prometheus.monitoring.svc:9090', 'monitoring'],
    [{ release: 'p', namespace: 'obs' }, 'http://p-kube-prometheus-stack-prometheus.obs.svc:9090', 'p'],
    [{ prometheusUrl: 'https://prom.acme.example' }, 'https://prom.acme.example', 'kube-prometheus-stack'],
  ])('%j finds Prometheus and is selected by it', (options, url, release) => {
    const monitoring = Monitoring.kubePrometheusStack(options);
    expect(monitoring.prometheusUrl).toBe(url);
    expect(monitoring.selectionLabels).toEqual({ release });
  });

  test('bad options', () => {
    const options = { namespace: 'Obs', release: 'x_y', prometheusUrl: 'prom' };
    expect(problemsOf(() => Monitoring.kubePrometheusStack(options))).toHaveLength(3);
  });
});

describe('images of the loop', () => {
  test('from one registry and tag', () => {
    expect(IMAGES).toMatchObject({
      driftChecker: 'registry.example/mlops/drift-checker:1.2.3',
      gateEvaluator: 'registry.example/mlops/gate-evaluator:1.2.3',
    });
  });

  test('each by digest', () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const references = { driftChecker: `r.example/d@${digest}`, gateEvaluator: `r.example/g@${digest}` };
    expect(ContainerImages.fromReferences(references)).toMatchObject(references);
  });

  test('must be pinned', () => {
    expect(problemsOf(() => ContainerImages.fromRegistry('registry.example', { tag: 'latest' }))).toHaveLength(2);
  });
});

describe('models', () => {
  test('have one ConfigMap however often they are added', () => {
    const chart = newChart();
    const platform = newPlatform(chart);
    const model = newModel();
    expect([platform.addModel(model), platform.addModel(newModel())]).toEqual(['churn-schema', 'churn-schema']);
    const { data } = find(rendered(chart), 'ConfigMap', 'churn-schema');
    expect(data).toEqual({ 'schema.json': model.toSchemaJson() });
  });

  test('of one name must be the same', () => {
    const platform = newPlatform(newChart());
    platform.addModel(newModel());
    const problems = problemsOf(() => platform.addModel(newModel({ objectives: { minRecall: 0.5 } })));
    expect(problems).toEqual(["two different models are named 'churn': pass the same Model object to every construct"]);
  });
});

describe('bad input', () => {
  test('every problem is reported at once, with the path of the construct', () => {
    const build = (): MlModelPlatform =>
      newPlatform(new Chart(Testing.app(), 'acme'), {
        namespace: 'ML',
        modelStore: 'models',
        predictionStore: 'predictions',
        network: { databaseCidrs: ['10.0.0.1'], objectStoreCidrs: [], apiServerPorts: [0] },
        quota: { cpu: 'many', memory: '1GB', gpus: 1.5, storage: '0' },
        containerDefaults: { cpu: '2', cpuLimit: '1', memory: '2Gi', memoryLimit: '1Gi', ephemeralStorage: 'x' },
      });
    expect(build).toThrow("MlModelPlatform 'acme/platform' has 13 problems:");
    expect(problemsOf(build)).toEqual([
      expect.stringContaining("'namespace' ('ML')"),
      expect.stringContaining("'modelStore' ('models')"),
      expect.stringContaining("'predictionStore' ('predictions')"),
      expect.stringContaining("'network.databaseCidrs[0]' ('10.0.0.1')"),
      expect.stringContaining("'network.objectStoreCidrs' ([]) must not be empty"),
      expect.stringContaining("'network.apiServerPorts[0]' (0)"),
      expect.stringContaining("'quota.cpu' ('many')"),
      expect.stringContaining("'quota.memory' ('1GB')"),
      expect.stringContaining("'quota.storage' ('0') must be more than 0"),
      expect.stringContaining("'quota.gpus' (1.5)"),
      expect.stringContaining("'containerDefaults.ephemeralStorage' ('x')"),
      "'containerDefaults.cpuLimit' ('1') must not be below the reserved cpu (2)",
      "'containerDefaults.memoryLimit' ('1Gi') must not be below the reserved memory (2Gi)",
    ]);
  });

  test('two platforms that would render the same objects', () => {
    const chart = newChart();
    const whole = { gpu: GpuDevicePlugin.daemonSet(), storageInitializer: StorageInitializer.restricted() };
    newPlatform(chart, whole);
    const second = (props: Partial<MlModelPlatformProps>): MlModelPlatform =>
      new MlModelPlatform(chart, 'second', { namespace: 'ml', images: IMAGES, mlflow: Mlflow.sqlite(), ...props });
    expect(problemsOf(() => second(whole))).toHaveLength(3);
    const chart2 = newChart();
    newPlatform(chart2, whole);
    const other = { namespace: 'other', images: IMAGES, mlflow: Mlflow.sqlite() };
    expect(() => new MlModelPlatform(chart2, 'second', other)).not.toThrow();
  });

  test('models whose objects would share a name', () => {
    const platform = newPlatform(newChart());
    for (const name of ['mlflow', 'mlflow-database', 'pushgateway', 'training', 'workflow-executor']) {
      expect(problemsOf(() => platform.addModel(newModel({ name })))[0]).toContain(`cannot be named '${name}'`);
    }
    platform.addModel(newModel());
    expect(problemsOf(() => platform.addModel(newModel({ name: 'churn-training' })))[0]).toMatch(
      /'churn' and 'churn-training'/,
    );
    expect(() => platform.addModel(newModel({ name: 'churn-eu' }))).not.toThrow();
    platform.addModel(newModel({ name: 'fraud-loop' }));
    expect(problemsOf(() => platform.addModel(newModel({ name: 'fraud' })))[0]).toMatch(/'fraud' and 'fraud-loop'/);
  });

  test('a password in an address is refused and not repeated', () => {
    const [problem] = problemsOf(() => Mlflow.existing('http://u:hunter2@mlflow.x.svc:5000'));
    expect(problem).toMatch(/must not carry credentials/);
    expect(problem).not.toContain('hunter2');
  });

  test('a public tracking server is not taken for a namespace', () => {
    const { egress } = find(
      synth({ mlflow: Mlflow.existing('https://dagshub.com/me/repo.mlflow') }),
      'NetworkPolicy',
      'training',
    ).spec;
    expect(egress[0].to).toEqual([{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }]);
  });

  test('a quota that limits nothing', () => {
    expect(problemsOf(() => synth({ quota: {} }))[0]).toMatch(/limits nothing/);
    expect(problemsOf(() => synth({ containerDefaults: {} }))[0]).toMatch(/says nothing/);
  });

  test('secret references that Kubernetes would refuse', () => {
    expect(problemsOf(() => SecretReference.of('My Secret', 'a key'))).toHaveLength(2);
  });
});
