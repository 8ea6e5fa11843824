import { DbSubnetGroup } from '@cdktf/provider-aws/lib/db-subnet-group';
import { type Construct } from 'constructs';
import { resourceName } from '../platform/resource-name';
import { type DatabaseMonitoring } from './database-monitoring';

/** Port of PostgreSQL. */
export const DATABASE_PORT = 5432;

/** The only user, who owns the database. */
export const MASTER_USER = 'mlflow';

/** What both kinds of database are made of. */
export interface DatabaseParts {
  readonly identifier: string;
  readonly databaseName: string;
  readonly securityGroupId: string;
  readonly subnetIds: string[];
  readonly monitoring: DatabaseMonitoring;
  readonly kmsKeyArn?: string;
  readonly backupRetentionDays: number;
  readonly backupWindow?: string;
  readonly maintenanceWindow?: string;
  readonly deletionProtection: boolean;
  readonly finalSnapshotName?: string;
  readonly tags: Record<string, string>;
}

/** What is known of a database once it runs. */
export interface RunningDatabase {
  readonly endpoint: string;
  readonly secretArn: string;
  readonly kmsKeyArn: string;
}

/** Slow statements and waits for locks are in the log; a connection without TLS is refused. */
export const PARAMETERS: readonly { readonly name: string; readonly value: string }[] = [
  { name: 'log_lock_waits', value: '1' },
  // Milliseconds.
  { name: 'log_min_duration_statement', value: '1000' },
  { name: 'rds.force_ssl', value: '1' },
];

/** Days of performance data that cost nothing. */
export const PERFORMANCE_DAYS = 7;

/** Where the database may be. */
export function subnetGroup(scope: Construct, { identifier, subnetIds, tags }: DatabaseParts): string {
  return new DbSubnetGroup(scope, 'Subnets', {
    name: resourceName(255, identifier, 'subnets'),
    description: `Subnets of ${identifier}`,
    subnetIds,
    tags,
  }).name;
}
