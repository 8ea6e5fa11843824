import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { COMPONENTS, LABELS } from '../contract';
import { type Problems } from '../validation/problems';
import { cidrProblem, portProblem } from '../validation/uri';
import { MLFLOW_PORT } from './mlflow-server';
import { objectMetadata } from './object-metadata';
import { PUSHGATEWAY_PORT } from './pushgateway';
import { type ServiceAddress } from './service-address';

/** Addresses outside the namespace that the loop's pods may reach. */
export interface NetworkOptions {
  /**
   * Addresses of the database of MLflow.
   *
   * @default - any address, on the database's port only
   */
  readonly databaseCidrs?: readonly string[];

  /**
   * Addresses of the object store, reached on 443.
   *
   * @default - any address, on 443 only
   */
  readonly objectStoreCidrs?: readonly string[];

  /**
   * Addresses of the Kubernetes API server.
   *
   * @default - any address, on its ports only
   */
  readonly apiServerCidrs?: readonly string[];

  /**
   * Ports of the Kubernetes API server's endpoints; policies see those, not the Service's.
   *
   * @default [443, 6443]
   */
  readonly apiServerPorts?: readonly number[];
}

/** Somewhere outside the namespace that pods may reach. */
export interface EgressRule {
  /** Range of addresses, for example `10.20.0.0/16`. */
  readonly cidr: string;
  /** TCP ports. */
  readonly ports: readonly number[];
}

/** Reports addresses and ports that are none. */
export function checkNetwork(options: NetworkOptions, problems: Problems): void {
  const { databaseCidrs, objectStoreCidrs, apiServerCidrs, apiServerPorts } = options;
  for (const [name, cidrs] of Object.entries({ databaseCidrs, objectStoreCidrs, apiServerCidrs })) {
    if (cidrs?.length === 0) problems.add(`network.${name}`, cidrs, 'must not be empty: leave it out for any address');
    cidrs?.forEach((cidr, index) => problems.check(`network.${name}[${index}]`, cidr, cidrProblem(cidr)));
  }
  apiServerPorts?.forEach((port, index) => problems.check(`network.apiServerPorts[${index}]`, port, portProblem(port)));
}

/** Reports rules that open nothing or something that is none. */
export function checkEgress(rules: readonly EgressRule[], problems: Problems): void {
  rules.forEach(({ cidr, ports }, index) => {
    problems.check(`egress[${index}].cidr`, cidr, cidrProblem(cidr));
    if (ports.length === 0) problems.add(`egress[${index}].ports`, ports, 'must name at least one port');
    ports.forEach((port) => problems.check(`egress[${index}].ports`, port, portProblem(port)));
  });
}

type Rule = k8s.NetworkPolicyEgressRule;
type Peer = k8s.NetworkPolicyPeer;

const ANYWHERE = ['0.0.0.0/0', '::/0'];
/** Where the EKS Pod Identity agent answers on every node. */
const POD_IDENTITY_AGENT = ['169.254.170.23/32', 'fd00:ec2::23/128'];
/** Where NodeLocal DNSCache answers on every node that has it. */
const NODE_LOCAL_DNS = '169.254.20.10/32';

/** TCP ports of a rule. @internal */
export function ports(...numbers: number[]): k8s.NetworkPolicyPort[] {
  return numbers.map((port) => ({ port: k8s.IntOrString.fromNumber(port), protocol: 'TCP' }));
}

function addresses(cidrs: readonly string[]): Peer[] {
  return cidrs.map((cidr) => ({ ipBlock: { cidr } }));
}

/** Pods of the namespace that do `component` in the loop, for all models or for one. @internal */
export function podsOf(component: string, model?: string): Peer {
  const matchLabels: Record<string, string> = { [LABELS.component]: component };
  if (model !== undefined) matchLabels[LABELS.model] = model;
  return { podSelector: { matchLabels } };
}

/** Every pod of a namespace. @internal */
export function namespaceNamed(name: string): k8s.LabelSelector {
  return { matchLabels: { 'kubernetes.io/metadata.name': name } };
}

/** A rule that opens addresses outside the cluster. @internal */
export function egressTo(rule: EgressRule): Rule {
  return { to: addresses([rule.cidr]), ports: ports(...rule.ports) };
}

/** @internal */
export interface NetworkPoliciesProps {
  readonly namespace: string;
  readonly options: NetworkOptions;
  readonly monitoringNamespace: string;
  /** Undefined when rendered in this namespace. */
  readonly existingMlflow?: ServiceAddress;
  /** Undefined when rendered in this namespace. */
  readonly existingPushgateway?: ServiceAddress;
  /** Undefined when MLflow's database is on its own volume, or MLflow is not rendered. */
  readonly databasePort?: number;
}

/**
 * Nothing in the namespace talks to anything, except for the flows of the loop: one policy for each kind of pod.
 *
 * @internal
 */
export class NetworkPolicies extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly props: NetworkPoliciesProps,
  ) {
    super(scope, id);
    this.policy('default-deny', {}, [], []);
    this.policy('allow-dns', {}, undefined, [this.dns()]);
    if (!props.existingMlflow) this.mlflow();
    if (!props.existingPushgateway) this.pushgateway();
    this.training();
  }

  /** A policy for the pods that `podLabels` selects; a direction that is undefined is not touched. */
  public policy(
    name: string,
    podLabels: Readonly<Record<string, string>>,
    ingress: k8s.NetworkPolicyIngressRule[] | undefined,
    egress: Rule[] | undefined,
    scope: Construct = this,
  ): void {
    const policyTypes = [...(ingress ? ['Ingress'] : []), ...(egress ? ['Egress'] : [])];
    const podSelector = Object.keys(podLabels).length === 0 ? {} : { matchLabels: { ...podLabels } };
    new k8s.KubeNetworkPolicy(scope, name, {
      metadata: objectMetadata({ name, namespace: this.props.namespace, app: 'network' }),
      spec: { podSelector, policyTypes, ingress, egress },
    });
  }

  private mlflow(): void {
    const { options, databasePort, monitoringNamespace } = this.props;
    const database: Rule[] =
      databasePort === undefined
        ? []
        : [{ to: addresses(options.databaseCidrs ?? ANYWHERE), ports: ports(databasePort) }];
    const callers = [podsOf(COMPONENTS.training), podsOf(COMPONENTS.driftCheck), podsOf(COMPONENTS.rollout)];
    this.policy(
      'mlflow',
      { [LABELS.component]: COMPONENTS.experimentTracking },
      [
        { from: [...callers, podsOf(COMPONENTS.capture)], ports: ports(MLFLOW_PORT) },
        { from: [{ namespaceSelector: namespaceNamed(monitoringNamespace) }], ports: ports(MLFLOW_PORT) },
      ],
      [...database, this.objectStore(), this.podIdentity()],
    );
  }

  private pushgateway(): void {
    const pushers = [podsOf(COMPONENTS.training), podsOf(COMPONENTS.driftCheck), podsOf(COMPONENTS.rollout)];
    const prometheus = { namespaceSelector: namespaceNamed(this.props.monitoringNamespace) };
    this.policy(
      'pushgateway',
      { [LABELS.component]: COMPONENTS.metricsPush },
      [{ from: [...pushers, prometheus], ports: ports(PUSHGATEWAY_PORT) }],
      [],
    );
  }

  private training(): void {
    this.policy('training', { [LABELS.component]: COMPONENTS.training }, [], this.jobEgress());
  }

  /** What a job of the loop may reach: tracking server, Pushgateway, API server, object store, and its identity. */
  public jobEgress(): Rule[] {
    return [this.toMlflow(), this.toPushgateway(), this.apiServer(), this.objectStore(), this.podIdentity()];
  }

  /** The way to the tracking server. */
  public toMlflow(): Rule {
    const { existingMlflow } = this.props;
    return existingMlflow
      ? this.toExisting(existingMlflow)
      : { to: [podsOf(COMPONENTS.experimentTracking)], ports: ports(MLFLOW_PORT) };
  }

  private toPushgateway(): Rule {
    const { existingPushgateway } = this.props;
    return existingPushgateway
      ? this.toExisting(existingPushgateway)
      : { to: [podsOf(COMPONENTS.metricsPush)], ports: ports(PUSHGATEWAY_PORT) };
  }

  private toExisting({ namespace, podPort }: ServiceAddress): Rule {
    const to = namespace === undefined ? addresses(ANYWHERE) : [{ namespaceSelector: namespaceNamed(namespace) }];
    return { to, ports: ports(podPort) };
  }

  private dns(): Rule {
    const port = k8s.IntOrString.fromNumber(53);
    return {
      to: [
        { namespaceSelector: namespaceNamed('kube-system'), podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } },
        ...addresses([NODE_LOCAL_DNS]),
      ],
      ports: [
        { port, protocol: 'UDP' },
        { port, protocol: 'TCP' },
      ],
    };
  }

  /** The way to the object store. */
  public objectStore(): Rule {
    return { to: addresses(this.props.options.objectStoreCidrs ?? ANYWHERE), ports: ports(443) };
  }

  /** The way to the Kubernetes API server. */
  public apiServer(): Rule {
    const { apiServerCidrs = ANYWHERE, apiServerPorts = [443, 6443] } = this.props.options;
    return { to: addresses(apiServerCidrs), ports: ports(...apiServerPorts) };
  }

  /** The way to the agent that hands out cloud identities. */
  public podIdentity(): Rule {
    return { to: addresses(POD_IDENTITY_AGENT), ports: ports(80) };
  }
}
