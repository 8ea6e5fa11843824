import { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import { type TerraformStack, Token } from 'cdktf';
import { NodePool } from 'cdk8s-mlops';
import {
  ControlPlaneLog,
  EksCluster,
  type EksClusterProps,
  type EksVpcProps,
  EndpointAccess,
  GpuNodeGroup,
  type ICluster,
  NatGateways,
  type SystemNodesProps,
} from 'cdk8s-mlops/aws';
import { SynthesizedStack } from '../support/stack';
import { problemsOf, type Rendered } from '../support/synth';
import {
  EKS_ADDON,
  EKS_MODULE,
  EKS_NODE_GROUP,
  EKS_NODE_RULE,
  type ModuleInterface,
  VPC_MODULE,
} from './terraform-modules';

const [EKS, VPC] = ['terraform-aws-modules/eks/aws', 'terraform-aws-modules/vpc/aws'];
const ADMIN = 'arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef';
const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd';

function cluster(
  props: Partial<EksClusterProps> = {},
  more?: (stack: TerraformStack, made: EksCluster) => void,
): SynthesizedStack {
  return SynthesizedStack.of((stack) => {
    const made = new EksCluster(stack, 'cluster', { name: 'acme', ...props });
    more?.(stack, made);
  });
}

const eks = (props: Partial<EksClusterProps> = {}): Rendered => cluster(props).module(EKS);
const vpc = (props: EksVpcProps = {}): Rendered => cluster({ vpc: props }).module(VPC);

/** Everything there is to say. */
const ALL: Required<EksClusterProps> = {
  name: 'acme',
  kubernetesVersion: '1.36',
  extendedSupport: true,
  vpc: {
    cidr: '10.40.0.0/16',
    availabilityZones: ['eu-central-1a', 'eu-central-1c'],
    privateSubnetCidrs: ['10.40.0.0/18', '10.40.64.0/18'],
    publicSubnetCidrs: ['10.40.128.0/24', '10.40.129.0/24'],
    natGateways: NatGateways.perZone(),
  } satisfies Required<EksVpcProps>,
  endpointAccess: EndpointAccess.publicFrom('198.51.100.0/24', '203.0.113.7/32'),
  admins: [ADMIN, 'arn:aws-cn:iam::123456789012:user/ops'],
  creatorIsAdmin: false,
  logs: [ControlPlaneLog.CONTROLLER_MANAGER, ControlPlaneLog.SCHEDULER],
  logRetentionDays: 30,
  secretsKeyArn: KEY,
  systemNodes: {
    instanceTypes: ['m7a.xlarge'],
    minSize: 3,
    maxSize: 6,
    desiredSize: 4,
    diskSizeGib: 100,
    release: '1.36.4-20260923',
  } satisfies Required<SystemNodesProps>,
  addonVersions: { 'vpc-cni': 'v1.20.4-eksbuild.2' },
  deletionProtection: true,
  tags: { team: 'ml' },
};

describe('the modules of the community', () => {
  const unknown = (given: object, known: readonly string[]): string[] =>
    Object.keys(given).filter((key) => !known.includes(key));

  test.each([
    [EKS, EKS_MODULE],
    [VPC, VPC_MODULE],
  ])(
    '%s gets no argument that it does not have, at the version that is known',
    (source, { version, variables }: ModuleInterface) => {
      for (const props of [{}, ALL]) {
        const { source: _source, version: pinned, '//': _comment, ...given } = cluster(props).module(source);
        expect(pinned).toBe(version);
        expect(Object.keys(given).length).toBeGreaterThan(5);
        expect(unknown(given, variables)).toEqual([]);
      }
    },
  );

  test('nor do add-ons, node groups and rules within them', () => {
    for (const props of [{}, ALL]) {
      const { addons, eks_managed_node_groups: groups, node_security_group_additional_rules: rules } = eks(props);
      for (const addon of Object.values<object>(addons)) expect(unknown(addon, EKS_ADDON)).toEqual([]);
      for (const group of Object.values<object>(groups)) expect(unknown(group, EKS_NODE_GROUP)).toEqual([]);
      for (const rule of Object.values<object>(rules)) expect(unknown(rule, EKS_NODE_RULE)).toEqual([]);
    }
  });

  test('and no output is read that they do not have', () => {
    const made = cluster({}, (stack, { clusterName, ...rest }) => {
      const { clusterEndpoint, clusterCertificateAuthority, nodeSecurityGroupId, oidcIssuer, oidcProviderArn } = rest;
      const group = new GpuNodeGroup(stack, 'gpu', {
        ...{ clusterName, subnetIds: rest.privateSubnetIds, securityGroupIds: [nodeSecurityGroupId], maxSize: 1 },
        ...{ pool: NodePool.gpu('a10g', { gpusPerNode: 1 }), instanceTypes: ['g5.xlarge'] },
        tags: { clusterEndpoint, clusterCertificateAuthority, oidcIssuer, oidcProviderArn, vpcId: rest.vpcId },
      });
      expect(group.nodeGroupName).toBe('a10g');
    });
    const text = JSON.stringify([
      ...made.all('aws_eks_node_group'),
      ...made.all('aws_launch_template'),
      made.module(EKS),
      made.one('aws_vpc_endpoint'),
    ]);
    const read = [...text.matchAll(/module\.cluster_(Vpc_)?[0-9A-F]{8}\.(\w+)/g)].map(([, ofVpc, output]) => [
      ofVpc ? VPC : EKS,
      output,
    ]);
    expect(read.length).toBeGreaterThan(8);
    for (const [source, output] of read) {
      expect((source === VPC ? VPC_MODULE : EKS_MODULE).outputs).toContain(output);
    }
  });
});

describe('the control plane', () => {
  test('is of the newest version in standard support, closed to the internet, and has its Secrets encrypted', () => {
    expect(eks()).toMatchObject({
      ...{ name: 'acme', kubernetes_version: '1.36', upgrade_policy: { support_type: 'STANDARD' } },
      ...{ endpoint_private_access: true, endpoint_public_access: false, authentication_mode: 'API' },
      ...{ create_kms_key: true, enable_kms_key_rotation: true, enable_irsa: true, deletion_protection: false },
      ...{ enabled_log_types: ['api', 'audit', 'authenticator'], cloudwatch_log_group_retention_in_days: 90 },
      ...{ create_cloudwatch_log_group: true, enable_cluster_creator_admin_permissions: true, access_entries: {} },
    });
    expect(eks()).not.toHaveProperty('endpoint_public_access_cidrs');
    expect(eks()).not.toHaveProperty('kms_key_administrators');
  });

  test('every prop reaches it', () => {
    const made = eks(ALL);
    expect(made).toMatchObject({
      ...{ kubernetes_version: '1.36', upgrade_policy: { support_type: 'EXTENDED' }, deletion_protection: true },
      ...{ endpoint_public_access: true, endpoint_public_access_cidrs: ['198.51.100.0/24', '203.0.113.7/32'] },
      ...{ enabled_log_types: ['controllerManager', 'scheduler'], cloudwatch_log_group_retention_in_days: 30 },
      ...{ create_kms_key: false, encryption_config: { provider_key_arn: KEY, resources: ['secrets'] } },
      ...{ enable_cluster_creator_admin_permissions: false, tags: { team: 'ml' } },
    });
    expect(made).not.toHaveProperty('kms_key_administrators');
    const scope = { type: 'cluster' };
    expect(made.access_entries).toEqual({
      [ADMIN]: {
        principal_arn: ADMIN,
        policy_associations: {
          admin: {
            policy_arn: 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy',
            access_scope: scope,
          },
        },
      },
      'arn:aws-cn:iam::123456789012:user/ops': {
        principal_arn: 'arn:aws-cn:iam::123456789012:user/ops',
        policy_associations: {
          admin: {
            policy_arn: 'arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy',
            access_scope: scope,
          },
        },
      },
    });
  });

  test('its key is administered by the admins, whoever applies', () => {
    expect(eks({ admins: [ADMIN] }).kms_key_administrators).toEqual([ADMIN]);
  });

  test('without logs there is no group for them', () => {
    expect(eks({ logs: [] })).toMatchObject({ enabled_log_types: [], create_cloudwatch_log_group: false });
  });

  test('the name of its role fits, however long that of the cluster is', () => {
    expect(eks().iam_role_name).toBe('acme-cluster');
    // IAM allows prefixes of 38 characters, and the module adds a hyphen.
    expect(eks({ name: 'a'.repeat(100) }).iam_role_name).toHaveLength(37);
  });
});

describe('add-ons', () => {
  test('network policies are enforced, identities are there before nodes, and volumes have a default class', () => {
    const { addons } = eks();
    expect(Object.keys(addons)).toEqual([
      ...['aws-ebs-csi-driver', 'coredns', 'eks-pod-identity-agent', 'kube-proxy', 'metrics-server', 'vpc-cni'],
    ]);
    expect(addons['vpc-cni']).toEqual({
      ...{ before_compute: true, most_recent: false, configuration_values: '{"enableNetworkPolicy":"true"}' },
    });
    expect(addons['eks-pod-identity-agent']).toEqual({ before_compute: true, most_recent: false });
    expect(JSON.parse(addons['aws-ebs-csi-driver'].configuration_values)).toEqual({
      defaultStorageClass: { enabled: true },
      controller: { extraVolumeTags: {} },
    });
    for (const name of ['kube-proxy', 'coredns', 'metrics-server'])
      expect(addons[name]).toEqual({ most_recent: false });
  });

  test('a version can be pinned', () => {
    const { addons } = eks(ALL);
    expect(addons['vpc-cni']).toMatchObject({ addon_version: 'v1.20.4-eksbuild.2', before_compute: true });
    expect(addons.coredns).not.toHaveProperty('addon_version');
  });

  test('the EBS driver has an identity that is of use to nobody else', () => {
    const made = cluster();
    const role = made.one('aws_iam_role');
    const [association] = made.module(EKS).addons['aws-ebs-csi-driver'].pod_identity_association;
    expect(association).toEqual({
      role_arn: expect.stringMatching(/^\$\{aws_iam_role\.cluster_EbsCsiRole_[0-9A-F]{8}\.arn\}$/),
      service_account: 'ebs-csi-controller-sa',
    });
    expect(JSON.parse(role.assume_role_policy).Statement).toEqual([
      {
        Sid: 'ServiceAccount',
        Effect: 'Allow',
        Principal: { Service: 'pods.eks.amazonaws.com' },
        Action: ['sts:AssumeRole', 'sts:TagSession'],
        Condition: {
          StringEquals: {
            'aws:RequestTag/eks-cluster-name': 'acme',
            'aws:RequestTag/kubernetes-namespace': 'kube-system',
            'aws:RequestTag/kubernetes-service-account': 'ebs-csi-controller-sa',
          },
        },
      },
    ]);
    expect(made.one('aws_iam_role_policy_attachment').policy_arn).toMatch(
      /:iam::aws:policy\/AmazonEBSCSIDriverPolicyV2$/,
    );
    expect(role.name_prefix).toBe('acme-ebs-csi-');
    expect(cluster({ name: 'a'.repeat(100) }).one('aws_iam_role').name_prefix).toHaveLength(38);
  });
});

describe('nodes of the platform', () => {
  test('are on demand, two at least, with an encrypted disk and IMDSv2 only', () => {
    expect(eks().eks_managed_node_groups).toEqual({
      system: {
        ...{ ami_type: 'AL2023_x86_64_STANDARD', use_latest_ami_release_version: true, capacity_type: 'ON_DEMAND' },
        ...{ instance_types: ['m7i.large', 'm6i.large'], min_size: 2, max_size: 4, desired_size: 2, tags: {} },
        ...{ labels: { 'cdk8s-mlops.dev/node-pool': 'system' }, update_config: { max_unavailable: 1 } },
        metadata_options: { http_endpoint: 'enabled', http_tokens: 'required', http_put_response_hop_limit: 1 },
        block_device_mappings: {
          root: {
            device_name: '/dev/xvda',
            ebs: { volume_size: 50, volume_type: 'gp3', encrypted: true, delete_on_termination: true },
          },
        },
      },
    });
  });

  test('every prop reaches them', () => {
    const { system } = eks(ALL).eks_managed_node_groups;
    expect(system).toMatchObject({
      ...{ instance_types: ['m7a.xlarge'], min_size: 3, max_size: 6, desired_size: 4, tags: { team: 'ml' } },
      ...{ ami_release_version: '1.36.4-20260923', use_latest_ami_release_version: false },
    });
    expect(system.block_device_mappings.root.ebs.volume_size).toBe(100);
  });

  test('nodes reach each other on all ports, and Karpenter finds their group', () => {
    expect(eks()).toMatchObject({
      node_security_group_tags: { 'karpenter.sh/discovery': 'acme' },
      node_security_group_additional_rules: {
        ingress_self_all: { type: 'ingress', protocol: '-1', from_port: 0, to_port: 0, self: true },
      },
    });
  });
});

describe('the network', () => {
  test('has a private and a public subnet in each of three zones, and one NAT gateway', () => {
    const made = vpc();
    expect(made).toMatchObject({
      ...{ name: 'acme', cidr: '10.0.0.0/16', enable_nat_gateway: true, single_nat_gateway: true },
      one_nat_gateway_per_az: false,
      private_subnets: ['10.0.0.0/18', '10.0.64.0/18', '10.0.128.0/18'],
      public_subnets: ['10.0.192.0/20', '10.0.208.0/20', '10.0.224.0/20'],
      public_subnet_tags: { 'kubernetes.io/role/elb': '1' },
      private_subnet_tags: { 'kubernetes.io/role/internal-elb': '1', 'karpenter.sh/discovery': 'acme' },
    });
    expect(made.azs).toMatch(
      /^\$\{slice\(data\.aws_availability_zones\.cluster_Vpc_Zones_[0-9A-F]{8}\.names, 0, 3\)\}$/,
    );
  });

  test('every prop reaches it', () => {
    expect(cluster(ALL).module(VPC)).toMatchObject({
      ...{ cidr: '10.40.0.0/16', single_nat_gateway: false, one_nat_gateway_per_az: true, tags: { team: 'ml' } },
      azs: ['eu-central-1a', 'eu-central-1c'],
      private_subnets: ['10.40.0.0/18', '10.40.64.0/18'],
      public_subnets: ['10.40.128.0/24', '10.40.129.0/24'],
    });
  });

  test('two zones have two subnets of each kind', () => {
    const made = vpc({ cidr: '172.16.16.0/20', availabilityZones: ['eu-central-1a', 'eu-central-1b'] });
    expect(made.private_subnets).toEqual(['172.16.16.0/22', '172.16.20.0/22']);
    expect(made.public_subnets).toEqual(['172.16.28.0/24', '172.16.29.0/24']);
  });

  test('reaches S3 without the NAT gateway', () => {
    const made = cluster({ tags: { team: 'ml' } });
    expect(made.one('aws_vpc_endpoint')).toMatchObject({
      ...{ vpc_endpoint_type: 'Gateway', tags: { team: 'ml', Name: 'acme-s3' } },
      service_name: expect.stringMatching(/^com\.amazonaws\.\$\{data\.aws_region\..*\.region\}\.s3$/),
      route_table_ids: expect.stringMatching(/^\$\{module\.cluster_Vpc_[0-9A-F]{8}\.private_route_table_ids\}$/),
    });
  });

  test('the cluster is in it', () => {
    const made = eks();
    expect(made.vpc_id).toMatch(/^\$\{module\.cluster_Vpc_[0-9A-F]{8}\.vpc_id\}$/);
    expect(made.subnet_ids).toMatch(/^\$\{module\.cluster_Vpc_[0-9A-F]{8}\.private_subnets\}$/);
  });
});

test('logical ids are stable', () => {
  const made = cluster({}, (stack, own) => own.precede(new SqsQueue(stack, 'queue', {})));
  expect(made.one('aws_sqs_queue').depends_on).toEqual(['module.cluster_611F8AFF', 'module.cluster_Vpc_91107A71']);
  expect(made.module(EKS).vpc_id).toBe('${module.cluster_Vpc_91107A71.vpc_id}');
  const [before, after] = [cluster().ids, cluster({ ...ALL, name: 'acme' }).ids];
  expect(after).toEqual(before);
});

test('what needs the cluster waits for all of it', () => {
  const made = cluster({}, (stack, own) => {
    const each: ICluster = own;
    const group = new GpuNodeGroup(stack, 'gpu', {
      ...{ clusterName: each.name, subnetIds: ['subnet-1'], maxSize: 1 },
      ...{ pool: NodePool.gpu('a10g', { gpusPerNode: 1 }), instanceTypes: ['g5.xlarge'] },
    });
    each.precede(group);
    each.precede(group);
  });
  const [{ depends_on }] = made.all('aws_eks_node_group');
  const waits = depends_on.filter((each: string) => /^module\./.test(each));
  // The cluster, and the way out of its network.
  expect(waits).toHaveLength(2);
  // What it waited for before, it still waits for.
  expect(depends_on).toHaveLength(5);
  expect(made.one('aws_launch_template').depends_on).toEqual(waits);
});

test('of a whole stack, what the cluster is made of does not wait for itself', () => {
  const made = cluster({}, (stack, own) => {
    new SqsQueue(stack, 'queue', {});
    own.precede(stack);
  });
  expect(made.one('aws_sqs_queue').depends_on).toEqual(['module.cluster_611F8AFF', 'module.cluster_Vpc_91107A71']);
  expect(made.one('aws_iam_role')).not.toHaveProperty('depends_on');
  expect(made.one('aws_vpc_endpoint')).not.toHaveProperty('depends_on');
});

describe('Kubernetes versions', () => {
  const warnings = (version: string): string[] => {
    const found: string[] = [];
    cluster({ kubernetesVersion: version }, (_, own) => {
      for (const { type, data } of own.node.metadata) if (type.includes('warn')) found.push(String(data));
    });
    return found;
  };

  test('one that leaves standard support soon is taken with a warning, as is a newer one', () => {
    expect(warnings('1.34')).toEqual([expect.stringContaining('1.34 leaves standard support on 2026-12-02')]);
    expect(warnings('1.38')).toEqual([expect.stringContaining('1.38 is newer than this version of the library')]);
    expect(warnings('1.36')).toEqual([]);
  });

  test('one out of support is refused with the date', () => {
    expect(problemsOf(() => cluster({ kubernetesVersion: '1.33' }))).toEqual([
      "'kubernetesVersion' ('1.33') is out of standard support since 2026-07-29, and costs six times as much until support " +
        "ends on 2027-07-29: use 1.36, or accept the price with 'extendedSupport'",
    ]);
    expect(() => cluster({ kubernetesVersion: '1.33', extendedSupport: true })).not.toThrow();
  });
});

describe('bad input', () => {
  test('every problem is reported at once', () => {
    const build = (): unknown =>
      cluster({
        ...{
          name: '-',
          kubernetesVersion: '1.29',
          vpc: { cidr: '8.8.0.0/16' },
          admins: ['me', 'me'],
          secretsKeyArn: 'key',
        },
        ...{ systemNodes: { minSize: 0 }, logRetentionDays: 31, logs: [ControlPlaneLog.API, ControlPlaneLog.API] },
        addonVersions: { cilium: 'v1', coredns: 'latest' },
      });
    expect(build).toThrow("EksCluster 'test/cluster' has 13 problems:");
    expect(problemsOf(build)).toEqual([
      "'name' ('-') must be at most 100 letters, digits, - and _, and begin with a letter or digit",
      "'kubernetesVersion' ('1.29') is no longer supported by EKS since 2026-03-23: use 1.36",
      "'vpc.cidr' ('8.8.0.0/16') must be private addresses, which are 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10",
      "'systemNodes.minSize' (0) must be a whole number from 1 to 450",
      "'admins' ('me') must be the ARN of a role or user, with its path, known at synthesis",
      "'admins' ('me') must be the ARN of a role or user, with its path, known at synthesis",
      `'admins' (["me","me"]) must not name anybody twice`,
      `'logs' (["api","api"]) must not name a log twice`,
      expect.stringContaining("'logRetentionDays' (31) must be one of 1, 3, 5, 7, 14, 30"),
      "'secretsKeyArn' ('key') must be the ARN of a KMS key",
      expect.stringContaining("'addonVersions.cilium' ('v1') is none of the add-ons, which are vpc-cni, "),
      "'addonVersions.cilium' ('v1') must be a version of EKS, for example 'v1.20.4-eksbuild.2'",
      "'addonVersions.coredns' ('latest') must be a version of EKS, for example 'v1.20.4-eksbuild.2'",
    ]);
  });

  test.each<[string, EksVpcProps, string]>([
    ['no block', { cidr: '10.0.0.0' }, "'vpc.cidr' ('10.0.0.0') must say how many bits are shared"],
    ['no address', { cidr: '10.0.0.256/16' }, 'must be a block of IPv4 addresses'],
    ['not the first address', { cidr: '10.0.1.0/16' }, "must begin at the block's first address: '10.0.0.0/16'"],
    ['too large', { cidr: '10.0.0.0/15' }, 'must be /16 to /20: AWS allows no larger one'],
    ['too small', { cidr: '10.0.0.0/21' }, 'must be /16 to /20: AWS allows no larger one'],
    ['one zone', { availabilityZones: ['eu-central-1a'] }, 'must be two or three'],
    ['no zone', { availabilityZones: [] }, 'must be two or three'],
    ['a zone twice', { availabilityZones: ['eu-central-1a', 'eu-central-1a'] }, 'must not name a zone twice'],
    [
      'a region',
      { availabilityZones: ['eu-central-1', 'eu-central-1b'] },
      "must be an availability zone, for example 'eu-central-1a'",
    ],
    ['too few subnets', { privateSubnetCidrs: ['10.0.0.0/18'] }, 'must be one for each zone, of which there are 3'],
    [
      'a subnet outside',
      { publicSubnetCidrs: ['10.1.0.0/24', '10.0.192.0/24', '10.0.193.0/24'] },
      "('10.1.0.0/24') must be within the network, 10.0.0.0/16",
    ],
    [
      'a subnet that is too small',
      { privateSubnetCidrs: ['10.0.0.0/25', '10.0.1.0/24', '10.0.2.0/24'] },
      "('10.0.0.0/25') must be /24 or larger",
    ],
    [
      'no subnet',
      { publicSubnetCidrs: ['x', '10.0.192.0/24', '10.0.193.0/24'] },
      "'vpc.publicSubnetCidrs' ('x') must be a block",
    ],
    [
      'subnets that overlap',
      { privateSubnetCidrs: ['10.0.0.0/18', '10.0.32.0/19', '10.0.64.0/18'] },
      'subnets must not overlap: 10.0.0.0/18 and 10.0.32.0/19 do',
    ],
    [
      'a public subnet over a computed one',
      { publicSubnetCidrs: ['10.0.0.0/24', '10.0.192.0/24', '10.0.193.0/24'] },
      'subnets must not overlap: 10.0.0.0/24 and 10.0.0.0/18 do',
    ],
    [
      'a private subnet over a computed one',
      { privateSubnetCidrs: ['10.0.192.0/20', '10.0.0.0/18', '10.0.64.0/18'] },
      'subnets must not overlap: 10.0.192.0/20 and 10.0.192.0/20 do',
    ],
  ])('a network: %s', (_, props, expected) => {
    const [found, ...more] = problemsOf(() => vpc(props));
    expect(found).toContain(expected);
    expect(more).toEqual([]);
  });

  test.each<[string, SystemNodesProps, string]>([
    ['no types', { instanceTypes: [] }, 'must name at least one type'],
    ['no type', { instanceTypes: ['large'] }, "must be an instance type, for example 'm7i.large'"],
    ['GPUs', { instanceTypes: ['g5.xlarge'] }, 'carries an accelerator, which would idle here'],
    ['ARM', { instanceTypes: ['m7g.large'] }, 'has ARM processors, and the image is for x86'],
    ['min above max', { minSize: 5 }, "'systemNodes.minSize' (5) must not be above the maximum (4)"],
    ['no node', { maxSize: 0, minSize: 1 }, "'systemNodes.maxSize' (0) must be a whole number from 1 to 450"],
    ['more than at most', { desiredSize: 5 }, "'systemNodes.desiredSize' (5) must be a whole number from 2 to 4"],
    ['too small a disk', { diskSizeGib: 19 }, "'systemNodes.diskSizeGib' (19) must be a whole number from 20 to 16384"],
    ['no release', { release: 'latest' }, "must be '<Kubernetes version>-<date>'"],
  ])('nodes of the platform: %s', (_, systemNodes, expected) => {
    expect(problemsOf(() => cluster({ systemNodes }))[0]).toContain(expected);
  });

  test('a cluster that nobody could use', () => {
    expect(problemsOf(() => cluster({ creatorIsAdmin: false }))).toEqual([
      "'admins' ([]) must name somebody where whoever makes the cluster is no admin: nobody could use it",
    ]);
  });

  test('the whole internet, and no network at all', () => {
    expect(problemsOf(() => EndpointAccess.publicFrom('0.0.0.0/0'))).toEqual([
      "'cidrs' ('0.0.0.0/0') must not be the whole internet: name the networks that call",
    ]);
    expect(problemsOf(() => EndpointAccess.publicFrom())[0]).toContain('must name at least one block');
    expect(problemsOf(() => EndpointAccess.publicFrom('198.51.100.7'))[0]).toContain(
      "'198.51.100.7/32' for this address alone",
    );
  });

  test('a key that is known only when applied is taken', () => {
    const secretsKeyArn = Token.asString({ resolve: () => KEY });
    expect(eks({ secretsKeyArn }).encryption_config.provider_key_arn).toBe(KEY);
  });
});
