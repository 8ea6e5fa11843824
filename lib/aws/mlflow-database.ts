import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group';
import { Token } from 'cdktf';
import { Construct } from 'constructs';
import { resourceName } from '../platform/resource-name';
import { checkMlflowDatabase } from './check-mlflow-database';
import { DatabaseMonitoring } from './database-monitoring';
import { DATABASE_PORT, type DatabaseParts, type RunningDatabase } from './database-parts';
import { instanceDatabase } from './instance-database';
import { MlflowDatabaseEngine } from './mlflow-database-engine';
import { serverlessDatabase } from './serverless-database';

/** What MLflow's database may be told. */
export interface MlflowDatabaseOptions {
  /**
   * Which database it is.
   *
   * @default MlflowDatabaseEngine.postgres()
   */
  readonly engine?: MlflowDatabaseEngine;

  /**
   * Name of the database on the server.
   *
   * @default mlflow
   */
  readonly databaseName?: string;

  /**
   * ARN of a KMS key for the data, the snapshots, the password and the performance data.
   *
   * @default - the keys that RDS and Secrets Manager keep in the account: snapshots can be read for as long as they are there,
   *   whatever becomes of this stack, and whoever may read the secret needs no right on a key
   */
  readonly kmsKeyArn?: string;

  /**
   * Days for which the database can be put back to any second, 1 to 35.
   *
   * @default 7
   */
  readonly backupRetentionDays?: number;

  /**
   * When the daily backup is taken, in UTC, for example `02:00-03:00`.
   *
   * @default - half an hour that AWS chooses
   */
  readonly backupWindow?: string;

  /**
   * When minor versions and changes that need a restart are applied, in UTC, for example `sun:03:30-sun:04:30`.
   *
   * @default - half an hour a week that AWS chooses
   */
  readonly maintenanceWindow?: string;

  /**
   * Whether AWS refuses to delete the database. To tear down, set it to false and apply first.
   *
   * @default true
   */
  readonly deletionProtection?: boolean;

  /**
   * Whether a deletion leaves a snapshot, `<identifier>-final`. It is paid for until somebody deletes it, and a second deletion
   * fails while it is there.
   *
   * @default true
   */
  readonly finalSnapshot?: boolean;

  /**
   * Seconds between two measurements of the operating system: 1, 5, 10, 15, 30, 60, or 0 for none.
   *
   * @default 60
   */
  readonly monitoringIntervalSeconds?: number;

  /**
   * Days for which PostgreSQL's log is kept in CloudWatch: one of those that CloudWatch knows, for example 7, 30, 90 or 365.
   *
   * @default 30
   */
  readonly logRetentionDays?: number;

  /**
   * ARN of a permissions boundary of the role that measures.
   *
   * @default - none
   */
  readonly permissionsBoundaryArn?: string;
}

/** MLflow's database. */
export interface MlflowDatabaseProps extends MlflowDatabaseOptions {
  /** Name of the database server, unique in the account and region. */
  readonly identifier: string;

  /** VPC of the cluster. */
  readonly vpcId: string;

  /** Private subnets of the VPC, in at least two availability zones. */
  readonly subnetIds: readonly string[];

  /** Security groups that may connect, and nobody else: those of the cluster's nodes, or of MLflow's pods. */
  readonly clientSecurityGroupIds: readonly string[];

  /**
   * Tags of every resource.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

/**
 * PostgreSQL for MLflow on RDS or Aurora: encrypted, TLS only, backed up, and reached by the given security groups only. The password
 * of its only user is made by RDS, kept in Secrets Manager and changed every week: it is in no state and no manifest.
 */
export class MlflowDatabase extends Construct {
  /** Host of the database, which AWS makes. */
  public readonly endpoint: string;
  /** Port of the database. */
  public readonly port: number = DATABASE_PORT;
  /** Name of the database. */
  public readonly databaseName: string;
  /** ARN of the secret with `username` and `password`, and nothing else. */
  public readonly masterUserSecretArn: string;
  /** ARN of the key of the data. */
  public readonly kmsKeyArn: string;
  /** Security group of the database. */
  public readonly securityGroupId: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: MlflowDatabaseProps) {
    super(scope, id);
    checkMlflowDatabase(this, props);
    const { identifier, engine = MlflowDatabaseEngine.postgres(), databaseName = 'mlflow' } = props;
    const { monitoringIntervalSeconds = 60, logRetentionDays = 30, permissionsBoundaryArn } = props;
    const tags = { ...props.tags };
    const { _config: config } = engine;
    this.databaseName = databaseName;
    this.securityGroupId = this.securityGroup(props);

    const monitoring = new DatabaseMonitoring(this, 'Monitoring', {
      ...{ identifier, cluster: config.kind === 'serverless', intervalSeconds: monitoringIntervalSeconds },
      ...{ logRetentionDays, permissionsBoundaryArn, tags },
    });
    const parts: DatabaseParts = {
      ...{ identifier, databaseName, monitoring, tags, securityGroupId: this.securityGroupId },
      subnetIds: [...props.subnetIds],
      kmsKeyArn: props.kmsKeyArn,
      backupRetentionDays: props.backupRetentionDays ?? 7,
      backupWindow: props.backupWindow,
      maintenanceWindow: props.maintenanceWindow,
      deletionProtection: props.deletionProtection ?? true,
      finalSnapshotName: (props.finalSnapshot ?? true) ? resourceName(255, identifier, 'final') : undefined,
    };
    const made: RunningDatabase =
      config.kind === 'instance' ? instanceDatabase(this, parts, config) : serverlessDatabase(this, parts, config);
    this.endpoint = made.endpoint;
    this.masterUserSecretArn = made.secretArn;
    this.kmsKeyArn = made.kmsKeyArn;
  }

  /** The rule is part of the group, so that a rule that somebody adds by hand goes at the next apply. */
  private securityGroup({ identifier, vpcId, clientSecurityGroupIds, tags }: MlflowDatabaseProps): string {
    const port = DATABASE_PORT;
    return new SecurityGroup(this, 'SecurityGroup', {
      // Not the identifier first: AWS takes no name that begins with 'sg-'.
      name: resourceName(255, 'database', identifier),
      description: `Who may connect to ${identifier}`,
      vpcId,
      ingress: [
        {
          description: 'PostgreSQL from the cluster',
          ...{ protocol: 'tcp', fromPort: port, toPort: port },
          securityGroups: Token.isUnresolved(clientSecurityGroupIds)
            ? (clientSecurityGroupIds as string[])
            : [...clientSecurityGroupIds],
        },
      ],
      tags: { ...tags },
    }).id;
  }
}
