import { Token } from 'cdktf';
import { isEksClusterName } from '../validation/names';
import { type Problems } from '../validation/problems';
import { clusterAddons } from './eks-addons';
import { type EksClusterProps } from './eks-cluster';
import { checkSystemNodes } from './eks-cluster-options';
import { checkVpc } from './eks-vpc';
import { kubernetesVersionProblem } from './kubernetes-versions';

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
const RETENTION_DAYS = [
  ...[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
];

const KEY_ARN = /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/.+$/;

/** Reports everything that is wrong with a cluster. */
export function checkEksCluster(props: EksClusterProps, version: string, problems: Problems): void {
  const { name, admins = [], logs, logRetentionDays, secretsKeyArn, addonVersions = {} } = props;
  if (!isEksClusterName(name)) {
    problems.add('name', name, 'must be at most 100 letters, digits, - and _, and begin with a letter or digit');
  }
  problems.check('kubernetesVersion', version, kubernetesVersionProblem(version, props.extendedSupport ?? false));
  checkVpc(props.vpc ?? {}, problems);
  checkSystemNodes(props.systemNodes ?? {}, problems);
  for (const admin of admins) {
    if (!/^arn:aws[a-z-]*:iam::\d{12}:(role|user)\/.+$/.test(admin)) {
      problems.add('admins', admin, 'must be the ARN of a role or user, with its path, known at synthesis');
    }
  }
  if (new Set(admins).size < admins.length) problems.add('admins', admins, 'must not name anybody twice');
  if (admins.length === 0 && props.creatorIsAdmin === false) {
    problems.add(
      'admins',
      admins,
      'must name somebody where whoever makes the cluster is no admin: nobody could use it',
    );
  }
  if (new Set(logs).size < (logs?.length ?? 0)) problems.add('logs', logs, 'must not name a log twice');
  if (logRetentionDays !== undefined && !RETENTION_DAYS.includes(logRetentionDays)) {
    problems.add('logRetentionDays', logRetentionDays, `must be one of ${RETENTION_DAYS.join(', ')}`);
  }
  const isKey = secretsKeyArn === undefined || Token.isUnresolved(secretsKeyArn) || KEY_ARN.test(secretsKeyArn);
  if (!isKey) problems.add('secretsKeyArn', secretsKeyArn, 'must be the ARN of a KMS key');
  const known = Object.keys(clusterAddons('', {}, {}));
  for (const [addon, pinned] of Object.entries(addonVersions)) {
    const prop = `addonVersions.${addon}`;
    if (!known.includes(addon)) problems.add(prop, pinned, `is none of the add-ons, which are ${known.join(', ')}`);
    if (!/^v\d+\.\d+\.\d+-eksbuild\.\d+$/.test(pinned)) {
      problems.add(prop, pinned, "must be a version of EKS, for example 'v1.20.4-eksbuild.2'");
    }
  }
}
