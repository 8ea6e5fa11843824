import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { Release } from '@cdktf/provider-helm/lib/release';
import { type ITerraformDependable, TerraformResource } from 'cdktf';
import { Construct } from 'constructs';
import { stringify } from 'yaml';
import { partitionOf } from '../../platform/aws-environment';
import { Monitoring } from '../../platform/monitoring';
import { Problems } from '../../validation/problems';
import { WorkloadIdentity } from '../workload-identity';
import { type Addon } from './addon';
import { choicesOf, specsOf } from './addon-choices';
import { type AddonContext, type AddonIdentity, type AddonKey, type AddonSpec, type ChartRelease } from './addon-spec';
import { checkAddons } from './check-addons';
import { type ClusterAddonsProps } from './cluster-addons-props';
import { type HelmValues, mergeValues } from './helm-values';
import { pushgatewayUrl } from './pushgateway';

/** Longest that a release may take, in seconds: images are large, and nodes may have to be started. */
const TIMEOUT = 900;
/** Revisions that Helm keeps, each a Secret. */
const HISTORY = 5;

/**
 * What the manifests need in the cluster before they are applied, as Helm releases in the order in which they need each other: operators
 * with their CRDs, a Gateway API implementation, monitoring, and the roles that some of them have in AWS.
 *
 * Each can be left out or be there already. Values that the manifests rely on cannot be changed; all others can. The stack needs a Helm
 * provider, see {@link eksHelmProvider}.
 *
 * - **Pod Security**: namespaces of add-ons are made without its labels. Node exporter, the device plugin and the DCGM exporter mount paths
 *   of their nodes, so what enforces "baseline" or "restricted" for a whole cluster must leave out their namespaces.
 * - **Network**: nodes pull from quay.io, ghcr.io, docker.io, nvcr.io, registry.k8s.io and public.ecr.aws. The API server calls webhooks
 *   on the pods of cert-manager (10250), KServe (9443), External Secrets (10250), the Prometheus operator (10250) and Metrics Server
 *   (10250), so the nodes' security group lets it in on these.
 * - **Tearing down**: delete the manifests first. Whoever takes the finalizers off their objects goes with these releases.
 * - **CRDs** stay when a release goes, where the chart can be told so; those of KServe and Karpenter go, and their objects with them.
 */
export class ClusterAddons extends Construct {
  /** What the service accounts of the installed add-ons may do in AWS. Their roles are made here. */
  public readonly identities: readonly AddonIdentity[];

  /** Names of the Helm releases, each after those that it depends on. */
  public readonly releaseNames: readonly string[];

  /** Base address of the Pushgateway, for `Pushgateway.existing`; undefined where none is installed here. */
  public readonly pushgatewayUrl?: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(
    scope: Construct,
    id: string,
    private readonly props: ClusterAddonsProps,
  ) {
    super(scope, id);
    const choices = choicesOf(props);
    const context: AddonContext = {
      clusterName: props.clusterName,
      region: props.region,
      partition: partitionOf(props.region),
      accountId: props.accountId,
      monitoring: props.manifests?.monitoring ?? Monitoring.kubePrometheusStack(),
      monitored: choices.kubePrometheusStack._choice !== 'leftOut',
    };
    const specs = specsOf(props, context);
    const problems = Problems.of(this);
    checkAddons({ props, context, choices, specs }, problems);
    problems.throwIfAny();

    const installed = inOrder(specs.filter(({ key }) => choices[key]._choice === 'install'));
    this.identities = installed.flatMap(({ key, identity }) => {
      if (!identity) return [];
      const { namespace, serviceAccountName, statements } = identity;
      return [{ addon: key, namespace, serviceAccountName, statements }];
    });
    this.releaseNames = installed.flatMap(({ releases }) => releases.map(({ name }) => name));
    if (choices.pushgateway._choice === 'install') this.pushgatewayUrl = pushgatewayUrl(context);

    const last = new Map<AddonKey, Release>();
    for (const spec of installed) {
      const before = (spec.after ?? []).flatMap((key) => last.get(key) ?? []);
      last.set(spec.key, this.addon(spec, choices[spec.key], before));
    }
  }

  /** The releases of an add-on, one after the other. */
  private addon(spec: AddonSpec, addon: Addon, after: readonly ITerraformDependable[]): Release {
    const identity = this.identity(spec);
    const before = [...(this.props.dependsOn ?? []), ...after, ...(identity ? resourcesOf(identity) : [])];
    const role = this.annotatedRole(identity);
    const annotated = role === undefined ? {} : spec.identity?.annotations({ 'eks.amazonaws.com/role-arn': role });
    const given = mergeValues(annotated ?? {}, addon._options.values ?? {});
    let last: Release | undefined;
    for (const chart of spec.releases) {
      last = this.release(chart, valuesOf(chart, given), addon._options.version, last ? [...before, last] : before);
    }
    return last as Release;
  }

  private release(
    { name, namespace, repository, chart, skipCrds, version }: ChartRelease,
    values: HelmValues,
    chosenVersion: string | undefined,
    dependsOn: ITerraformDependable[],
  ): Release {
    return new Release(this, name, {
      ...{ name, namespace, repository, chart, skipCrds, dependsOn },
      version: chosenVersion ?? version,
      createNamespace: true,
      values:
        Object.keys(values).length > 0
          ? [stringify(values, { aliasDuplicateObjects: false, lineWidth: 0 })]
          : undefined,
      wait: true,
      timeout: TIMEOUT,
      // What failed half-way is taken back, so that the next apply can begin anew.
      atomic: true,
      cleanupOnFail: true,
      maxHistory: HISTORY,
    });
  }

  /** The role is there before the pods are: they get its credentials when they start. */
  private identity({ identity }: AddonSpec): WorkloadIdentity | undefined {
    if (!identity) return undefined;
    const { clusterName, identityProvider, permissionsBoundaryArn, tags, region } = this.props;
    const { namespace, serviceAccountName, statements } = identity;
    const workload = new WorkloadIdentity(this, `Identity-${serviceAccountName}`, {
      ...{ clusterName, namespace, serviceAccountName, provider: identityProvider, permissionsBoundaryArn, tags },
      partition: partitionOf(region),
    });
    new IamRolePolicy(workload, 'AddonPolicy', {
      name: 'addon',
      role: workload.roleName,
      policy: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
      dependsOn: resourcesOf(workload),
    });
    return workload;
  }

  /** With IRSA the service account names its role; with Pod Identity EKS knows it. */
  private annotatedRole(identity: WorkloadIdentity | undefined): string | undefined {
    return this.props.identityProvider?._isPodIdentity === false ? identity?.roleArn : undefined;
  }
}

/** What the user gave, over what we prefer, under what the manifests rely on. */
function valuesOf({ defaults = {}, relied, onlyCrds }: ChartRelease, given: HelmValues): HelmValues {
  return onlyCrds === true ? {} : mergeValues(mergeValues(defaults, given), relied);
}

/** Every add-on after those that it comes after. */
function inOrder(specs: readonly AddonSpec[]): AddonSpec[] {
  const ordered: AddonSpec[] = [];
  const waiting = [...specs];
  while (waiting.length > 0) {
    const keys = new Set(waiting.map(({ key }) => key));
    const index = waiting.findIndex(({ after = [] }) => !after.some((key) => keys.has(key)));
    ordered.push(...waiting.splice(index, 1));
  }
  return ordered;
}

function resourcesOf(construct: Construct): TerraformResource[] {
  return construct.node.findAll().filter((each) => TerraformResource.isTerraformResource(each));
}
