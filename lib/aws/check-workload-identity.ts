import { type Duration } from 'cdk8s';
import { Token } from 'cdktf';
import { dnsLabelProblem, dnsSubdomainProblem, isEksClusterName } from '../validation/names';
import { type Problems } from '../validation/problems';

/** The props of an identity that can be wrong. */
export interface IdentitySettings {
  readonly clusterName: string;
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly permissionsBoundaryArn?: string;
  readonly path?: string;
  readonly maxSessionDuration?: Duration;
}

/** Reports everything that is wrong with an identity. */
export function checkWorkloadIdentity(props: IdentitySettings, problems: Problems): void {
  const { clusterName, namespace, serviceAccountName, path, maxSessionDuration, permissionsBoundaryArn } = props;
  if (!isEksClusterName(clusterName)) {
    const rule =
      'must be a name of at most 100 letters, digits, - and _ that the program chooses: names of roles begin with it';
    problems.add('clusterName', clusterName, rule);
  }
  problems.check('namespace', namespace, dnsLabelProblem(namespace));
  problems.check('serviceAccountName', serviceAccountName, dnsSubdomainProblem(serviceAccountName));
  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
  if (path !== undefined && !/^\/([\x21-\x7e]{1,510}\/)?$/.test(path)) {
    problems.add('path', path, "must begin and end with a slash, for example '/mlops/'");
  }
  const hours = maxSessionDuration?.toHours({ integral: false }) ?? 1;
  if (hours < 1 || hours > 12) {
    problems.add('maxSessionDuration', maxSessionDuration?.toHumanString(), 'must be 1 to 12 hours');
  }
  if (
    permissionsBoundaryArn !== undefined &&
    !Token.isUnresolved(permissionsBoundaryArn) &&
    !/^arn:[a-z-]+:iam::(\d{12}|aws):policy\/.+/.test(permissionsBoundaryArn)
  ) {
    problems.add('permissionsBoundaryArn', permissionsBoundaryArn, 'must be the ARN of a policy of IAM');
  }
}

/** Reports a bucket or a prefix that IAM would take for a pattern. */
export function checkGrant(bucketName: string, prefix: string, problems: Problems): void {
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
  if (/[*?$]/.test(prefix)) {
    problems.add('prefix', prefix, 'must be a name as it is: IAM gives *, ? and $ a meaning');
  }
  if (!Token.isUnresolved(bucketName) && !/^[^*?$/]+$/.test(bucketName)) {
    problems.add('bucketName', bucketName, 'must be the name of a bucket');
  }
}
