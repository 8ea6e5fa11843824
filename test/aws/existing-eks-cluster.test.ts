import { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import { TerraformOutput, Token } from 'cdktf';
import { ExistingEksCluster, type ExistingEksClusterProps, type ICluster } from 'cdk8s-mlops/aws';
import { SynthesizedStack } from '../support/stack';
import { problemsOf } from '../support/synth';

/** What the cluster says of itself, as outputs, beside a queue that waits for it. */
function outputs(props: Partial<ExistingEksClusterProps> = {}): SynthesizedStack {
  return SynthesizedStack.of((stack) => {
    const cluster: ICluster = new ExistingEksCluster(stack, 'cluster', { name: 'acme', ...props });
    const { name, clusterName, clusterEndpoint, clusterCertificateAuthority, vpcId, oidcIssuer } = cluster;
    const said = { name, clusterName, clusterEndpoint, clusterCertificateAuthority, vpcId, oidcIssuer };
    const rest = { subnets: cluster.privateSubnetIds, group: cluster.nodeSecurityGroupId };
    const provider = cluster.oidcProviderArn === undefined ? {} : { oidcProviderArn: cluster.oidcProviderArn };
    for (const [id, value] of Object.entries({ ...said, ...rest, ...provider }))
      new TerraformOutput(stack, id, { value });
    cluster.precede(new SqsQueue(stack, 'queue', {}));
  });
}

test('all that others need is read by its name', () => {
  const made = outputs();
  const data = 'data.aws_eks_cluster.cluster_611F8AFF';
  const read = (id: string): string => made.output(id) as string;
  expect(read('name')).toBe('acme');
  expect(read('clusterName')).toBe(`\${${data}.name}`);
  expect(read('clusterEndpoint')).toBe(`\${${data}.endpoint}`);
  expect(read('clusterCertificateAuthority')).toBe(`\${${data}.certificate_authority[0].data}`);
  expect(read('vpcId')).toBe(`\${${data}.vpc_config[0].vpc_id}`);
  expect(read('subnets')).toBe(`\${tolist(${data}.vpc_config[0].subnet_ids)}`);
  expect(read('group')).toBe(`\${${data}.vpc_config[0].cluster_security_group_id}`);
  expect(read('oidcIssuer')).toBe(`\${${data}.identity[0].oidc[0].issuer}`);
});

test('no token for its API is read, which would get into the state', () => {
  expect(outputs().dataTypes).toEqual(['aws_eks_cluster']);
});

test('nothing waits for what is there', () => {
  expect(outputs().one('aws_sqs_queue')).not.toHaveProperty('depends_on');
});

test('what is given is not read', () => {
  const props: Required<Omit<ExistingEksClusterProps, 'name'>> = {
    privateSubnetIds: ['subnet-0a', 'subnet-0b'],
    nodeSecurityGroupId: 'sg-0a',
    oidcProviderArn: 'arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/AB',
  };
  const made = outputs(props);
  expect(made.output('subnets')).toEqual(['subnet-0a', 'subnet-0b']);
  expect(made.output('group')).toBe('sg-0a');
  expect(made.output('oidcProviderArn')).toBe(props.oidcProviderArn);
});

test('every problem is reported at once', () => {
  const wrong = { name: 'a b', privateSubnetIds: ['a'], nodeSecurityGroupId: 'b', oidcProviderArn: 'c' };
  expect(problemsOf(() => outputs(wrong))).toEqual([
    "'name' ('a b') must be the name of a cluster: at most 100 letters, digits, - and _",
    "'privateSubnetIds' ('a') must be the id of a subnet, 'subnet-…'",
    "'nodeSecurityGroupId' ('b') must be the id of a security group, 'sg-…'",
    "'oidcProviderArn' ('c') must be the ARN of an OIDC provider in IAM",
  ]);
  expect(problemsOf(() => outputs({ privateSubnetIds: [] }))).toEqual([
    "'privateSubnetIds' ([]) must name at least one subnet",
  ]);
  const token = Token.asString({ resolve: () => 'later' });
  expect(() =>
    outputs({ privateSubnetIds: [token], nodeSecurityGroupId: token, oidcProviderArn: token }),
  ).not.toThrow();
});
