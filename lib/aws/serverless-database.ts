import { RdsCluster } from '@cdktf/provider-aws/lib/rds-cluster';
import { RdsClusterInstance } from '@cdktf/provider-aws/lib/rds-cluster-instance';
import { RdsClusterParameterGroup } from '@cdktf/provider-aws/lib/rds-cluster-parameter-group';
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
import { type ServerlessConfig } from './mlflow-database-engine';

const ENGINE = 'aurora-postgresql';

/** A cluster of Aurora PostgreSQL Serverless v2. */
export function serverlessDatabase(scope: Construct, parts: DatabaseParts, config: ServerlessConfig): RunningDatabase {
  const { identifier, kmsKeyArn, monitoring, finalSnapshotName, maintenanceWindow, tags } = parts;
  const family = `${ENGINE}${config.majorVersion}`;
  const parameters = new RdsClusterParameterGroup(scope, 'Parameters', {
    // Named by the version: an upgrade needs the group of the next one while the last one is still in use.
    name: resourceName(255, identifier, family),
    description: `Settings of ${identifier}`,
    family,
    parameter: [...PARAMETERS],
    lifecycle: { createBeforeDestroy: true },
    tags,
  });
  const dbSubnetGroupName = subnetGroup(scope, parts);
  const cluster = new RdsCluster(scope, 'Resource', {
    clusterIdentifier: identifier,
    engine: ENGINE,
    engineMode: 'provisioned',
    engineVersion: String(config.majorVersion),
    allowMajorVersionUpgrade: config.allowMajorVersionUpgrade,
    serverlessv2ScalingConfiguration: {
      minCapacity: config.minCapacity,
      maxCapacity: config.maxCapacity,
      secondsUntilAutoPause: config.pauseAfterSeconds,
    },
    storageEncrypted: true,
    kmsKeyId: kmsKeyArn,
    databaseName: parts.databaseName,
    masterUsername: MASTER_USER,
    manageMasterUserPassword: true,
    masterUserSecretKmsKeyId: kmsKeyArn,
    port: DATABASE_PORT,
    dbClusterParameterGroupName: parameters.name,
    dbSubnetGroupName,
    vpcSecurityGroupIds: [parts.securityGroupId],
    backupRetentionPeriod: parts.backupRetentionDays,
    preferredBackupWindow: parts.backupWindow,
    preferredMaintenanceWindow: maintenanceWindow,
    copyTagsToSnapshot: true,
    deletionProtection: parts.deletionProtection,
    skipFinalSnapshot: finalSnapshotName === undefined,
    finalSnapshotIdentifier: finalSnapshotName,
    enabledCloudwatchLogsExports: monitoring.logs,
    dependsOn: monitoring.dependencies,
    tags,
  });
  for (let number = 1; number <= config.instances; number += 1) {
    new RdsClusterInstance(scope, `Instance${number}`, {
      identifier: resourceName(63, identifier, String(number)),
      clusterIdentifier: cluster.id,
      engine: ENGINE,
      engineVersion: cluster.engineVersion,
      instanceClass: 'db.serverless',
      autoMinorVersionUpgrade: true,
      dbSubnetGroupName,
      publiclyAccessible: false,
      preferredMaintenanceWindow: maintenanceWindow,
      copyTagsToSnapshot: true,
      performanceInsightsEnabled: true,
      performanceInsightsRetentionPeriod: PERFORMANCE_DAYS,
      performanceInsightsKmsKeyId: kmsKeyArn,
      monitoringInterval: monitoring.intervalSeconds,
      monitoringRoleArn: monitoring.roleArn,
      dependsOn: monitoring.dependencies,
      tags,
    });
  }
  return {
    endpoint: cluster.endpoint,
    secretArn: cluster.masterUserSecret.get(0).secretArn,
    kmsKeyArn: kmsKeyArn ?? cluster.kmsKeyId,
  };
}
