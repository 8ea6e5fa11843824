import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition';
import { IamRole, type IamRoleConfig } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment';
import { type Construct } from 'constructs';

// https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html
const POLICIES = ['AmazonEKSWorkerNodePolicy', 'AmazonEC2ContainerRegistryPullOnly', 'AmazonEKS_CNI_Policy'];

/** A role with what the nodes of EKS need, and without the shell that SSM gives. @internal */
export function nodeRole(scope: Construct, id: string, config: Omit<IamRoleConfig, 'assumeRolePolicy'>): IamRole {
  const { partition } = new DataAwsPartition(scope, 'Partition', {});
  const role = new IamRole(scope, id, {
    ...config,
    assumeRolePolicy: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    }),
  });
  for (const policy of POLICIES) {
    const policyArn = `arn:${partition}:iam::aws:policy/${policy}`;
    new IamRolePolicyAttachment(scope, policy, { role: role.name, policyArn });
  }
  return role;
}
