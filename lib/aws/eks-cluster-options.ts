import { cidrProblem } from '../validation/cidr';
import { Problems } from '../validation/problems';

/** From where the API server can be called. Immutable data. */
export class EndpointAccess {
  /** Only from within the network: whoever applies Helm releases must be in it, or have a VPN to it. */
  public static privateOnly(): EndpointAccess {
    return new EndpointAccess([]);
  }

  /**
   * From within the network, and from the given blocks of addresses. Who may do what is still for IAM to say.
   *
   * @param cidrs for example that of the office and that of the pipeline's runners
   * @throws ValidationError when there is none, or one that is the whole internet.
   */
  public static publicFrom(...cidrs: string[]): EndpointAccess {
    const problems = new Problems('EndpointAccess.publicFrom');
    if (cidrs.length === 0)
      problems.add('cidrs', cidrs, 'must name at least one block: or use EndpointAccess.privateOnly()');
    for (const cidr of cidrs) {
      problems.check('cidrs', cidr, cidrProblem(cidr));
      if (cidr.endsWith('/0'))
        problems.add('cidrs', cidr, 'must not be the whole internet: name the networks that call');
    }
    problems.throwIfAny();
    return new EndpointAccess(cidrs);
  }

  private constructor(
    /** Blocks outside the network from which the API server can be called. */
    public readonly publicCidrs: readonly string[],
  ) {}
}

/** How private subnets reach the internet: for images, and for APIs of AWS without an endpoint in the network. Immutable data. */
export class NatGateways {
  /**
   * One for all zones: about 33 $ a month and 0.045 $ a GB (2026, us-east-1). Where its zone fails, no node reaches the internet, and
   * traffic of the other zones costs 0.01 $ a GB more.
   */
  public static single(): NatGateways {
    return new NatGateways(true);
  }

  /** One in each zone: about 33 $ a month for each. A zone that fails takes only its own. */
  public static perZone(): NatGateways {
    return new NatGateways(false);
  }

  private constructor(
    /** Whether all zones share one. */
    public readonly isSingle: boolean,
  ) {}
}

/**
 * A log of the control plane.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
 */
export enum ControlPlaneLog {
  API = 'api',
  AUDIT = 'audit',
  AUTHENTICATOR = 'authenticator',
  CONTROLLER_MANAGER = 'controllerManager',
  SCHEDULER = 'scheduler',
}

/** Nodes for what runs the platform itself: operators, CoreDNS, Prometheus. Always on demand. */
export interface SystemNodesProps {
  /**
   * Instance types, x86 and without GPUs; the first that there is capacity of is taken.
   *
   * @default - m7i.large, m6i.large
   */
  readonly instanceTypes?: readonly string[];

  /**
   * Fewest nodes.
   *
   * @default 2
   */
  readonly minSize?: number;

  /**
   * Most nodes.
   *
   * @default 4
   */
  readonly maxSize?: number;

  /**
   * Nodes to begin with.
   *
   * @default - the fewest
   */
  readonly desiredSize?: number;

  /**
   * Size of the root disk in GiB.
   *
   * @default 50
   */
  readonly diskSizeGib?: number;

  /**
   * Release of Amazon Linux 2023, for example `1.36.4-20260923`.
   *
   * @default - the newest one: applying after a new release replaces the nodes, one by one
   */
  readonly release?: string;
}

/** Sizes with which cdktf would render an empty group or an impossible disk. @internal */
export function checkSystemNodes(nodes: SystemNodesProps, problems: Problems): void {
  const { instanceTypes, minSize = 2, maxSize = 4, desiredSize = minSize, diskSizeGib = 50, release } = nodes;
  const whole = (name: string, value: number, low: number, high: number): void => {
    const fits = Number.isInteger(value) && value >= low && value <= high;
    if (!fits) problems.add(`systemNodes.${name}`, value, `must be a whole number from ${low} to ${high}`);
  };
  whole('minSize', minSize, 1, 450);
  whole('maxSize', maxSize, 1, 450);
  if (minSize > maxSize) problems.add('systemNodes.minSize', minSize, `must not be above the maximum (${maxSize})`);
  else whole('desiredSize', desiredSize, minSize, maxSize);
  whole('diskSizeGib', diskSizeGib, 20, 16_384);
  if (instanceTypes?.length === 0) problems.add('systemNodes.instanceTypes', [], 'must name at least one type');
  for (const type of instanceTypes ?? []) {
    if (!/^[a-z0-9-]+\.[a-z0-9-]+$/.test(type)) {
      problems.add('systemNodes.instanceTypes', type, "must be an instance type, for example 'm7i.large'");
    } else if (/^([gp]\d|trn|inf|dl)/.test(type)) {
      problems.add(
        'systemNodes.instanceTypes',
        type,
        'carries an accelerator, which would idle here: use GpuNodeGroup',
      );
    } else if (/^([a-z]+\d+g[a-z]*|a1)\./.test(type)) {
      problems.add('systemNodes.instanceTypes', type, 'has ARM processors, and the image is for x86');
    }
  }
  if (release !== undefined && !/^1\.\d{1,2}\.\d{1,2}-20\d{6}$/.test(release)) {
    problems.add(
      'systemNodes.release',
      release,
      "must be '<Kubernetes version>-<date>', for example '1.36.4-20260923'",
    );
  }
}
