import { DbInstance } from '@cdktf/provider-aws/lib/db-instance';
import { DbParameterGroup } from '@cdktf/provider-aws/lib/db-parameter-group';
import { type Construct } from 'constructs';
import { resourceName } from '../platform/resource-name';
import {
  DATABASE_PORT,
  type DatabaseParts,
  MASTER_USER,
  PARAMETERS,
  PERFORMANCE_DAYS,
  type RunningDatabase,
  subnetGroup,
} from './database-parts';
import { type InstanceConfig } from './mlflow-database-engine';

/** One instance of RDS for PostgreSQL. */
export function instanceDatabase(scope: Construct, parts: DatabaseParts, config: InstanceConfig): RunningDatabase {
  const { identifier, kmsKeyArn, monitoring, finalSnapshotName, tags } = parts;
  const family = `postgres${config.majorVersion}`;
  const parameters = new DbParameterGroup(scope, 'Parameters', {
    // Named by the version: an upgrade needs the group of the next one while the last one is still in use.
    name: resourceName(255, identifier, family),
    description: `Settings of ${identifier}`,
    family,
    parameter: [...PARAMETERS],
    lifecycle: { createBeforeDestroy: true },
    tags,
  });
  const database = new DbInstance(scope, 'Resource', {
    identifier,
    engine: 'postgres',
    engineVersion: String(config.majorVersion),
    allowMajorVersionUpgrade: config.allowMajorVersionUpgrade,
    autoMinorVersionUpgrade: true,
    instanceClass: config.instanceClass,
    multiAz: config.multiAz,
    storageType: 'gp3',
    allocatedStorage: config.storageGib,
    maxAllocatedStorage: config.maxStorageGib,
    storageEncrypted: true,
    kmsKeyId: kmsKeyArn,
    dbName: parts.databaseName,
    username: MASTER_USER,
    manageMasterUserPassword: true,
    masterUserSecretKmsKeyId: kmsKeyArn,
    port: DATABASE_PORT,
    parameterGroupName: parameters.name,
    dbSubnetGroupName: subnetGroup(scope, parts),
    vpcSecurityGroupIds: [parts.securityGroupId],
    publiclyAccessible: false,
    backupRetentionPeriod: parts.backupRetentionDays,
    backupWindow: parts.backupWindow,
    maintenanceWindow: parts.maintenanceWindow,
    copyTagsToSnapshot: true,
    deletionProtection: parts.deletionProtection,
    skipFinalSnapshot: finalSnapshotName === undefined,
    finalSnapshotIdentifier: finalSnapshotName,
    performanceInsightsEnabled: true,
    performanceInsightsRetentionPeriod: PERFORMANCE_DAYS,
    performanceInsightsKmsKeyId: kmsKeyArn,
    monitoringInterval: monitoring.intervalSeconds,
    monitoringRoleArn: monitoring.roleArn,
    enabledCloudwatchLogsExports: monitoring.logs,
    dependsOn: monitoring.dependencies,
    tags,
  });
  return {
    endpoint: database.address,
    secretArn: database.masterUserSecret.get(0).secretArn,
    kmsKeyArn: kmsKeyArn ?? database.kmsKeyId,
  };
}
