import { Duration } from 'cdk8s';
import { TerraformOutput } from 'cdktf';
import { BucketTransition, ModelStorage, type ModelStorageProps } from 'cdk8s-mlops/aws';
import { STORAGE_FOLDERS } from '../../lib/platform/storage-folders';
import { SynthesizedStack } from '../support/stack';
import { problemsOf, type Rendered } from '../support/synth';

const BUCKETS = {
  models: 'acme-prod-models',
  artifacts: 'acme-prod-artifacts',
  training: 'acme-prod-training',
  predictions: 'acme-prod-predictions',
};
const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd';

function storage(props: Partial<ModelStorageProps> = {}): SynthesizedStack {
  return SynthesizedStack.of((stack) => new ModelStorage(stack, 'storage', { buckets: BUCKETS, ...props }));
}

/** Lifecycle rules by use of the bucket and by name. */
function rules(made: SynthesizedStack): Record<string, Record<string, Rendered>> {
  const entries = Object.entries(made.byId('aws_s3_bucket_lifecycle_configuration')).map(([id, { rule }]) => [
    id.split('_')[1]?.toLowerCase(),
    Object.fromEntries(rule.map((each: Rendered) => [each.id, each])),
  ]);
  return Object.fromEntries(entries);
}

test('four buckets by the names that the manifests name', () => {
  expect(
    storage()
      .all('aws_s3_bucket')
      .map(({ bucket }) => bucket),
  ).toEqual(Object.values(BUCKETS).sort());
  const synthesized = SynthesizedStack.of((stack) => {
    const made = new ModelStorage(stack, 'storage', { buckets: BUCKETS });
    const { models, artifacts, training, predictions } = made;
    expect([models, artifacts, training, predictions].map(({ uri }) => uri)).toEqual(
      Object.values(BUCKETS).map((name) => `s3://${name}`),
    );
    new TerraformOutput(stack, 'key', { value: made.kmsKeyArn });
  });
  expect(synthesized.output('key')).toMatch(/^\$\{aws_kms_key\.storage_Key_\w+\.arn\}$/);
});

describe('what expires', () => {
  test('of models and artifacts only what was archived', () => {
    const made = rules(storage());
    for (const use of ['models', 'artifacts']) {
      const expiring = Object.values(made[use]!).filter(({ expiration }) => expiration?.[0].days);
      expect(expiring).toEqual([
        {
          ...{ id: 'expire', status: 'Enabled', expiration: [{ days: 90 }] },
          filter: [{ tag: [{ key: 'lifecycle', value: 'archived' }] }],
        },
      ]);
    }
  });

  test('of training workspaces of runs, and no data set', () => {
    const { training } = rules(storage());
    expect(Object.keys(training!)).toEqual(['expire-runs', 'clean-up']);
    expect(training!['expire-runs']).toMatchObject({ filter: [{ prefix: 'runs/' }], expiration: [{ days: 90 }] });
  });

  test('of predictions logs, and reports later', () => {
    const { predictions } = rules(storage());
    expect(Object.keys(predictions!)).toEqual(['expire-logs', 'expire-reports', 'clean-up']);
    expect(predictions!['expire-logs']).toMatchObject({ filter: [{ prefix: 'logs/' }], expiration: [{ days: 90 }] });
    expect(predictions!['expire-reports']).toMatchObject({
      filter: [{ prefix: 'reports/' }],
      expiration: [{ days: 365 }],
    });
  });

  test('when it is asked for', () => {
    const made = rules(storage({ expireAfter: Duration.days(400), expireReportsAfter: Duration.hours(48) }));
    expect(made['models']!['expire'].expiration).toEqual([{ days: 400 }]);
    expect(made['artifacts']!['expire'].expiration).toEqual([{ days: 400 }]);
    expect(made['training']!['expire-runs'].expiration).toEqual([{ days: 400 }]);
    expect(made['predictions']!['expire-logs'].expiration).toEqual([{ days: 400 }]);
    expect(made['predictions']!['expire-reports'].expiration).toEqual([{ days: 2 }]);
  });

  test('deleted models come back for a month, deleted predictions for a week', () => {
    const made = rules(storage());
    const days = Object.entries(made).map(([use, each]) => [
      use,
      each['clean-up'].noncurrent_version_expiration[0].noncurrent_days,
    ]);
    expect(Object.fromEntries(days)).toEqual({ models: 30, artifacts: 30, training: 7, predictions: 7 });
  });
});

test('what is kept gets cheaper, what expires only when asked for', () => {
  const classes = (props: Partial<ModelStorageProps>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(rules(storage(props))).map(([use, each]) => [use, each['transition']?.transition]),
    );
  const tiering = [{ days: 30, storage_class: 'INTELLIGENT_TIERING' }];
  expect(classes({})).toEqual({ models: tiering, artifacts: tiering });
  expect(classes({ transition: BucketTransition.none() })).toEqual({});
  const infrequent = [{ days: 45, storage_class: 'STANDARD_IA' }];
  expect(classes({ transition: BucketTransition.infrequentAccess(45) })).toEqual({
    ...{ models: infrequent, artifacts: infrequent, training: infrequent, predictions: infrequent },
  });
});

describe('the key', () => {
  test('is rotated, has an alias, and is for those whom the account allows it', () => {
    const made = storage();
    const key = made.one('aws_kms_key');
    expect(key).toMatchObject({ enable_key_rotation: true, deletion_window_in_days: 30 });
    const root =
      'arn:${data.aws_partition.storage_Key_Partition_63C4E2CB.partition}:iam::' +
      '${data.aws_caller_identity.storage_Key_Account_C4667C57.account_id}:root';
    expect(JSON.parse(key.policy)).toEqual({
      Version: '2012-10-17',
      Statement: [{ Sid: 'AccountByIam', Effect: 'Allow', Principal: { AWS: root }, Action: 'kms:*', Resource: '*' }],
    });
    expect(made.one('aws_kms_alias').name).toBe('alias/acme-prod-models-storage');
    expect(made.one('aws_kms_alias').target_key_id).toMatch(/^\$\{aws_kms_key\.storage_Key_\w+\.key_id\}$/);
  });

  test('is that of every bucket', () => {
    const encrypted = storage().all('aws_s3_bucket_server_side_encryption_configuration');
    const keys = encrypted.map(({ rule }) => rule[0].apply_server_side_encryption_by_default.kms_master_key_id);
    expect(keys).toHaveLength(4);
    expect(new Set(keys)).toEqual(new Set([expect.stringMatching(/^\$\{aws_kms_key\.storage_Key_\w+\.arn\}$/)]));
  });

  test('is deleted after the buckets: what a destroy leaves can be read', () => {
    for (const bucket of storage().all('aws_s3_bucket')) {
      expect(bucket.depends_on).toEqual([expect.stringMatching(/^aws_kms_key\.storage_Key_\w+$/)]);
    }
  });

  test('may be given', () => {
    const made = storage({ kmsKeyArn: KEY });
    expect(made.all('aws_kms_key')).toEqual([]);
    expect(made.all('aws_kms_alias')).toEqual([]);
    for (const { rule } of made.all('aws_s3_bucket_server_side_encryption_configuration')) {
      expect(rule[0].apply_server_side_encryption_by_default.kms_master_key_id).toBe(KEY);
    }
    for (const bucket of made.all('aws_s3_bucket')) expect(bucket.depends_on).toBeUndefined();
  });

  test('has an alias of at most 256 characters, however long a name is', () => {
    const models = `${'m'.repeat(62)}1`;
    expect(storage({ buckets: { ...BUCKETS, models } }).one('aws_kms_alias').name).toBe(`alias/${models}-storage`);
  });
});

test('every prop reaches every bucket', () => {
  const made = storage({ tags: { team: 'ml' }, forceDestroy: true, accessLogBucketName: 'acme-logs' });
  for (const bucket of made.all('aws_s3_bucket')) {
    expect(bucket).toMatchObject({ tags: { team: 'ml' }, force_destroy: true });
  }
  expect(made.one('aws_kms_key').tags).toEqual({ team: 'ml' });
  expect(made.all('aws_s3_bucket_logging').map(({ target_prefix }) => target_prefix)).toEqual(
    Object.values(BUCKETS)
      .sort()
      .map((name) => `${name}/`),
  );
});

test('a destroy deletes nothing that has objects, unless asked for', () => {
  expect(
    storage()
      .all('aws_s3_bucket')
      .map(({ force_destroy }) => force_destroy),
  ).toEqual([false, false, false, false]);
});

test('what a bucket is made of is named by its use, and not by its name', () => {
  const other = { models: 'a-models', artifacts: 'a-artifacts', training: 'a-training', predictions: 'a-predictions' };
  expect(storage({ buckets: other }).ids).toEqual(storage().ids);
});

test('the folders do not lie within each other', () => {
  expect(new Set(Object.values(STORAGE_FOLDERS)).size).toBe(4);
});

describe('what is wrong', () => {
  test('one bucket for two uses', () => {
    const buckets = { ...BUCKETS, training: BUCKETS.models, predictions: BUCKETS.models };
    expect(problemsOf(() => storage({ buckets }))).toEqual([
      "'buckets.training' ('acme-prod-models') is the bucket of models too: they expire by different rules, name another",
      "'buckets.predictions' ('acme-prod-models') is the bucket of models too: they expire by different rules, name another",
    ]);
  });

  test('times that are no days', () => {
    const build = (): unknown => storage({ expireAfter: Duration.hours(36), expireReportsAfter: Duration.days(0) });
    expect(build).toThrow("ModelStorage 'test/storage' has 2 problems:");
    expect(problemsOf(build)).toEqual([
      expect.stringMatching(/^'expireAfter' \('.*'\) must be a whole number of days from 1 on$/),
      expect.stringMatching(/^'expireReportsAfter' \('.*'\) must be a whole number of days from 1 on$/),
    ]);
  });

  test('names and keys that AWS refuses, with the bucket they are of', () => {
    const buckets = { ...BUCKETS, training: 'Acme' };
    expect(() => storage({ buckets })).toThrow("ModelBucket 'test/storage/Training' has 1 problem:");
    expect(problemsOf(() => storage({ kmsKeyArn: '' })).join()).toContain("'kmsKeyArn'");
    const transition = BucketTransition.infrequentAccess();
    expect(() => storage({ transition, expireAfter: Duration.days(45) })).toThrow(
      "ModelBucket 'test/storage/Training' has 1 problem:",
    );
  });
});
