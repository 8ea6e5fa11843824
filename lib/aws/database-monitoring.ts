import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition';
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment';
import { type ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import { resourceName } from '../platform/resource-name';

/** How a database is watched. */
export interface DatabaseMonitoringProps {
  readonly identifier: string;
  readonly cluster: boolean;
  readonly intervalSeconds: number;
  readonly logRetentionDays: number;
  readonly permissionsBoundaryArn?: string;
  readonly tags: Record<string, string>;
}

/** A log group that a destroy deletes, and the role by which RDS measures the operating system. */
export class DatabaseMonitoring extends Construct {
  /** Logs that are exported. */
  public readonly logs = ['postgresql'];
  /** Seconds between two measurements; 0 for none. */
  public readonly intervalSeconds: number;
  /** Role that measures, if there are measurements. */
  public readonly roleArn?: string;
  /** What must be there before the database. */
  public readonly dependencies: ITerraformDependable[];

  constructor(scope: Construct, id: string, props: DatabaseMonitoringProps) {
    super(scope, id);
    const { identifier, cluster, intervalSeconds, logRetentionDays, tags } = props;
    this.intervalSeconds = intervalSeconds;
    // RDS would make the group itself, to keep its entries for ever, also after the database is gone.
    const logs = new CloudwatchLogGroup(this, 'Log', {
      name: `/aws/rds/${cluster ? 'cluster' : 'instance'}/${identifier}/postgresql`,
      retentionInDays: logRetentionDays,
      tags,
    });
    this.dependencies = [logs];
    if (intervalSeconds === 0) return;

    const { partition } = new DataAwsPartition(this, 'Partition');
    const role = new IamRole(this, 'Role', {
      name: resourceName(64, identifier, 'monitoring'),
      description: `RDS measures ${identifier}`,
      assumeRolePolicy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Principal: { Service: 'monitoring.rds.amazonaws.com' }, Action: 'sts:AssumeRole' },
        ],
      }),
      permissionsBoundary: props.permissionsBoundaryArn,
      tags,
    });
    // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html
    const policy = new IamRolePolicyAttachment(this, 'Policy', {
      role: role.name,
      policyArn: `arn:${partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole`,
    });
    this.roleArn = role.arn;
    this.dependencies.push(policy);
  }
}
