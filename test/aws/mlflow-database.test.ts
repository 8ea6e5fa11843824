import { Duration } from 'cdk8s';
import { Fn, TerraformOutput, Token } from 'cdktf';
import {
  type AuroraServerlessEngineOptions,
  MlflowDatabase,
  MlflowDatabaseEngine,
  type MlflowDatabaseProps,
  type PostgresEngineOptions,
} from 'cdk8s-mlops/aws';
import { SynthesizedStack } from '../support/stack';
import { problemsOf, type Rendered } from '../support/synth';

const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd';
const PROPS = {
  identifier: 'fraud-prod-mlflow',
  vpcId: 'vpc-1',
  subnetIds: ['subnet-1', 'subnet-2'],
  clientSecurityGroupIds: ['sg-1'],
};

function database(props: Partial<MlflowDatabaseProps> = {}): SynthesizedStack {
  return SynthesizedStack.of((stack) => {
    const made = new MlflowDatabase(stack, 'database', { ...PROPS, ...props });
    const { endpoint, port, databaseName, masterUserSecretArn, kmsKeyArn, securityGroupId } = made;
    const outputs = { endpoint, port, databaseName, masterUserSecretArn, kmsKeyArn, securityGroupId };
    for (const [name, value] of Object.entries(outputs)) new TerraformOutput(stack, name, { value });
  });
}

const instance = (props: Partial<MlflowDatabaseProps> = {}): Rendered => database(props).one('aws_db_instance');
const postgres = (options: PostgresEngineOptions): Rendered =>
  instance({ engine: MlflowDatabaseEngine.postgres(options) });
const aurora = (
  options: AuroraServerlessEngineOptions = {},
  props: Partial<MlflowDatabaseProps> = {},
): SynthesizedStack => database({ engine: MlflowDatabaseEngine.auroraServerless(options), ...props });

const BOTH: [string, () => SynthesizedStack, string][] = [
  ['postgres', () => database(), 'aws_db_instance'],
  ['aurora', () => aurora(), 'aws_rds_cluster'],
];

describe.each(BOTH)('on %s', (_, build, type) => {
  test('it is encrypted, backed up, and hard to lose', () => {
    expect(build().one(type)).toMatchObject({
      ...{ storage_encrypted: true, backup_retention_period: 7, copy_tags_to_snapshot: true },
      ...{ deletion_protection: true, skip_final_snapshot: false },
      final_snapshot_identifier: 'fraud-prod-mlflow-final',
    });
  });

  test('nobody chooses or sees the password', () => {
    const made = build().one(type);
    expect(made.manage_master_user_password).toBe(true);
    const passwords = Object.keys(made).filter(
      (name) => /password/.test(name) && name !== 'manage_master_user_password',
    );
    expect(passwords).toEqual([]);
  });

  test('minor versions come by themselves, a major one does not', () => {
    const stack = build();
    expect(stack.one(type)).toMatchObject({ engine_version: '17', allow_major_version_upgrade: false });
    const instances = [...stack.all('aws_db_instance'), ...stack.all('aws_rds_cluster_instance')];
    expect(instances.map(({ auto_minor_version_upgrade }) => auto_minor_version_upgrade)).toEqual([true]);
  });

  test('it is not on the internet, and open to the given groups on one port', () => {
    const stack = build();
    const groups = Object.keys(stack.byId('aws_security_group'));
    expect(stack.one(type).vpc_security_group_ids).toEqual([`\${aws_security_group.${groups[0]}.id}`]);
    const instances = [...stack.all('aws_db_instance'), ...stack.all('aws_rds_cluster_instance')];
    expect(instances.map(({ publicly_accessible }) => publicly_accessible)).toEqual([false]);
    expect(stack.one('aws_security_group')).toMatchObject({ name: 'database-fraud-prod-mlflow', vpc_id: 'vpc-1' });
    expect(stack.one('aws_security_group')).not.toHaveProperty('egress');
    expect(stack.one('aws_security_group').ingress).toEqual([
      {
        ...{ description: 'PostgreSQL from the cluster', protocol: 'tcp', from_port: 5432, to_port: 5432 },
        security_groups: ['sg-1'],
        ...{ cidr_blocks: null, ipv6_cidr_blocks: null, prefix_list_ids: null, self: null },
      },
    ]);
    expect(stack.one('aws_db_subnet_group')).toMatchObject({
      ...{ name: 'fraud-prod-mlflow-subnets', subnet_ids: ['subnet-1', 'subnet-2'] },
    });
  });

  test('it is watched, by a role that can do nothing else', () => {
    const stack = build();
    const watched = [...stack.all('aws_db_instance'), ...stack.all('aws_rds_cluster_instance')][0];
    expect(watched).toMatchObject({
      ...{ performance_insights_enabled: true, performance_insights_retention_period: 7, monitoring_interval: 60 },
      monitoring_role_arn: expect.stringMatching(/^\$\{aws_iam_role\.\w+\.arn\}$/),
    });
    const role = stack.one('aws_iam_role');
    expect(role.name).toBe('fraud-prod-mlflow-monitoring');
    expect(JSON.parse(role.assume_role_policy)).toEqual({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { Service: 'monitoring.rds.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ],
    });
    expect(stack.one('aws_iam_role_policy_attachment').policy_arn).toMatch(
      /^arn:\$\{data\.aws_partition\.\w+\.partition\}:iam::aws:policy\/service-role\/AmazonRDSEnhancedMonitoringRole$/,
    );
    const order = watched.depends_on.map((each: string) => each.split('.')[0]);
    expect(order).toEqual(['aws_cloudwatch_log_group', 'aws_iam_role_policy_attachment']);
  });

  test('its log is there first, and goes with it', () => {
    const stack = build();
    const group = stack.one('aws_cloudwatch_log_group');
    const folder = type === 'aws_rds_cluster' ? 'cluster' : 'instance';
    expect(group).toMatchObject({ name: `/aws/rds/${folder}/fraud-prod-mlflow/postgresql`, retention_in_days: 30 });
    expect(stack.one(type).enabled_cloudwatch_logs_exports).toEqual(['postgresql']);
    expect(stack.one(type).depends_on[0]).toMatch(/^aws_cloudwatch_log_group\./);
  });
});

test('PostgreSQL by default', () => {
  const stack = database();
  expect(stack.one('aws_db_instance')).toMatchObject({
    ...{ identifier: 'fraud-prod-mlflow', engine: 'postgres', db_name: 'mlflow', username: 'mlflow', port: 5432 },
    ...{ instance_class: 'db.t4g.small', multi_az: false, storage_type: 'gp3' },
    ...{ allocated_storage: 20, max_allocated_storage: 100 },
  });
  const [id] = Object.keys(stack.byId('aws_db_instance'));
  expect(stack.output('endpoint')).toBe(`\${aws_db_instance.${id}.address}`);
  expect(stack.output('masterUserSecretArn')).toBe(`\${aws_db_instance.${id}.master_user_secret[0].secret_arn}`);
  expect(stack.output('kmsKeyArn')).toBe(`\${aws_db_instance.${id}.kms_key_id}`);
  expect(stack.output('port')).toBe(5432);
  expect(stack.output('databaseName')).toBe('mlflow');
  expect(stack.output('securityGroupId')).toMatch(/^\$\{aws_security_group\.\w+\.id\}$/);
});

test('every option of PostgreSQL reaches it', () => {
  const options: Required<PostgresEngineOptions> = {
    ...{ instanceClass: 'db.m8g.large', storageGib: 100, maxStorageGib: 110, multiAz: true },
    ...{ majorVersion: 18, allowMajorVersionUpgrade: true },
  };
  expect(postgres(options)).toMatchObject({
    ...{ instance_class: 'db.m8g.large', allocated_storage: 100, max_allocated_storage: 110, multi_az: true },
    ...{ engine_version: '18', allow_major_version_upgrade: true },
  });
});

test('Aurora Serverless', () => {
  const stack = aurora();
  const cluster = stack.one('aws_rds_cluster');
  expect(cluster).toMatchObject({
    ...{ cluster_identifier: 'fraud-prod-mlflow', engine: 'aurora-postgresql', engine_mode: 'provisioned' },
    ...{ database_name: 'mlflow', master_username: 'mlflow', port: 5432 },
    serverlessv2_scaling_configuration: { min_capacity: 0.5, max_capacity: 4 },
  });
  expect(cluster.serverlessv2_scaling_configuration).not.toHaveProperty('seconds_until_auto_pause');
  const [id] = Object.keys(stack.byId('aws_rds_cluster'));
  expect(stack.one('aws_rds_cluster_instance')).toMatchObject({
    ...{ identifier: 'fraud-prod-mlflow-1', instance_class: 'db.serverless', engine: 'aurora-postgresql' },
    cluster_identifier: `\${aws_rds_cluster.${id}.id}`,
    engine_version: `\${aws_rds_cluster.${id}.engine_version}`,
    db_subnet_group_name: cluster.db_subnet_group_name,
  });
  expect(stack.output('endpoint')).toBe(`\${aws_rds_cluster.${id}.endpoint}`);
  expect(stack.output('masterUserSecretArn')).toBe(`\${aws_rds_cluster.${id}.master_user_secret[0].secret_arn}`);
  expect(stack.output('kmsKeyArn')).toBe(`\${aws_rds_cluster.${id}.kms_key_id}`);
  expect(stack.output('port')).toBe(5432);
});

test('every option of Aurora reaches it', () => {
  const options: Required<AuroraServerlessEngineOptions> = {
    ...{ minCapacity: 0, maxCapacity: 1, pauseAfter: Duration.minutes(10), instances: 2 },
    ...{ majorVersion: 16, allowMajorVersionUpgrade: true },
  };
  const stack = aurora(options);
  expect(stack.one('aws_rds_cluster')).toMatchObject({
    ...{ engine_version: '16', allow_major_version_upgrade: true },
    serverlessv2_scaling_configuration: { min_capacity: 0, max_capacity: 1, seconds_until_auto_pause: 600 },
  });
  expect(stack.all('aws_rds_cluster_instance').map(({ identifier }) => identifier)).toEqual([
    ...['fraud-prod-mlflow-1', 'fraud-prod-mlflow-2'],
  ]);
  expect(stack.one('aws_rds_cluster_parameter_group').family).toBe('aurora-postgresql16');
  expect(aurora({ minCapacity: 0 }).one('aws_rds_cluster').serverlessv2_scaling_configuration).toEqual({
    ...{ min_capacity: 0, max_capacity: 4, seconds_until_auto_pause: 300 },
  });
});

test.each([
  ['aws_db_parameter_group', 'postgres17', () => database()],
  ['aws_rds_cluster_parameter_group', 'aurora-postgresql17', () => aurora()],
])('%s: TLS only, and what is slow is in the log', (type, family, build) => {
  const group = build().one(type);
  expect(group).toMatchObject({ name: `fraud-prod-mlflow-${family}`, family });
  expect(group.parameter).toEqual([
    { name: 'log_lock_waits', value: '1' },
    { name: 'log_min_duration_statement', value: '1000' },
    { name: 'rds.force_ssl', value: '1' },
  ]);
  expect(group.lifecycle).toEqual({ create_before_destroy: true });
});

describe.each([
  ['postgres', MlflowDatabaseEngine.postgres(), 'aws_db_instance'],
  ['aurora', MlflowDatabaseEngine.auroraServerless(), 'aws_rds_cluster'],
])('every prop reaches %s', (_, engine, type) => {
  const stack = database({
    ...{ engine, databaseName: 'tracking', kmsKeyArn: KEY, backupRetentionDays: 35, tags: { team: 'ml' } },
    ...{ backupWindow: '02:00-03:00', maintenanceWindow: 'sun:03:30-sun:04:30', deletionProtection: false },
    ...{ finalSnapshot: false, monitoringIntervalSeconds: 15, logRetentionDays: 365 },
    permissionsBoundaryArn: 'arn:aws:iam::123456789012:policy/boundary',
  });
  const made = stack.one(type);
  const [watched] = [...stack.all('aws_db_instance'), ...stack.all('aws_rds_cluster_instance')];

  test('itself', () => {
    const aws = type === 'aws_db_instance';
    expect(made).toMatchObject({
      [aws ? 'db_name' : 'database_name']: 'tracking',
      [aws ? 'backup_window' : 'preferred_backup_window']: '02:00-03:00',
      [aws ? 'maintenance_window' : 'preferred_maintenance_window']: 'sun:03:30-sun:04:30',
      ...{ kms_key_id: KEY, master_user_secret_kms_key_id: KEY, backup_retention_period: 35 },
      ...{ deletion_protection: false, skip_final_snapshot: true },
    });
    expect(made).not.toHaveProperty('final_snapshot_identifier');
    expect(watched).toMatchObject({ performance_insights_kms_key_id: KEY, monitoring_interval: 15 });
    expect(stack.output('databaseName')).toBe('tracking');
    expect(stack.output('kmsKeyArn')).toBe(KEY);
  });

  test('what is around it', () => {
    expect(stack.one('aws_iam_role').permissions_boundary).toBe('arn:aws:iam::123456789012:policy/boundary');
    expect(stack.one('aws_cloudwatch_log_group').retention_in_days).toBe(365);
    const tagged = stack.ids.filter((id) => !id.startsWith('aws_iam_role_policy_attachment.'));
    for (const id of tagged) {
      const [kind = '', name = ''] = id.split('.');
      expect([id, stack.byId(kind)[name].tags]).toEqual([id, { team: 'ml' }]);
    }
  });
});

test('without measurements there is no role', () => {
  for (const engine of [MlflowDatabaseEngine.postgres(), MlflowDatabaseEngine.auroraServerless()]) {
    const stack = database({ engine, monitoringIntervalSeconds: 0 });
    expect(stack.all('aws_iam_role')).toEqual([]);
    const [watched] = [...stack.all('aws_db_instance'), ...stack.all('aws_rds_cluster_instance')];
    expect(watched.monitoring_interval).toBe(0);
    expect(watched).not.toHaveProperty('monitoring_role_arn');
  }
});

test('what only Terraform knows is taken as it is', () => {
  const list = Token.asList(Fn.split(',', 'a,b'));
  const stack = database({
    ...{ subnetIds: list, clientSecurityGroupIds: list, vpcId: Fn.join('', ['v', 'pc']) },
    ...{ kmsKeyArn: Fn.join('', ['k']), permissionsBoundaryArn: Fn.join('', ['p']) },
  });
  expect(stack.one('aws_db_subnet_group').subnet_ids).toMatch(/^\$\{split\(/);
  expect(stack.one('aws_security_group').ingress[0].security_groups).toMatch(/^\$\{split\(/);
});

test('names stay within the limits of AWS', () => {
  const identifier = `a${'b'.repeat(62)}`;
  const stack = aurora({}, { identifier });
  expect(stack.one('aws_rds_cluster').cluster_identifier).toBe(identifier);
  expect(stack.one('aws_rds_cluster_instance').identifier).toHaveLength(63);
  expect(stack.one('aws_iam_role').name.length).toBe(64);
});

test('another client renames nothing', () => {
  expect(database({ clientSecurityGroupIds: ['sg-0', 'sg-1'] }).ids).toEqual(database().ids);
  expect(aurora({ instances: 2 }).ids).toEqual(expect.arrayContaining(aurora().ids));
});

describe('what is wrong', () => {
  test.each(['', '1a', 'Fraud', 'fraud_a', 'fraud--a', 'fraud-', 'a'.repeat(64)])('identifier %j', (identifier) => {
    expect(problemsOf(() => database({ identifier }))).toEqual([
      `'identifier' ('${identifier}') must be 1 to 63 lower-case letters, digits and single hyphens, begin with a letter and not end with a hyphen`,
    ]);
  });

  test.each(['', '1a', 'ml-flow', 'MLflow', 'a'.repeat(64)])('database name %j', (databaseName) => {
    expect(problemsOf(() => database({ databaseName }))).toEqual([
      `'databaseName' ('${databaseName}') must be 1 to 63 lower-case letters, digits and _, and begin with a letter`,
    ]);
  });

  test('a database that is there already', () => {
    expect(problemsOf(() => database({ databaseName: 'postgres' }))).toEqual([
      "'databaseName' ('postgres') is taken already: name another",
    ]);
  });

  test('the network', () => {
    const build = (): unknown =>
      database({ vpcId: 'vpc', subnetIds: ['subnet-1', 'subnet-1'], clientSecurityGroupIds: [] });
    expect(build).toThrow("MlflowDatabase 'test/database' has 3 problems:");
    expect(problemsOf(build)).toEqual([
      "'vpcId' ('vpc') must be the id of a VPC, which begins with 'vpc-'",
      `'subnetIds' (["subnet-1","subnet-1"]) must be two subnets or more, in different availability zones (RDS)`,
      "'clientSecurityGroupIds' ([]) must name who connects: the security group of the nodes",
    ]);
    expect(
      problemsOf(() => database({ subnetIds: ['subnet-1', 'subnet-'], clientSecurityGroupIds: ['0.0.0.0/0'] })),
    ).toEqual([
      "'subnetIds' ('subnet-') must be the id of a subnet, which begins with 'subnet-'",
      "'clientSecurityGroupIds' ('0.0.0.0/0') must be the id of a security group, which begins with 'sg-'",
    ]);
  });

  test('how it is run', () => {
    const found = problemsOf(() =>
      database({
        ...{ kmsKeyArn: 'alias/acme', backupRetentionDays: 0, backupWindow: '2:00-3:00', logRetentionDays: 31 },
        ...{ maintenanceWindow: '03:30-04:30', monitoringIntervalSeconds: 20, permissionsBoundaryArn: 'boundary' },
      }),
    );
    expect(found).toEqual([
      expect.stringContaining("'kmsKeyArn' ('alias/acme') must be the ARN of a key"),
      "'backupRetentionDays' (0) must be a whole number from 1 to 35",
      "'backupWindow' ('2:00-3:00') must be two times in UTC, for example '02:00-03:00'",
      "'maintenanceWindow' ('03:30-04:30') must be two times of a week in UTC, for example 'sun:03:30-sun:04:30'",
      "'monitoringIntervalSeconds' (20) must be one of 0, 1, 5, 10, 15, 30, 60",
      expect.stringMatching(/^'logRetentionDays' \(31\) must be one of 1, 3, .* \(CloudWatch\)$/),
      "'permissionsBoundaryArn' ('boundary') must be the ARN of a policy",
    ]);
    expect(problemsOf(() => database({ backupRetentionDays: 36, backupWindow: '24:00-25:00' }))).toHaveLength(2);
    expect(problemsOf(() => database({ backupRetentionDays: 1.5 }))).toHaveLength(1);
  });

  test('an instance', () => {
    const build = (): unknown =>
      MlflowDatabaseEngine.postgres({
        majorVersion: 17.6,
        instanceClass: 't4g.small',
        storageGib: 19,
        maxStorageGib: 20,
      });
    expect(build).toThrow('MlflowDatabaseEngine.postgres has 4 problems:');
    expect(problemsOf(build)).toEqual([
      "'majorVersion' (17.6) must be one of 15, 16, 17, 18, without a minor version",
      "'instanceClass' ('t4g.small') must be a class of instances, for example 'db.t4g.small'",
      "'storageGib' (19) must be a whole number from 20 to 65536",
      "'maxStorageGib' (20) must be a whole number from 21 (storageGib and 10 %) to 65536",
    ]);
    expect(postgres({ storageGib: 20_000 }).max_allocated_storage).toBe(65_536);
    expect(problemsOf(() => MlflowDatabaseEngine.postgres({ maxStorageGib: 65_537 }))).toHaveLength(1);
    expect(problemsOf(() => MlflowDatabaseEngine.postgres({ instanceClass: 'db.serverless' }))).toHaveLength(1);
  });

  test('a cluster', () => {
    const build = (): unknown =>
      MlflowDatabaseEngine.auroraServerless({
        ...{ majorVersion: 14, minCapacity: 5.25, maxCapacity: 0.5, pauseAfter: Duration.minutes(4), instances: 0 },
      });
    expect(build).toThrow('MlflowDatabaseEngine.auroraServerless has 7 problems:');
    expect(problemsOf(build)).toEqual([
      "'majorVersion' (14) must be one of 15, 16, 17, 18, without a minor version",
      "'minCapacity' (5.25) must be 0 to 256 in steps of 0.5",
      "'maxCapacity' (0.5) must be 1 to 256 in steps of 0.5",
      "'minCapacity' (5.25) must not be above the maximum (0.5)",
      expect.stringMatching(/^'pauseAfter' \('.*'\) must be 5 minutes to a day$/),
      expect.stringMatching(/^'pauseAfter' \('.*'\) needs a minCapacity of 0, which is 5.25$/),
      "'instances' (0) must be a whole number from 1 to 16",
    ]);
    const options = [{ minCapacity: -1 }, { maxCapacity: 256.5 }, { instances: 17 }, { majorVersion: 19 }];
    for (const each of options) expect(problemsOf(() => MlflowDatabaseEngine.auroraServerless(each))).toHaveLength(1);
    const paused = (pauseAfter: Duration): unknown =>
      MlflowDatabaseEngine.auroraServerless({ minCapacity: 0, pauseAfter });
    expect(problemsOf(() => paused(Duration.days(2)))).toHaveLength(1);
    expect(problemsOf(() => paused(Duration.millis(300_001)))).toHaveLength(1);
    expect(() => paused(Duration.days(1))).not.toThrow();
  });
});
