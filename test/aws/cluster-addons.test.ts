import {
  Dashboards,
  GpuDevicePlugin,
  GpuNodeImage,
  Monitoring,
  NodePool,
  Pushgateway,
  StorageInitializer,
} from 'cdk8s-mlops';
import { Addon, IdentityProvider, NodeScaling } from 'cdk8s-mlops/aws';
import { DEFAULT_DEVICE_PLUGIN_IMAGE } from '../../lib/platform/gpu-device-plugin';
import { GPU_PRESENT_LABEL } from '../../lib/platform/node-pool';
import { DEFAULT_STORAGE_INITIALIZER_IMAGE } from '../../lib/platform/storage-initializer';
import { ServingRuntime } from '../../lib/serving/serving-runtime';
import { committedDashboards, expressionsOf } from '../support/dashboards';
import { find, newChart, newPlatform, problemsOf, rendered, type Rendered } from '../support/synth';
import { CHART_VALUES } from './chart-values';
import { addons, CLUSTER, everything, KEY, NODE_ROLE, pathsOf, SECRET, valuesOf } from './cluster-addons-support';

const PUSHGATEWAY_URL = 'http://prometheus-pushgateway.monitoring.svc:9091';
const withPushgateway = {
  pushgateway: Addon.install(),
  manifests: { pushgateway: Pushgateway.existing(PUSHGATEWAY_URL) },
};

describe('releases', () => {
  const ARGO = 'https://argoproj.github.io/argo-helm';
  const PROMETHEUS = 'oci://ghcr.io/prometheus-community/charts';
  const KSERVE = 'oci://ghcr.io/kserve/charts';
  const KARPENTER = 'oci://public.ecr.aws/karpenter';
  const { releases, construct } = everything('karpenter', withPushgateway);

  test.each([
    ['cert-manager', 'oci://quay.io/jetstack/charts', 'cert-manager', 'v1.21.1', 'cert-manager'],
    ['envoy-gateway', 'oci://docker.io/envoyproxy', 'gateway-helm', 'v1.9.0', 'envoy-gateway-system'],
    ['kserve-crd', KSERVE, 'kserve-crd', 'v0.20.0', 'kserve'],
    ['kserve', KSERVE, 'kserve-resources', 'v0.20.0', 'kserve'],
    ['kserve-runtime-configs', KSERVE, 'kserve-runtime-configs', 'v0.20.0', 'kserve'],
    ['argo-workflows', ARGO, 'argo-workflows', '1.0.23', 'argo'],
    ['argo-rollouts', ARGO, 'argo-rollouts', '2.41.1', 'argo-rollouts'],
    ['argo-events', ARGO, 'argo-events', '2.4.22', 'argo-events'],
    ['kube-prometheus-stack', PROMETHEUS, 'kube-prometheus-stack', '88.5.3', 'monitoring'],
    ['prometheus-pushgateway', PROMETHEUS, 'prometheus-pushgateway', '3.8.0', 'monitoring'],
    [
      'nvidia-device-plugin',
      'https://nvidia.github.io/k8s-device-plugin',
      'nvidia-device-plugin',
      '0.20.0',
      'kube-system',
    ],
    ['dcgm-exporter', 'https://nvidia.github.io/dcgm-exporter/helm-charts', 'dcgm-exporter', '4.8.3', 'dcgm-exporter'],
    ['external-secrets', 'https://charts.external-secrets.io', 'external-secrets', '2.9.0', 'external-secrets'],
    ['keda', 'https://kedacore.github.io/charts', 'keda', '2.20.2', 'keda'],
    ['metrics-server', 'https://kubernetes-sigs.github.io/metrics-server', 'metrics-server', '3.13.1', 'kube-system'],
    ['karpenter-crd', KARPENTER, 'karpenter-crd', '1.15.1', 'kube-system'],
    ['karpenter', KARPENTER, 'karpenter', '1.15.1', 'kube-system'],
  ])('%s comes from %s', (name, repository, chart, version, namespace) => {
    expect(releases[name]).toMatchObject({ name, repository, chart, version, namespace });
  });

  test('are all told of, and each waits until it is up or is taken back', () => {
    expect(Object.keys(releases).sort()).toEqual([...construct.releaseNames].sort());
    expect(construct.releaseNames).toHaveLength(17);
    for (const release of Object.values(releases)) {
      expect(release).toMatchObject({
        ...{ wait: true, atomic: true, cleanup_on_fail: true, create_namespace: true, timeout: 900, max_history: 5 },
      });
    }
  });

  test('the cluster autoscaler is that of the newest cluster, and its chart is pinned', () => {
    expect(addons().releases['cluster-autoscaler']).toMatchObject({
      ...{ repository: 'https://kubernetes.github.io/autoscaler', chart: 'cluster-autoscaler', version: '9.59.0' },
      namespace: 'kube-system',
    });
  });

  test('have ids that do not change when others are left out', () => {
    const all = addons().resources.helm_release;
    const few = addons({ argoEvents: Addon.leftOut(), dcgmExporter: Addon.provided() }).resources.helm_release;
    expect(Object.keys(few).filter((id) => !(id in all))).toEqual([]);
    expect(Object.keys(all)).toHaveLength(Object.keys(few).length + 2);
  });
});

describe('every value', () => {
  test.each(['karpenter', 'clusterAutoscaler'] as const)('was looked up in its chart, with %s', (scaling) => {
    const storage = { monitoringStorage: { storageClassName: 'gp3' }, kserveGateway: 'model-gateway/models' };
    const oidc = 'oidc.eks.eu-central-1.amazonaws.com/id/ABC';
    const identityProvider = IdentityProvider.irsa({
      ...{ oidcIssuer: oidc, oidcProviderArn: `arn:aws:iam::123456789012:oidc-provider/${oidc}` },
    });
    const { releases } = everything(scaling, { ...withPushgateway, ...storage, identityProvider });
    for (const { chart, values } of Object.values(releases)) {
      const known = CHART_VALUES[chart]?.paths ?? [];
      const unknown = pathsOf(values).filter(
        (path) =>
          path !== '' &&
          !known.some((each) => each === path || (each.endsWith('.*') && path.startsWith(each.slice(0, -1)))),
      );
      expect([chart, unknown]).toEqual([chart, []]);
    }
  });
});

describe('order', () => {
  /** Names of the releases that a release depends on. */
  function graph({ resources }: { readonly resources: Rendered }): Map<string, string[]> {
    const byId = new Map<string, string>();
    for (const [id, { name }] of Object.entries<Rendered>(resources.helm_release)) byId.set(`helm_release.${id}`, name);
    return new Map(
      Object.values<Rendered>(resources.helm_release).map(({ name, depends_on: dependsOn = [] }) => [
        name,
        dependsOn.flatMap((id: string) => byId.get(id) ?? []),
      ]),
    );
  }

  const every = () => [
    ...[addons(), everything('karpenter', withPushgateway), everything('clusterAutoscaler', withPushgateway)],
    addons({
      kubePrometheusStack: Addon.provided(),
      certManager: Addon.provided(),
      nodeScaling: NodeScaling.leftOut(),
    }),
  ];

  test('has no cycle: each release can be installed after those that it depends on', () => {
    for (const each of every()) {
      const edges = graph(each);
      const done = new Set<string>();
      while (done.size < edges.size) {
        const ready = [...edges].filter(([name, needs]) => !done.has(name) && needs.every((need) => done.has(need)));
        expect(ready).not.toEqual([]);
        for (const [name] of ready) done.add(name);
      }
      // The names are told in such an order, too.
      const names = each.construct.releaseNames;
      for (const [name, needs] of edges) {
        for (const need of needs) expect(names.indexOf(need)).toBeLessThan(names.indexOf(name));
      }
    }
  });

  test('everything comes after what may have to add nodes for it', () => {
    const edges = graph(everything('karpenter', withPushgateway));
    for (const [name, needs] of edges) {
      if (!name.startsWith('karpenter')) expect([name, needs]).toEqual([name, expect.arrayContaining(['karpenter'])]);
    }
  });

  test.each([
    ['kserve', 'kserve-crd'],
    ['kserve', 'cert-manager'],
    ['kserve', 'envoy-gateway'],
    ['kserve', 'keda'],
    ['kserve-runtime-configs', 'kserve'],
    ['karpenter', 'karpenter-crd'],
    ['argo-rollouts', 'envoy-gateway'],
  ])('%s comes after %s', (release, before) => {
    expect(graph(everything('karpenter')).get(release)).toContain(before);
  });

  test('whatever has a monitor comes after the operator that brings its kind', () => {
    const all = everything('karpenter', withPushgateway);
    const edges = graph(all);
    const monitored = Object.values(all.releases).filter(({ values }) => /monitor/i.test(JSON.stringify(values)));
    expect(monitored.map(({ name }) => name).sort()).toEqual([
      ...[
        'argo-events',
        'argo-rollouts',
        'argo-workflows',
        'cert-manager',
        'dcgm-exporter',
        'external-secrets',
        'keda',
      ],
      ...['kube-prometheus-stack', 'prometheus-pushgateway'],
    ]);
    for (const { name } of monitored) {
      if (name !== 'kube-prometheus-stack') expect(edges.get(name)).toContain('kube-prometheus-stack');
    }
  });

  test('what is given comes before all of them', () => {
    const first = addons().resources.helm_release;
    expect(JSON.stringify(first)).not.toContain('aws_eks_addon.csi');
    const dependsOn = [{ fqn: 'aws_eks_addon.csi' }];
    for (const release of Object.values<Rendered>(addons({ dependsOn }).resources.helm_release)) {
      expect(release.depends_on).toContain('aws_eks_addon.csi');
    }
  });
});

describe('what the manifests rely on', () => {
  const chart = newChart();
  const monitoring = Monitoring.kubePrometheusStack({ namespace: 'watch', release: 'prom' });
  const platform = newPlatform(chart, { monitoring, gpu: GpuDevicePlugin.daemonSet() });
  new Dashboards(chart, 'dashboards', { platform });
  const objects = rendered(chart);

  test('Prometheus selects by the label that monitors and rules have, in the namespace that may scrape', () => {
    const { releases } = addons({ manifests: { monitoring } });
    const { labels } = find(objects, 'ServiceMonitor', 'pushgateway').metadata;
    expect(releases.prom).toMatchObject({ name: labels.release, namespace: platform.monitoring.namespace });
    expect(releases.prom.values.prometheus.prometheusSpec).toMatchObject({
      ...{ ruleSelectorNilUsesHelmValues: true, serviceMonitorSelectorNilUsesHelmValues: true },
      ...{ podMonitorSelectorNilUsesHelmValues: true, ruleNamespaceSelector: {}, serviceMonitorNamespaceSelector: {} },
      ...{ podMonitorNamespaceSelector: {}, overrideHonorLabels: false },
    });
  });

  test('add-ons have that label on their own monitors', () => {
    const { releases } = everything('karpenter', { manifests: { monitoring } });
    const labels = { release: 'prom' };
    expect(releases['argo-workflows'].values.controller.serviceMonitor).toEqual({
      enabled: true,
      additionalLabels: labels,
    });
    expect(releases['argo-rollouts'].values.controller.metrics.serviceMonitor.additionalLabels).toEqual(labels);
    expect(releases['argo-events'].values.controller.metrics.serviceMonitor.additionalLabels).toEqual(labels);
    expect(releases['dcgm-exporter'].values.serviceMonitor).toEqual({ enabled: true, additionalLabels: labels });
    expect(releases['external-secrets'].values.serviceMonitor.additionalLabels).toEqual(labels);
    expect(releases.keda.values.prometheus.operator.serviceMonitor.additionalLabels).toEqual(labels);
    expect(releases['cert-manager'].values.prometheus.servicemonitor).toEqual({ enabled: true, labels });
  });

  test("Grafana's sidecar finds the dashboards and their folder", () => {
    const { labels, annotations } = find(objects, 'ConfigMap', 'dashboard-gpu').metadata;
    const { sidecar } = valuesOf('kube-prometheus-stack').grafana;
    const { label, labelValue, folderAnnotation, searchNamespace, provider } = sidecar.dashboards;
    expect(labels[label]).toBe(labelValue);
    expect(Object.keys(annotations)).toContain(folderAnnotation);
    expect([searchNamespace, provider.foldersFromFilesStructure]).toEqual(['ALL', true]);
  });

  test('a platform itself says what it was told', () => {
    const manifests = newPlatform(newChart(), {
      ...{ monitoring, gpu: GpuDevicePlugin.daemonSet(), storageInitializer: StorageInitializer.restricted() },
      pushgateway: Pushgateway.existing('http://prometheus-pushgateway.watch.svc:9091'),
    });
    const { releases, construct } = addons({ manifests, pushgateway: Addon.install() });
    expect(releases.prom).toMatchObject({ namespace: 'watch' });
    expect(releases['nvidia-device-plugin']).toBeUndefined();
    expect(releases.kserve.values.kserve.createSharedResources).toBe(false);
    expect(construct.pushgatewayUrl).toBe(manifests.pushgatewayUrl);
  });

  test('Prometheus keeps what dashboards look back at', () => {
    const days = Object.values(committedDashboards())
      .flatMap((dashboard) => expressionsOf(dashboard))
      .flatMap(({ expression }) => [...expression.matchAll(/\[(\d+)d\]/g)].map(([, found]) => Number(found)));
    const { retention } = valuesOf('kube-prometheus-stack').prometheus.prometheusSpec;
    expect(Math.max(...days)).toBeGreaterThan(0);
    expect(Number(retention.replace('d', ''))).toBeGreaterThanOrEqual(Math.max(...days));
  });

  test('Alertmanager takes the routing of all namespaces, for the alerts of each', () => {
    expect(valuesOf('kube-prometheus-stack').alertmanager.alertmanagerSpec).toEqual({
      ...{ alertmanagerConfigSelector: {}, alertmanagerConfigNamespaceSelector: {} },
      alertmanagerConfigMatcherStrategy: { type: 'OnNamespace' },
    });
  });

  test('what EKS lets nobody scrape raises no alerts, and nobody has a known password', () => {
    expect(valuesOf('kube-prometheus-stack')).toMatchObject({
      ...{ kubeControllerManager: { enabled: false }, kubeScheduler: { enabled: false }, kubeEtcd: { enabled: false } },
      ...{ kubeProxy: { enabled: false }, grafana: { adminPassword: null } },
    });
  });

  test('KServe is of the release whose storage initializer and runtimes are named, in the mode of the models', () => {
    const { releases } = addons();
    const tag = DEFAULT_STORAGE_INITIALIZER_IMAGE.split(':')[1];
    expect(
      [releases['kserve-crd'], releases.kserve, releases['kserve-runtime-configs']].map(({ version }) => version),
    ).toEqual([tag, tag, tag]);
    expect(releases.kserve.values.kserve.controller).toEqual({
      deploymentMode: 'Standard',
      gateway: { disableIngressCreation: true, disableIstioVirtualHost: true },
    });
    const { mlserver, enabled } = releases['kserve-runtime-configs'].values.kserve.servingruntime;
    expect([enabled, `docker.io/seldonio/mlserver:${mlserver.tag}`]).toEqual([
      true,
      ServingRuntime.mlflow()._spec.image,
    ]);
  });

  test.each([
    [StorageInitializer.restricted(), false],
    [StorageInitializer.alreadyRestricted(), true],
    [StorageInitializer.asShipped(), true],
    [undefined, true],
  ])('KServe leaves its storage container to whoever renders it (%#)', (storageInitializer, byChart) => {
    const { kserve } = valuesOf('kserve', { manifests: { storageInitializer } });
    expect(kserve.createSharedResources).toBe(byChart);
    const parts = [kserve.inferenceServiceConfig, kserve.certManager];
    expect(parts).toEqual(byChart ? [undefined, undefined] : [{ enabled: true }, { enabled: true }]);
  });

  test("KServe's own routes are on the Gateway that it is told of", () => {
    expect(valuesOf('kserve', { kserveGateway: 'model-gateway/models' }).kserve.controller.gateway).toEqual({
      ...{ disableIngressCreation: false, disableIstioVirtualHost: true },
      ingressGateway: { enableGatewayApi: true, createGateway: false, kserveGateway: 'model-gateway/models' },
    });
  });

  test('Argo Workflows leaves the containers of pods to the templates, and sees all namespaces', () => {
    expect(valuesOf('argo-workflows')).toMatchObject({
      ...{ executor: { securityContext: {} }, singleNamespace: false, server: { enabled: false } },
      ...{ crds: { install: true, keep: true, full: false }, workflow: { rbac: { create: false } } },
      controller: { instanceID: { enabled: false }, metricsConfig: { enabled: true, secure: false } },
    });
  });

  test('Argo Rollouts has its plugin from an image, may change routes, and does not run as root', () => {
    const { controller, providerRBAC } = valuesOf('argo-rollouts');
    const [copy] = controller.initContainers;
    const [plugin] = controller.trafficRouterPlugins;
    expect(plugin).toEqual({
      name: 'argoproj-labs/gatewayAPI',
      location: 'file:///plugins/rollouts-plugin-trafficrouter-gatewayapi',
    });
    expect(copy.image).toMatch(/^ghcr\.io\/argoproj-labs\/rollouts-plugin-trafficrouter-gatewayapi:v\d/);
    expect(`file://${copy.command[2]}${copy.command[1].split('/').pop()}`).toBe(plugin.location);
    expect(copy.securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
    expect(copy.volumeMounts).toEqual(controller.volumeMounts);
    expect(controller.volumes).toEqual([{ name: copy.volumeMounts[0].name, emptyDir: {} }]);
    expect(providerRBAC).toMatchObject({ enabled: true, providers: { gatewayAPI: true, istio: false } });
  });

  test('the DaemonSet of the add-on goes where that of the manifests goes, and is of its version', () => {
    const { spec } = find(objects, 'DaemonSet', 'nvidia-device-plugin').spec.template;
    const { releases } = addons();
    expect(releases['nvidia-device-plugin'].values.tolerations).toEqual(spec.tolerations);
    expect(`v${releases['nvidia-device-plugin'].version}`).toBe(DEFAULT_DEVICE_PLUGIN_IMAGE.split(':')[1]);
    expect(releases['nvidia-device-plugin'].namespace).toBe('kube-system');
  });

  test('GPUs are watched on nodes with the label of GPU nodes, and on those of Karpenter', () => {
    const { affinity, tolerations } = valuesOf('dcgm-exporter');
    const { nodeSelectorTerms } = affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    expect(
      nodeSelectorTerms.map(({ matchExpressions: [each] }: Rendered) => [each.key, each.operator, each.values]),
    ).toEqual([
      [GPU_PRESENT_LABEL, 'In', ['true']],
      ['karpenter.k8s.aws/instance-gpu-manufacturer', 'In', ['nvidia']],
    ]);
    expect(tolerations).toEqual([{ operator: 'Exists' }]);
  });

  test('a shared Pushgateway is scraped as those of the platforms are, and takes no token', () => {
    const { construct, releases } = addons(withPushgateway);
    const [endpoint] = find(objects, 'ServiceMonitor', 'pushgateway').spec.endpoints;
    const { values } = releases['prometheus-pushgateway'];
    expect(values.serviceMonitor).toEqual({
      ...{ enabled: true, additionalLabels: { release: 'kube-prometheus-stack' }, namespace: 'monitoring' },
      ...{ honorLabels: endpoint.honorLabels, relabelings: endpoint.relabelings },
    });
    expect(values).toMatchObject({
      ...{ replicaCount: 1, automountServiceAccountToken: false, service: { port: 9091, targetPort: 9091 } },
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containerSecurityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    });
    expect(construct.pushgatewayUrl).toBe(PUSHGATEWAY_URL);
  });

  test('volumes of Prometheus and Alertmanager are as asked, and leave room', () => {
    const { prometheus, alertmanager } = valuesOf('kube-prometheus-stack', {
      monitoringStorage: { storageClassName: 'gp3', prometheusGib: 100 },
    });
    const claim = (storage: string): object => ({
      volumeClaimTemplate: {
        spec: { storageClassName: 'gp3', accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
      },
    });
    expect(prometheus.prometheusSpec).toMatchObject({ storageSpec: claim('100Gi'), retentionSize: '90GiB' });
    expect(alertmanager.alertmanagerSpec.storage).toEqual(claim('2Gi'));
    const small = valuesOf('kube-prometheus-stack', { monitoringStorage: { storageClassName: 'gp3' } });
    expect(small.prometheus.prometheusSpec).toMatchObject({ storageSpec: claim('50Gi'), retentionSize: '45GiB' });
    const byDefault = valuesOf('kube-prometheus-stack', { monitoringStorage: {} }).prometheus.prometheusSpec
      .storageSpec;
    expect(Object.keys(byDefault.volumeClaimTemplate.spec)).toEqual(['accessModes', 'resources']);
    expect(valuesOf('kube-prometheus-stack').prometheus.prometheusSpec.storageSpec).toBeUndefined();
  });
});

describe('choices', () => {
  const installed = (props: Parameters<typeof addons>[0]): readonly string[] => addons(props).construct.releaseNames;

  test('by default everything is there that manifests may use', () => {
    const { construct } = addons();
    expect([...construct.releaseNames].sort()).toEqual([
      ...['argo-events', 'argo-rollouts', 'argo-workflows', 'cert-manager', 'cluster-autoscaler', 'dcgm-exporter'],
      ...[
        'envoy-gateway',
        'external-secrets',
        'kserve',
        'kserve-crd',
        'kserve-runtime-configs',
        'kube-prometheus-stack',
      ],
      'nvidia-device-plugin',
    ]);
    expect(construct.pushgatewayUrl).toBeUndefined();
  });

  test.each(['install', 'provided', 'leftOut'] as const)('each can be: %s', (choice) => {
    const keys = [
      ...(['certManager', 'envoyGateway', 'kserve', 'argoWorkflows', 'argoRollouts', 'argoEvents', 'keda'] as const),
      ...(['kubePrometheusStack', 'nvidiaDevicePlugin', 'dcgmExporter', 'externalSecrets', 'metricsServer'] as const),
    ];
    const all = Object.fromEntries(keys.map((key) => [key, Addon[choice]()]));
    const nodeScaling = choice === 'install' ? NodeScaling.clusterAutoscaler() : NodeScaling[choice]();
    const { construct, resources } = addons({ ...all, nodeScaling });
    expect(construct.releaseNames).toHaveLength(choice === 'install' ? 15 : 0);
    expect(Object.keys(resources).sort()).toEqual(
      choice === 'install'
        ? ['aws_eks_pod_identity_association', 'aws_iam_role', 'aws_iam_role_policy', 'helm_release']
        : [],
    );
  });

  test('what is provided counts as there: KServe needs no further cert-manager, monitors are made', () => {
    const { releases } = addons({ certManager: Addon.provided(), kubePrometheusStack: Addon.provided() });
    expect(releases.kserve).toBeDefined();
    expect(releases['cert-manager']).toBeUndefined();
    expect(releases['dcgm-exporter'].values.serviceMonitor.enabled).toBe(true);
  });

  test('without the operator there are no monitors', () => {
    const { releases } = everything('karpenter', { kubePrometheusStack: Addon.leftOut() });
    expect(releases['dcgm-exporter'].values.serviceMonitor).toEqual({ enabled: false });
    expect(releases['argo-workflows'].values.controller.serviceMonitor).toEqual({ enabled: false });
    expect(releases['cert-manager'].values.prometheus.servicemonitor).toEqual({ enabled: false });
    expect(releases.keda.values.prometheus.operator).toEqual({ enabled: false, serviceMonitor: { enabled: false } });
  });

  test('one of the two scales nodes', () => {
    expect(installed({})).toContain('cluster-autoscaler');
    const karpenter = installed({ nodeScaling: NodeScaling.karpenter({ nodeRoleArn: NODE_ROLE }) });
    expect(karpenter).toEqual(expect.arrayContaining(['karpenter-crd', 'karpenter']));
    expect(karpenter).not.toContain('cluster-autoscaler');
    const none = [
      ...installed({ nodeScaling: NodeScaling.provided() }),
      ...installed({ nodeScaling: NodeScaling.leftOut() }),
    ];
    expect(none.filter((name) => /karpenter|autoscaler/.test(name))).toEqual([]);
  });

  test.each([
    ['the manifests render it', { manifests: { gpu: GpuDevicePlugin.daemonSet() } }, false],
    ['the image brings it', { gpuNodeImages: [GpuNodeImage.bottlerocket()] }, false],
    ['some images bring it', { gpuNodeImages: [GpuNodeImage.bottlerocket(), GpuNodeImage.al2023()] }, true],
    ['nobody else does', { manifests: { gpu: GpuDevicePlugin.providedByNodes() } }, true],
    ['no image is known', { gpuNodeImages: [] }, true],
  ])('the device plugin when %s', (_, props, expected) => {
    expect(installed(props).includes('nvidia-device-plugin')).toBe(expected);
  });

  test('versions and further values are taken: maps are merged, lists replaced, several charts have one version', () => {
    const { releases } = addons({
      argoWorkflows: Addon.install({
        version: '1.0.24',
        values: {
          server: { enabled: true, authModes: ['client'] },
          controller: { replicas: 2, metricsConfig: { port: 9091 } },
        },
      }),
      kserve: Addon.install({ version: 'v0.20.1', values: { kserve: { controller: { labels: { team: 'ml' } } } } }),
    });
    expect(releases['argo-workflows']).toMatchObject({ version: '1.0.24', namespace: 'argo' });
    expect(releases['argo-workflows'].values).toMatchObject({
      server: { enabled: true, authModes: ['client'] },
      controller: {
        replicas: 2,
        metricsConfig: { enabled: true, secure: false, port: 9091 },
        instanceID: { enabled: false },
      },
    });
    for (const name of ['kserve-crd', 'kserve', 'kserve-runtime-configs'])
      expect(releases[name].version).toBe('v0.20.1');
    expect(releases.kserve.values.kserve.controller).toMatchObject({
      deploymentMode: 'Standard',
      labels: { team: 'ml' },
    });
    // A chart of CRDs takes none.
    expect(releases['kserve-crd'].values).toEqual({});
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } };
    expect(valuesOf('dcgm-exporter', { dcgmExporter: Addon.install({ values: { affinity } }) }).affinity).toEqual(
      affinity,
    );
  });

  test('to say again what the manifests rely on is no conflict', () => {
    const values = { crds: { keep: true }, executor: { securityContext: {} }, singleNamespace: false };
    expect(valuesOf('argo-workflows', { argoWorkflows: Addon.install({ values }) })).toMatchObject(values);
  });
});

describe('identities', () => {
  const statementsOf = (made: Rendered, account: string): Rendered => {
    const policies = Object.values<Rendered>(made.resources.aws_iam_role_policy);
    const found = policies.find(({ role }) => role === `fraud-staging.${account}`);
    return Object.fromEntries(JSON.parse(found.policy).Statement.map((each: Rendered) => [each.Sid, each]));
  };

  test('are those of installed add-ons that call AWS, with accounts that their charts make', () => {
    const { construct, releases } = everything('karpenter');
    expect(
      construct.identities.map(({ addon, namespace, serviceAccountName }) => [addon, namespace, serviceAccountName]),
    ).toEqual([
      ['nodeScaling', 'kube-system', 'karpenter'],
      ['externalSecrets', 'external-secrets', 'external-secrets'],
    ]);
    expect(releases.karpenter.values.serviceAccount).toEqual({ create: true, name: 'karpenter' });
    expect(releases['external-secrets'].values.serviceAccount).toEqual({ create: true, name: 'external-secrets' });
    const [autoscaler] = addons().construct.identities;
    expect(autoscaler).toMatchObject({
      addon: 'nodeScaling',
      namespace: 'kube-system',
      serviceAccountName: 'cluster-autoscaler',
    });
    const { rbac } = valuesOf('cluster-autoscaler');
    expect(rbac).toEqual({ create: true, serviceAccount: { create: true, name: 'cluster-autoscaler' } });
  });

  test('are there before the pods are', () => {
    const { releases, resources } = everything('karpenter');
    const ids = (type: string): string[] => Object.keys(resources[type]).map((id) => `${type}.${id}`);
    for (const release of ['karpenter', 'external-secrets']) {
      for (const type of ['aws_iam_role', 'aws_iam_role_policy', 'aws_eks_pod_identity_association']) {
        expect(releases[release].depends_on.some((id: string) => ids(type).includes(id))).toBe(true);
      }
    }
  });

  test('with IRSA the account names its role', () => {
    const oidc = 'oidc.eks.eu-central-1.amazonaws.com/id/ABC';
    const identityProvider = IdentityProvider.irsa({
      ...{ oidcIssuer: oidc, oidcProviderArn: `arn:aws:iam::123456789012:oidc-provider/${oidc}` },
    });
    const { releases, resources } = everything('clusterAutoscaler', { identityProvider });
    expect(resources.aws_eks_pod_identity_association).toBeUndefined();
    const role = expect.stringMatching(/^\$\{aws_iam_role\.addons_Identity-cluster-autoscaler_\w+\.arn\}$/);
    expect(releases['cluster-autoscaler'].values.rbac.serviceAccount.annotations).toEqual({
      'eks.amazonaws.com/role-arn': role,
    });
    const other = expect.stringMatching(/^\$\{aws_iam_role\.addons_Identity-external-secrets_\w+\.arn\}$/);
    expect(releases['external-secrets'].values.serviceAccount.annotations).toEqual({
      'eks.amazonaws.com/role-arn': other,
    });
  });

  test('have the boundary and the tags that are given', () => {
    const permissionsBoundaryArn = 'arn:aws:iam::123456789012:policy/boundary';
    const { resources } = addons({ permissionsBoundaryArn, tags: { team: 'ml' } });
    const [role] = Object.values<Rendered>(resources.aws_iam_role);
    expect(role).toMatchObject({ permissions_boundary: permissionsBoundaryArn, tags: { team: 'ml' } });
  });

  test('External Secrets reads the secrets that are named, and has no identity without', () => {
    const statements = statementsOf(everything('karpenter'), 'external-secrets.external-secrets');
    expect(statements).toEqual({
      ReadSecrets: {
        ...{ Sid: 'ReadSecrets', Effect: 'Allow', Resource: [SECRET] },
        Action: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'],
      },
      DecryptSecrets: {
        ...{ Sid: 'DecryptSecrets', Effect: 'Allow', Action: ['kms:Decrypt'], Resource: [KEY] },
        Condition: { StringLike: { 'kms:ViaService': ['secretsmanager.*.amazonaws.com'] } },
      },
    });
    expect(addons({ secretArns: [] }).construct.identities.map(({ addon }) => addon)).toEqual(['nodeScaling']);
    const noKey = addons({ secretArns: [SECRET] }).construct.identities[1];
    expect(noKey?.statements.map(({ Sid }) => Sid)).toEqual(['ReadSecrets']);
  });

  test('the cluster autoscaler changes the groups of its cluster only', () => {
    const statements = statementsOf(addons(), 'kube-system.cluster-autoscaler');
    expect(Object.keys(statements)).toEqual(['ReadGroups', 'ScaleGroups']);
    expect(statements.ReadGroups.Action.filter((action: string) => !/:(Describe|Get)/.test(action))).toEqual([]);
    expect(statements.ScaleGroups).toMatchObject({
      Action: ['autoscaling:SetDesiredCapacity', 'autoscaling:TerminateInstanceInAutoScalingGroup'],
      Condition: {
        StringEquals: {
          'aws:ResourceTag/k8s.io/cluster-autoscaler/enabled': ['true'],
          'aws:ResourceTag/k8s.io/cluster-autoscaler/fraud-staging': ['owned'],
        },
      },
    });
  });

  test('the cluster autoscaler finds the groups of its cluster, and takes the one that leaves the least idle', () => {
    expect(valuesOf('cluster-autoscaler')).toMatchObject({
      ...{ cloudProvider: 'aws', awsRegion: 'eu-central-1', autoDiscovery: { clusterName: 'fraud-staging' } },
      image: { tag: expect.stringMatching(/^v1\.\d+\.\d+$/) },
      extraArgs: { expander: 'least-waste', 'balance-similar-node-groups': true },
    });
  });

  test('the cluster autoscaler tries spot capacity first, of pools that have both', () => {
    const spot = NodePool.gpu('spot', { gpusPerNode: 1, spot: true, onDemandFallback: true });
    const pools = [NodePool.gpu('gpu', { gpusPerNode: 1 }), spot];
    expect(valuesOf('cluster-autoscaler', { nodeScaling: NodeScaling.clusterAutoscaler({ pools }) })).toMatchObject({
      extraArgs: { expander: 'priority', 'balance-similar-node-groups': true },
      expanderPriorities: '10:\n  - .*\n50:\n  - ^eks-spot-[0-9a-f-]{36}$\n',
    });
  });

  test('the order of node groups may be said with the add-on', () => {
    const values = { extraArgs: { expander: 'priority' }, expanderPriorities: '50: [spot]' };
    expect(valuesOf('cluster-autoscaler', { nodeScaling: NodeScaling.clusterAutoscaler({ values }) })).toMatchObject({
      ...{ expanderPriorities: '50: [spot]', extraArgs: { expander: 'priority', 'balance-similar-node-groups': true } },
    });
  });

  test('Karpenter starts and ends what it has tagged for its cluster, hands over one role, and reads one queue', () => {
    const statements = statementsOf(everything('karpenter'), 'kube-system.karpenter');
    const cluster = 'kubernetes.io/cluster/fraud-staging';
    const changing = Object.values<Rendered>(statements).filter(
      ({ Action }) => !Action.every((action: string) => /:(Describe|Get|List)/.test(action)),
    );
    // Only images, snapshots, subnets and the like, which it does not own, may be used without a tag.
    expect(changing.filter(({ Condition }) => Condition === undefined).map(({ Sid }) => Sid)).toEqual([
      ...['AllowScopedEC2InstanceAccessActions', 'AllowInterruptionQueueActions'],
    ]);
    expect(statements.AllowScopedDeletion).toMatchObject({
      Action: ['ec2:TerminateInstances', 'ec2:DeleteLaunchTemplate'],
      Resource: ['arn:aws:ec2:eu-central-1:*:instance/*', 'arn:aws:ec2:eu-central-1:*:launch-template/*'],
      Condition: {
        StringEquals: { [`aws:ResourceTag/${cluster}`]: ['owned'] },
        StringLike: { 'aws:ResourceTag/karpenter.sh/nodepool': ['*'] },
      },
    });
    expect(statements.AllowPassingInstanceRole).toMatchObject({ Action: ['iam:PassRole'], Resource: [NODE_ROLE] });
    expect(statements.AllowInterruptionQueueActions.Resource).toEqual([
      'arn:aws:sqs:eu-central-1:123456789012:fraud-staging-karpenter',
    ]);
    expect(statements.AllowAPIServerEndpointDiscovery.Resource).toEqual([
      'arn:aws:eks:eu-central-1:123456789012:cluster/fraud-staging',
    ]);
    expect(statements.AllowScopedResourceCreationTagging.Condition.StringEquals).toMatchObject({
      'aws:RequestTag/eks:eks-cluster-name': ['fraud-staging'],
      'ec2:CreateAction': ['CreateFleet', 'CreateLaunchTemplate', 'RunInstances'],
    });
    expect(Object.keys(statements)).toHaveLength(17);
  });

  test('Karpenter is told of its cluster and its queue, and its policy is no longer than IAM takes', () => {
    const { releases, resources } = everything('karpenter');
    expect(releases.karpenter.values.settings).toEqual({
      ...{ clusterName: 'fraud-staging', interruptionQueue: 'fraud-staging-karpenter' },
    });
    expect([releases.karpenter.skip_crds, releases['karpenter-crd'].skip_crds]).toEqual([true, undefined]);
    for (const { policy } of Object.values<Rendered>(resources.aws_iam_role_policy))
      expect(policy.length).toBeLessThan(10_240);
    const noQueue = addons({ nodeScaling: NodeScaling.karpenter({ nodeRoleArn: NODE_ROLE }) });
    expect(noQueue.releases.karpenter.values.settings.interruptionQueue).toBe('');
    expect(statementsOf(noQueue, 'kube-system.karpenter').AllowInterruptionQueueActions).toBeUndefined();
  });

  test('are of the partition of the region', () => {
    const nodeScaling = NodeScaling.karpenter({ nodeRoleArn: 'arn:aws-cn:iam::123456789012:role/node' });
    const { construct } = addons({ region: 'cn-north-1', nodeScaling });
    expect(JSON.stringify(construct.identities)).toContain('arn:aws-cn:ec2:cn-north-1:');
    expect(JSON.stringify(construct.identities)).not.toContain('arn:aws:');
  });
});

describe('what is wrong', () => {
  test('is said all at once', () => {
    expect(
      problemsOf(() =>
        addons({
          ...{ clusterName: 'no name', region: 'Frankfurt', accountId: '12', kserveGateway: 'models' },
          ...{ secretArns: ['db'], secretKeyArns: ['alias/x'] },
          certManager: Addon.leftOut(),
          envoyGateway: Addon.leftOut(),
          argoWorkflows: Addon.install({
            values: { executor: { securityContext: { runAsUser: 0 } }, singleNamespace: true },
          }),
          kserve: Addon.install({ values: { kserve: { controller: { deploymentMode: 'Knative' } } } }),
        }),
      ),
    ).toEqual([
      "'clusterName' ('no name') must be a name of at most 100 letters, digits, - and _ that the program chooses",
      "'region' ('Frankfurt') must be a region of AWS, for example 'eu-central-1'",
      "'accountId' ('12') must be the twelve digits of an account, in quotes: zeros may lead",
      "'kserveGateway' ('models') must be '<namespace>/<name>' of a Gateway",
      "'kserve' needs 'certManager', which is left out: install it, say that it is provided, or leave out both",
      "'kserve' needs 'envoyGateway', which is left out: install it, say that it is provided, or leave out both",
      "'kserve.values.kserve.controller.deploymentMode' ('Knative') is at odds with what the manifests rely on, which is \"Standard\": leave it out",
      '\'argoWorkflows.values.executor.securityContext\' ({"runAsUser":0}) is at odds with what the manifests rely on, which is {}: leave it out',
      "'argoWorkflows.values.singleNamespace' (true) is at odds with what the manifests rely on, which is false: leave it out",
      "'secretArns' ('db') must be the ARN of a secret of Secrets Manager",
      "'secretKeyArns' ('alias/x') must be the ARN of a key of KMS",
    ]);
  });

  test('two device plugins, or none', () => {
    const gpu = GpuDevicePlugin.daemonSet();
    const bottlerocket = [GpuNodeImage.bottlerocket()];
    expect(problemsOf(() => addons({ nvidiaDevicePlugin: Addon.install(), manifests: { gpu } }))).toEqual([
      "'nvidiaDevicePlugin' is installed here, and the manifests render it too: leave out the add-on, or give 'MlModelPlatform' GpuDevicePlugin.providedByNodes()",
    ]);
    expect(problemsOf(() => addons({ nvidiaDevicePlugin: Addon.install(), gpuNodeImages: bottlerocket }))).toEqual([
      "'nvidiaDevicePlugin' is installed here, and all images of the nodes bring it: leave out the add-on",
    ]);
    expect(problemsOf(() => addons({ manifests: { gpu }, gpuNodeImages: bottlerocket }))).toEqual([
      "the manifests render the device plugin, and all images of the nodes bring it: give 'MlModelPlatform' GpuDevicePlugin.providedByNodes()",
    ]);
    const some = [...bottlerocket, GpuNodeImage.al2023()];
    expect(problemsOf(() => addons({ nvidiaDevicePlugin: Addon.leftOut(), gpuNodeImages: some }))).toEqual([
      "'nvidiaDevicePlugin' is left out, and nobody else tells Kubernetes of the nodes' GPUs: install it, or give 'MlModelPlatform' GpuDevicePlugin.daemonSet()",
    ]);
    expect(addons({ nvidiaDevicePlugin: Addon.leftOut(), gpuNodeImages: some, manifests: { gpu } })).toBeDefined();
  });

  test.each([
    [undefined, 'the manifests render one too'],
    [Pushgateway.managed(), 'the manifests render one too'],
    [Pushgateway.existing('http://other.ml.svc:9091'), 'the manifests push to http://other.ml.svc:9091'],
  ])('two Pushgateways (%#)', (pushgateway, what) => {
    expect(problemsOf(() => addons({ pushgateway: Addon.install(), manifests: { pushgateway } }))).toEqual([
      `'pushgateway' is installed here, and ${what}: leave out the add-on, or give 'MlModelPlatform' Pushgateway.existing('${PUSHGATEWAY_URL}')`,
    ]);
  });

  test('another Prometheus than the one that is installed', () => {
    const monitoring = Monitoring.kubePrometheusStack({ prometheusUrl: 'http://thanos.monitoring.svc:9090' });
    expect(problemsOf(() => addons({ manifests: { monitoring } }))).toEqual([
      "'manifests.monitoring.prometheusUrl' ('http://thanos.monitoring.svc:9090') is not the one that is installed here, http://kube-prometheus-stack-prometheus.monitoring.svc:9090: leave 'prometheusUrl' out, or say that the kube-prometheus-stack is provided",
    ]);
    expect(addons({ manifests: { monitoring }, kubePrometheusStack: Addon.provided() })).toBeDefined();
  });

  test('keys without secrets', () => {
    expect(problemsOf(() => addons({ secretKeyArns: [KEY] }))).toEqual([
      `'secretKeyArns' (["${KEY}"]) are of no use without 'secretArns'`,
    ]);
  });

  test.each(['latest', '1.2', '^1.2.3', '>=1.0.0', ''])('a version that is not pinned: %p', (version) => {
    expect(problemsOf(() => Addon.install({ version }))).toEqual([
      `'version' ('${version}') must be one version of the chart, for example '1.2.3', and no range`,
    ]);
  });

  test("Karpenter's role and queue", () => {
    expect(
      problemsOf(() => NodeScaling.karpenter({ nodeRoleArn: 'node', interruptionQueueName: 'https://sqs/queue' })),
    ).toEqual([
      "'nodeRoleArn' ('node') must be the ARN of a role",
      "'interruptionQueueName' ('https://sqs/queue') must be the name of a queue, not its address",
    ]);
  });

  test('is at the construct', () => {
    expect(() => addons({ accountId: 'x' })).toThrow(/^ClusterAddons 'test\/addons' has 1 problem:/);
    expect(CLUSTER.accountId).toHaveLength(12);
  });
});
