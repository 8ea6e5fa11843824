import { Token } from 'cdktf';
import { type IConstruct } from 'constructs';
import { Problems } from '../validation/problems';
import { kmsKeyArnProblem } from './encryption-key';
import { type MlflowDatabaseProps } from './mlflow-database';

const INTERVALS: readonly number[] = [0, 1, 5, 10, 15, 30, 60];
/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const LOG_DAYS: readonly number[] = [
  ...[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
];
/** Names that PostgreSQL and RDS have taken already. */
const TAKEN: readonly string[] = ['postgres', 'rdsadmin', 'template0', 'template1'];
const TIME = '([01]\\d|2[0-3]):[0-5]\\d';
const DAY = '(mon|tue|wed|thu|fri|sat|sun)';

/** @throws ValidationError listing everything that is wrong. */
export function checkMlflowDatabase(construct: IConstruct, props: MlflowDatabaseProps): void {
  const problems = Problems.of(construct);
  checkNames(problems, props);
  checkNetwork(problems, props);
  checkOperation(problems, props);
  problems.throwIfAny();
}

function checkNames(problems: Problems, { identifier, databaseName }: MlflowDatabaseProps): void {
  // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
  if (!/^[a-z](-?[a-z0-9])*$/.test(identifier) || identifier.length > 63) {
    const shape = 'lower-case letters, digits and single hyphens';
    problems.add('identifier', identifier, `must be 1 to 63 ${shape}, begin with a letter and not end with a hyphen`);
  }
  if (databaseName === undefined) return;
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(databaseName)) {
    problems.add(
      'databaseName',
      databaseName,
      'must be 1 to 63 lower-case letters, digits and _, and begin with a letter',
    );
  }
  if (TAKEN.includes(databaseName)) problems.add('databaseName', databaseName, 'is taken already: name another');
}

function checkNetwork(problems: Problems, { vpcId, subnetIds, clientSecurityGroupIds }: MlflowDatabaseProps): void {
  if (!isId(vpcId, 'vpc-')) problems.add('vpcId', vpcId, "must be the id of a VPC, which begins with 'vpc-'");
  if (!Token.isUnresolved(subnetIds)) {
    if (new Set(subnetIds).size < 2) {
      problems.add('subnetIds', subnetIds, 'must be two subnets or more, in different availability zones (RDS)');
    }
    for (const subnet of subnetIds) {
      if (!isId(subnet, 'subnet-'))
        problems.add('subnetIds', subnet, "must be the id of a subnet, which begins with 'subnet-'");
    }
  }
  if (Token.isUnresolved(clientSecurityGroupIds)) return;
  if (clientSecurityGroupIds.length === 0) {
    problems.add(
      'clientSecurityGroupIds',
      clientSecurityGroupIds,
      'must name who connects: the security group of the nodes',
    );
  }
  for (const group of clientSecurityGroupIds) {
    if (isId(group, 'sg-')) continue;
    problems.add('clientSecurityGroupIds', group, "must be the id of a security group, which begins with 'sg-'");
  }
}

function checkOperation(problems: Problems, props: MlflowDatabaseProps): void {
  const { kmsKeyArn, backupRetentionDays, backupWindow, maintenanceWindow } = props;
  const { monitoringIntervalSeconds, logRetentionDays, permissionsBoundaryArn } = props;
  if (kmsKeyArn !== undefined) problems.check('kmsKeyArn', kmsKeyArn, kmsKeyArnProblem(kmsKeyArn));
  if (
    backupRetentionDays !== undefined &&
    !(Number.isInteger(backupRetentionDays) && backupRetentionDays >= 1 && backupRetentionDays <= 35)
  ) {
    problems.add('backupRetentionDays', backupRetentionDays, 'must be a whole number from 1 to 35');
  }
  if (backupWindow !== undefined && !new RegExp(`^${TIME}-${TIME}$`).test(backupWindow)) {
    problems.add('backupWindow', backupWindow, "must be two times in UTC, for example '02:00-03:00'");
  }
  if (maintenanceWindow !== undefined && !new RegExp(`^${DAY}:${TIME}-${DAY}:${TIME}$`).test(maintenanceWindow)) {
    problems.add(
      'maintenanceWindow',
      maintenanceWindow,
      "must be two times of a week in UTC, for example 'sun:03:30-sun:04:30'",
    );
  }
  if (monitoringIntervalSeconds !== undefined && !INTERVALS.includes(monitoringIntervalSeconds)) {
    problems.add('monitoringIntervalSeconds', monitoringIntervalSeconds, `must be one of ${INTERVALS.join(', ')}`);
  }
  if (logRetentionDays !== undefined && !LOG_DAYS.includes(logRetentionDays)) {
    problems.add('logRetentionDays', logRetentionDays, `must be one of ${LOG_DAYS.join(', ')} (CloudWatch)`);
  }
  if (permissionsBoundaryArn === undefined || Token.isUnresolved(permissionsBoundaryArn)) return;
  if (!/^arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/.+$/.test(permissionsBoundaryArn)) {
    problems.add('permissionsBoundaryArn', permissionsBoundaryArn, 'must be the ARN of a policy');
  }
}

function isId(id: string, prefix: string): boolean {
  return Token.isUnresolved(id) || (id.startsWith(prefix) && id.length > prefix.length);
}
