import { DataAwsAvailabilityZones } from '@cdktf/provider-aws/lib/data-aws-availability-zones';
import { DataAwsRegion } from '@cdktf/provider-aws/lib/data-aws-region';
import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint';
import { Fn, TerraformHclModule, Token } from 'cdktf';
import { Construct } from 'constructs';
import { KARPENTER_DISCOVERY_TAG } from '../platform/karpenter-names';
import { cidrsOverlap, cidrText, containsCidr, parseCidr, privateCidrProblem, subCidr } from '../validation/cidr';
import { type Problems } from '../validation/problems';
import { NatGateways } from './eks-cluster-options';

/** The network of a cluster: in each zone a private subnet for nodes, pods and databases, and a public one for load balancers. */
export interface EksVpcProps {
  /**
   * Addresses of the network, /16 to /20. Those of networks that are ever to be peered must not overlap.
   *
   * @default 10.0.0.0/16
   */
  readonly cidr?: string;

  /**
   * Two or three availability zones. GPUs are not to be had in each: ask for those where yours are.
   *
   * @default - the first three of the region that need no opting in; a region that has two needs them named
   */
  readonly availabilityZones?: readonly string[];

  /**
   * Addresses of the private subnets, one for each zone. Each pod takes an address of its own.
   *
   * @default - a quarter of the network for each
   */
  readonly privateSubnetCidrs?: readonly string[];

  /**
   * Addresses of the public subnets, one for each zone.
   *
   * @default - a sixteenth of the network for each, from its last quarter
   */
  readonly publicSubnetCidrs?: readonly string[];

  /**
   * How private subnets reach the internet.
   *
   * @default NatGateways.single()
   */
  readonly natGateways?: NatGateways;
}

const DEFAULT_CIDR = '10.0.0.0/16';
const DEFAULT_ZONES = 3;

/** What the module of the community is, and which version: the last whose provider of AWS is sure to be the bound one or older. */
const MODULE = { source: 'terraform-aws-modules/vpc/aws', version: '6.0.1' };

/** @internal */
export class EksVpc extends Construct {
  public readonly vpcId: string;
  public readonly privateSubnetIds: string[];
  /** Address of the module, to depend on: the way out of the network is more than the subnets that others name. */
  public readonly address: string;

  constructor(scope: Construct, id: string, clusterName: string, props: EksVpcProps, tags: Record<string, string>) {
    super(scope, id);
    const { cidr = DEFAULT_CIDR, availabilityZones, natGateways = NatGateways.single() } = props;
    const count = availabilityZones?.length ?? DEFAULT_ZONES;
    const module = new TerraformHclModule(this, 'Resource', {
      ...MODULE,
      variables: {
        name: clusterName,
        cidr,
        azs: availabilityZones ? [...availabilityZones] : this.firstZones(count),
        private_subnets: [...(props.privateSubnetCidrs ?? quarters(cidr, count))],
        public_subnets: [...(props.publicSubnetCidrs ?? sixteenths(cidr, count))],
        enable_nat_gateway: true,
        single_nat_gateway: natGateways.isSingle,
        one_nat_gateway_per_az: !natGateways.isSingle,
        // By these, load balancers and Karpenter find their subnets.
        public_subnet_tags: { 'kubernetes.io/role/elb': '1' },
        private_subnet_tags: { 'kubernetes.io/role/internal-elb': '1', [KARPENTER_DISCOVERY_TAG]: clusterName },
        tags,
      },
    });
    this.address = `module.${module.friendlyUniqueId}`;
    this.vpcId = module.getString('vpc_id');
    this.privateSubnetIds = module.getList('private_subnets');
    // Free, and models and logs do not go through the NAT gateway, which costs for each GB.
    new VpcEndpoint(this, 'S3', {
      vpcId: this.vpcId,
      serviceName: `com.amazonaws.${new DataAwsRegion(this, 'Region', {}).region}.s3`,
      vpcEndpointType: 'Gateway',
      routeTableIds: module.getList('private_route_table_ids'),
      tags: { ...tags, Name: `${clusterName}-s3` },
    });
  }

  private firstZones(count: number): string[] {
    const zones = new DataAwsAvailabilityZones(this, 'Zones', {
      state: 'available',
      // Local zones cannot have the control plane.
      filter: [{ name: 'opt-in-status', values: ['opt-in-not-required'] }],
      // https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html: EKS puts no control plane there.
      excludeZoneIds: ['use1-az3', 'usw1-az2', 'cac1-az3'],
    });
    return Token.asList(Fn.slice(zones.names, 0, count));
  }
}

const quarters = (cidr: string, count: number): string[] =>
  Array.from({ length: count }, (_, zone) => cidrText(subCidr(parseCidr(cidr), 2, zone)));

const sixteenths = (cidr: string, count: number): string[] =>
  Array.from({ length: count }, (_, zone) => cidrText(subCidr(parseCidr(cidr), 4, 12 + zone)));

/** Reports what is wrong with a network. @internal */
export function checkVpc(props: EksVpcProps, problems: Problems): void {
  const { cidr = DEFAULT_CIDR, availabilityZones, privateSubnetCidrs, publicSubnetCidrs } = props;
  const count = availabilityZones?.length ?? DEFAULT_ZONES;
  if (availabilityZones && (count < 2 || count > 3)) {
    problems.add(
      'vpc.availabilityZones',
      availabilityZones,
      'must be two or three: EKS wants two, and three are enough',
    );
  }
  if (new Set(availabilityZones).size < (availabilityZones?.length ?? 0)) {
    problems.add('vpc.availabilityZones', availabilityZones, 'must not name a zone twice');
  }
  for (const zone of availabilityZones ?? []) {
    if (Token.isUnresolved(zone) || /^[a-z]{2}(-[a-z]+)+-\d[a-z]$/.test(zone)) continue;
    problems.add('vpc.availabilityZones', zone, "must be an availability zone, for example 'eu-central-1a'");
  }
  const problem = privateCidrProblem(cidr);
  problems.check('vpc.cidr', cidr, problem);
  if (problem !== undefined) return;
  const network = parseCidr(cidr);
  if (network.prefix < 16 || network.prefix > 20) {
    problems.add(
      'vpc.cidr',
      cidr,
      'must be /16 to /20: AWS allows no larger one, and pods run out of addresses in a smaller one',
    );
  }
  const subnets = [
    ...checkSubnets('vpc.privateSubnetCidrs', privateSubnetCidrs, count, 24, cidr, problems),
    ...checkSubnets('vpc.publicSubnetCidrs', publicSubnetCidrs, count, 28, cidr, problems),
  ];
  // Those that are computed do not overlap, but one that is given may lie over them.
  if (!privateSubnetCidrs && publicSubnetCidrs) subnets.push(...quarters(cidr, count));
  if (privateSubnetCidrs && !publicSubnetCidrs) subnets.push(...sixteenths(cidr, count));
  subnets.forEach((one, index) => {
    for (const other of subnets.slice(index + 1)) {
      if (cidrsOverlap(parseCidr(one), parseCidr(other)))
        problems.addText(`subnets must not overlap: ${one} and ${other} do`);
    }
  });
}

/** @returns those that are blocks of addresses */
function checkSubnets(
  prop: string,
  given: readonly string[] | undefined,
  count: number,
  smallest: number,
  cidr: string,
  problems: Problems,
): string[] {
  if (!given) return [];
  if (given.length !== count) problems.add(prop, given, `must be one for each zone, of which there are ${count}`);
  return given.filter((subnet) => {
    const problem = privateCidrProblem(subnet);
    problems.check(prop, subnet, problem);
    if (problem !== undefined) return false;
    const parsed = parseCidr(subnet);
    if (!containsCidr(parseCidr(cidr), parsed)) problems.add(prop, subnet, `must be within the network, ${cidr}`);
    if (parsed.prefix > smallest) problems.add(prop, subnet, `must be /${smallest} or larger`);
    return true;
  });
}
