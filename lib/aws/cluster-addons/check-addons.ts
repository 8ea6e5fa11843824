import { Token } from 'cdktf';
import { Monitoring } from '../../platform/monitoring';
import { dnsLabelProblem, isEksClusterName } from '../../validation/names';
import { type Problems } from '../../validation/problems';
import { type AddonChoices, allNodesBringDevicePlugin } from './addon-choices';
import { type AddonContext, type AddonSpec } from './addon-spec';
import { type ClusterAddonsProps } from './cluster-addons-props';
import { conflictsOf } from './helm-values';
import { pushgatewayUrl } from './pushgateway';

/** All that is looked at together. */
export interface AddonsToCheck {
  readonly props: ClusterAddonsProps;
  readonly context: AddonContext;
  readonly choices: AddonChoices;
  readonly specs: readonly AddonSpec[];
}

/** Reports what would not work in the cluster, or not be what the manifests rely on. */
export function checkAddons(all: AddonsToCheck, problems: Problems): void {
  checkCluster(all.props, problems);
  checkSpecs(all, problems);
  checkMonitoring(all, problems);
  checkDevicePlugin(all, problems);
  checkPushgateway(all, problems);
  checkSecrets(all, problems);
}

function checkCluster({ clusterName, region, accountId, kserveGateway }: ClusterAddonsProps, problems: Problems): void {
  if (!isEksClusterName(clusterName)) {
    const rule = 'must be a name of at most 100 letters, digits, - and _ that the program chooses';
    problems.add('clusterName', clusterName, rule);
  }
  if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(region)) {
    problems.add('region', region, "must be a region of AWS, for example 'eu-central-1'");
  }
  if (!/^\d{12}$/.test(accountId)) {
    problems.add('accountId', accountId, 'must be the twelve digits of an account, in quotes: zeros may lead');
  }
  if (kserveGateway === undefined) return;
  const parts = kserveGateway.split('/');
  if (parts.length !== 2 || parts.some((part) => dnsLabelProblem(part) !== undefined)) {
    problems.add('kserveGateway', kserveGateway, "must be '<namespace>/<name>' of a Gateway");
  }
}

/** Whether everything is there that something needs, and no value is changed that the manifests rely on. */
function checkSpecs({ choices, specs }: AddonsToCheck, problems: Problems): void {
  for (const { key, needs = [], releases } of specs) {
    const { _choice, _options } = choices[key];
    if (_choice !== 'install') continue;
    for (const needed of needs) {
      if (choices[needed]._choice !== 'leftOut') continue;
      problems.addText(
        `'${key}' needs '${needed}', which is left out: install it, say that it is provided, or leave out both`,
      );
    }
    const conflicts = releases.flatMap(({ relied }) => conflictsOf(relied, _options.values ?? {}));
    for (const { path, got, expected } of conflicts) {
      const rule = `is at odds with what the manifests rely on, which is ${JSON.stringify(expected)}: leave it out`;
      problems.add(`${key}.values.${path}`, got, rule);
    }
  }
}

/** The manifests must find the Prometheus that is installed here. */
function checkMonitoring({ choices, context }: AddonsToCheck, problems: Problems): void {
  if (choices.kubePrometheusStack._choice !== 'install') return;
  const { monitoring } = context;
  const { namespace } = monitoring;
  const { release } = monitoring.selectionLabels;
  const ours = Monitoring.kubePrometheusStack({ namespace, release }).prometheusUrl;
  if (monitoring.prometheusUrl === ours) return;
  const remedy = "leave 'prometheusUrl' out, or say that the kube-prometheus-stack is provided";
  problems.add(
    'manifests.monitoring.prometheusUrl',
    monitoring.prometheusUrl,
    `is not the one that is installed here, ${ours}: ${remedy}`,
  );
}

/** Two device plugins on one node take the GPUs from each other; without one, Kubernetes knows of none. */
function checkDevicePlugin({ props, choices }: AddonsToCheck, problems: Problems): void {
  const { _choice } = choices.nvidiaDevicePlugin;
  const isInstalled = _choice === 'install';
  const isRendered = props.manifests?.gpu?._daemonSet !== undefined;
  const isBrought = allNodesBringDevicePlugin(props);
  const provided = "give 'MlModelPlatform' GpuDevicePlugin.providedByNodes()";
  if (isInstalled && isRendered) {
    const remedy = `leave out the add-on, or ${provided}`;
    problems.addText(`'nvidiaDevicePlugin' is installed here, and the manifests render it too: ${remedy}`);
  }
  if (isInstalled && isBrought) {
    problems.addText(
      "'nvidiaDevicePlugin' is installed here, and all images of the nodes bring it: leave out the add-on",
    );
  }
  if (isRendered && isBrought) {
    problems.addText(`the manifests render the device plugin, and all images of the nodes bring it: ${provided}`);
  }
  if (
    _choice === 'leftOut' &&
    !isRendered &&
    props.gpuNodeImages?.some(({ bringsDevicePlugin }) => !bringsDevicePlugin)
  ) {
    const remedy = "install it, or give 'MlModelPlatform' GpuDevicePlugin.daemonSet()";
    problems.addText(
      `'nvidiaDevicePlugin' is left out, and nobody else tells Kubernetes of the nodes' GPUs: ${remedy}`,
    );
  }
}

/** Either of them, or metrics go where nobody looks. */
function checkPushgateway({ props, choices, context }: AddonsToCheck, problems: Problems): void {
  if (choices.pushgateway._choice !== 'install') return;
  const existing = props.manifests?.pushgateway?._existing?.url;
  const ours = pushgatewayUrl(context);
  if (existing === ours) return;
  const what = existing === undefined ? 'the manifests render one too' : `the manifests push to ${existing}`;
  const remedy = `leave out the add-on, or give 'MlModelPlatform' Pushgateway.existing('${ours}')`;
  problems.addText(`'pushgateway' is installed here, and ${what}: ${remedy}`);
}

function checkSecrets({ props }: AddonsToCheck, problems: Problems): void {
  const { secretArns = [], secretKeyArns = [] } = props;
  for (const arn of secretArns) {
    if (Token.isUnresolved(arn) || /^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+/.test(arn)) continue;
    problems.add('secretArns', arn, 'must be the ARN of a secret of Secrets Manager');
  }
  for (const arn of secretKeyArns) {
    if (Token.isUnresolved(arn) || /^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key\/.+/.test(arn)) continue;
    problems.add('secretKeyArns', arn, 'must be the ARN of a key of KMS');
  }
  if (secretKeyArns.length > 0 && secretArns.length === 0) {
    problems.add('secretKeyArns', secretKeyArns, "are of no use without 'secretArns'");
  }
}
