import { TerraformOutput } from 'cdktf';
import { BucketExpiry, BucketTransition, ModelBucket, type ModelBucketProps } from 'cdk8s-mlops/aws';
import { SynthesizedStack } from '../support/stack';
import { problemsOf, type Rendered } from '../support/synth';

const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd';

function bucket(props: Partial<ModelBucketProps> = {}): SynthesizedStack {
  const defaults = { bucketName: 'acme-models', expiry: BucketExpiry.archivedOnly() };
  return SynthesizedStack.of((stack) => new ModelBucket(stack, 'models', { ...defaults, ...props }));
}

function rules(props: Partial<ModelBucketProps>): Record<string, Rendered> {
  const { rule } = bucket(props).one('aws_s3_bucket_lifecycle_configuration');
  return Object.fromEntries(rule.map((each: Rendered) => [each.id, each]));
}

function statements(props: Partial<ModelBucketProps> = {}): Rendered[] {
  return JSON.parse(bucket(props).one('aws_s3_bucket_policy').policy).Statement;
}

describe('what expires', () => {
  test('only what was archived, so that nothing that may serve is deleted', () => {
    const made = rules({ expiry: BucketExpiry.archivedOnly() });
    expect(made['expire']).toEqual({
      ...{ id: 'expire', status: 'Enabled', expiration: [{ days: 90 }] },
      filter: [{ tag: [{ key: 'lifecycle', value: 'archived' }] }],
    });
    const withDays = Object.values(made).filter(({ expiration }) => expiration?.[0].days !== undefined);
    expect(withDays).toHaveLength(1);
  });

  test('or everything', () => {
    expect(rules({ expiry: BucketExpiry.all(30) })['expire']).toMatchObject({
      filter: [{ prefix: '' }],
      expiration: [{ days: 30 }],
    });
  });

  test('or folders, each after its own time, and nothing beside them', () => {
    const made = rules({ expiry: BucketExpiry.folders({ logs: 30, 'reports/drift': 365 }) });
    expect(Object.keys(made)).toEqual(['expire-logs', 'expire-reports/drift', 'clean-up']);
    expect(made['expire-logs']).toMatchObject({ filter: [{ prefix: 'logs/' }], expiration: [{ days: 30 }] });
    expect(made['expire-reports/drift']).toMatchObject({
      filter: [{ prefix: 'reports/drift/' }],
      expiration: [{ days: 365 }],
    });
  });

  test('overwritten and deleted objects, what is left of them, and broken uploads', () => {
    expect(rules({})['clean-up']).toEqual({
      ...{ id: 'clean-up', status: 'Enabled', filter: [{ prefix: '' }] },
      expiration: [{ expired_object_delete_marker: true }],
      noncurrent_version_expiration: [{ noncurrent_days: 30 }],
      abort_incomplete_multipart_upload: [{ days_after_initiation: 7 }],
    });
    expect(rules({ recoverableDays: 1 })['clean-up'].noncurrent_version_expiration).toEqual([{ noncurrent_days: 1 }]);
  });

  test('the rules wait until there are versions', () => {
    expect(bucket().one('aws_s3_bucket_lifecycle_configuration').depends_on).toEqual([
      expect.stringMatching(/^aws_s3_bucket_versioning\./),
    ]);
  });

  test('days and folders that are none', () => {
    expect(problemsOf(() => BucketExpiry.all(0))).toEqual(["'days' (0) must be a whole number from 1 on"]);
    expect(problemsOf(() => BucketExpiry.archivedOnly(1.5))).toHaveLength(1);
    expect(problemsOf(() => BucketExpiry.folders({}))).toEqual([
      'names no folder: write for example BucketExpiry.folders({ logs: 90 })',
    ]);
    expect(problemsOf(() => BucketExpiry.folders({ '/logs': 0, 'a b': 1, 'a//b': 1, '': 1 }))).toEqual([
      "'days of /logs' (0) must be a whole number from 1 on",
      "'folder' ('/logs') must be a name such as 'logs', without a slash at either end",
      "'folder' ('a b') must be a name such as 'logs', without a slash at either end",
      "'folder' ('a//b') must be a name such as 'logs', without a slash at either end",
      "'folder' ('') must be a name such as 'logs', without a slash at either end",
    ]);
    expect(problemsOf(() => BucketExpiry.folders({ logs: 90, 'logs/a': 365, logs2: 1 }))).toEqual([
      "'folder' ('logs/a') lies within 'logs', and of two times S3 takes the shorter: name one of them",
    ]);
  });
});

describe('what gets cheaper', () => {
  test('nothing, unless asked for', () => {
    expect(Object.keys(rules({}))).toEqual(['expire', 'clean-up']);
    expect(Object.keys(rules({ transition: BucketTransition.none() }))).toEqual(['expire', 'clean-up']);
  });

  test.each([
    ['INTELLIGENT_TIERING', 30, BucketTransition.intelligentTiering()],
    ['INTELLIGENT_TIERING', 0, BucketTransition.intelligentTiering(0)],
    ['STANDARD_IA', 30, BucketTransition.infrequentAccess()],
    ['STANDARD_IA', 60, BucketTransition.infrequentAccess(60)],
  ])('large objects get to %s after %d days', (storage_class, days, transition) => {
    expect(rules({ transition })['transition']).toEqual({
      ...{ id: 'transition', status: 'Enabled', transition: [{ days, storage_class }] },
      filter: [{ object_size_greater_than: 131_071 }],
    });
  });

  test('days that are none', () => {
    expect(problemsOf(() => BucketTransition.intelligentTiering(-1))).toHaveLength(1);
    expect(problemsOf(() => BucketTransition.infrequentAccess(29))).toEqual([
      "'days' (29) must be a whole number from 30 on",
    ]);
  });

  test('not what expires before it pays', () => {
    const build = (days: number, transition: BucketTransition) => (): unknown =>
      bucket({ expiry: BucketExpiry.all(days), transition });
    expect(problemsOf(build(30, BucketTransition.intelligentTiering()))).toEqual([
      "'transition' ('INTELLIGENT_TIERING after 30 days') is too late for what expires after 30 days: let it expire after 31, or leave the transition out",
    ]);
    expect(problemsOf(build(59, BucketTransition.infrequentAccess()))).toHaveLength(1);
    expect(build(31, BucketTransition.intelligentTiering())).not.toThrow();
    expect(build(60, BucketTransition.infrequentAccess())).not.toThrow();
    const archived = { expiry: BucketExpiry.archivedOnly(7), transition: BucketTransition.infrequentAccess() };
    expect(() => bucket(archived)).not.toThrow();
  });
});

describe('who gets in', () => {
  test('nobody without TLS', () => {
    expect(statements()).toEqual([
      {
        ...{ Sid: 'TlsOnly', Effect: 'Deny', Principal: '*', Action: 's3:*' },
        Resource: ['${aws_s3_bucket.models_3A8DAD06.arn}', '${aws_s3_bucket.models_3A8DAD06.arn}/*'],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ]);
  });

  test('never the public, and no account but its own owns an object', () => {
    const made = bucket();
    expect(made.one('aws_s3_bucket_public_access_block')).toMatchObject({
      ...{ block_public_acls: true, block_public_policy: true },
      ...{ ignore_public_acls: true, restrict_public_buckets: true },
    });
    expect(made.one('aws_s3_bucket_ownership_controls').rule).toEqual({ object_ownership: 'BucketOwnerEnforced' });
  });

  test('changes of the access come one after the other', () => {
    const made = bucket();
    const after = (type: string): string => made.one(type).depends_on.join();
    expect(after('aws_s3_bucket_ownership_controls')).toMatch(/^aws_s3_bucket_public_access_block\.[^,]+$/);
    expect(after('aws_s3_bucket_policy')).toMatch(/^aws_s3_bucket_ownership_controls\.[^,]+$/);
  });
});

describe('encryption', () => {
  test("with a key of S3's own", () => {
    const [rule] = bucket().one('aws_s3_bucket_server_side_encryption_configuration').rule;
    expect(rule).toEqual({
      apply_server_side_encryption_by_default: { sse_algorithm: 'AES256' },
      bucket_key_enabled: false,
    });
  });

  test('with a given key, and no other', () => {
    const [rule] = bucket({ kmsKeyArn: KEY }).one('aws_s3_bucket_server_side_encryption_configuration').rule;
    expect(rule).toEqual({
      apply_server_side_encryption_by_default: { sse_algorithm: 'aws:kms', kms_master_key_id: KEY },
      bucket_key_enabled: true,
    });
    expect(statements({ kmsKeyArn: KEY })[1]).toEqual({
      ...{ Sid: 'OneKeyOnly', Effect: 'Deny', Principal: '*', Action: 's3:PutObject' },
      Resource: '${aws_s3_bucket.models_3A8DAD06.arn}/*',
      Condition: {
        Null: { 's3:x-amz-server-side-encryption': 'false' },
        StringNotEquals: { 's3:x-amz-server-side-encryption-aws-kms-key-id': KEY },
      },
    });
  });

  // As IAM evaluates it: a negated condition holds where its key is missing.
  test.each([
    ['nothing', {}, true],
    ["the bucket's key", { algorithm: 'aws:kms', key: KEY }, true],
    ["the bucket's key twice", { algorithm: 'aws:kms:dsse', key: KEY }, true],
    ['another key', { algorithm: 'aws:kms', key: `${KEY}5` }, false],
    ["S3's own KMS key", { algorithm: 'aws:kms' }, false],
    ['no KMS key', { algorithm: 'AES256' }, false],
  ])('an upload that asks for %s', (_, asks: { algorithm?: string; key?: string }, allowed) => {
    const { Null, StringNotEquals } = statements({ kmsKeyArn: KEY })[1].Condition;
    const request: Record<string, string | undefined> = {
      's3:x-amz-server-side-encryption': asks.algorithm,
      's3:x-amz-server-side-encryption-aws-kms-key-id': asks.key,
    };
    const missing = Object.entries(Null).every(([key, value]) => (request[key] === undefined) === (value === 'true'));
    const differs = Object.entries(StringNotEquals).every(([key, value]) => request[key] !== value);
    expect(missing && differs).toBe(!allowed);
  });
});

test('every prop reaches it', () => {
  const made = bucket({ tags: { team: 'ml' }, forceDestroy: true, accessLogBucketName: 'acme-logs' });
  expect(made.one('aws_s3_bucket')).toEqual({ bucket: 'acme-models', force_destroy: true, tags: { team: 'ml' } });
  expect(made.one('aws_s3_bucket_logging')).toMatchObject({
    target_bucket: 'acme-logs',
    target_prefix: 'acme-models/',
  });
  expect(made.one('aws_s3_bucket_versioning').versioning_configuration).toEqual({ status: 'Enabled' });
});

test('a bucket with objects outlives a destroy, and nobody logs what is not asked for', () => {
  expect(bucket().one('aws_s3_bucket').force_destroy).toBe(false);
  expect(bucket().all('aws_s3_bucket_logging')).toEqual([]);
});

test('it has the address that the manifests name', () => {
  const synthesized = SynthesizedStack.of((stack) => {
    const made = new ModelBucket(stack, 'models', { bucketName: 'acme-models', expiry: BucketExpiry.all() });
    expect(made.uri).toBe('s3://acme-models');
    expect(made.bucketName).toBe('acme-models');
    new TerraformOutput(stack, 'arn', { value: made.arn });
  });
  expect(synthesized.output('arn')).toBe('${aws_s3_bucket.models_3A8DAD06.arn}');
});

test.each(['', 'ab', 'a'.repeat(64), 'Acme', 'acme.models', '-acme', 'acme-', 'a_b', 'acme ', '${a}'])(
  '%j is no name',
  (name) => {
    expect(problemsOf(() => bucket({ bucketName: name }))).toEqual([
      `'bucketName' ('${name}') must be 3 to 63 lower-case letters, digits and hyphens (S3; no dots, because of TLS)`,
    ]);
  },
);

test.each(['xn--acme', 'sthree-acme', 'amzn-s3-demo-a', 'a-s3alias', 'acme--ol-s3', 'a--x-s3', 'a--table-s3', 'a-an'])(
  '%s is kept by S3',
  (name) => {
    expect(problemsOf(() => bucket({ bucketName: name }))).toEqual([
      `'bucketName' ('${name}') begins or ends as S3 keeps for itself`,
    ]);
  },
);

test.each(['abc', 'a'.repeat(63), '1a2', 'a--b', 'swan', 'swan-an1'])('%s is a name', (name) => {
  expect(bucket({ bucketName: name }).one('aws_s3_bucket').bucket).toBe(name);
});

test('every problem is reported at once', () => {
  const build = (): unknown =>
    bucket({ bucketName: 'Acme', kmsKeyArn: ' ', recoverableDays: 0, accessLogBucketName: 'Acme' });
  expect(build).toThrow("ModelBucket 'test/models' has 5 problems:");
  const found = problemsOf(build);
  expect(found.slice(1)).toEqual([
    expect.stringContaining("'accessLogBucketName' ('Acme') must be 3 to 63"),
    "'accessLogBucketName' ('Acme') must be another bucket: every entry would make an entry",
    "'recoverableDays' (0) must be a whole number from 1 on",
    "'kmsKeyArn' (' ') must be the ARN of a key, for example 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd', and not of an alias",
  ]);
});

test.each(['arn:aws:kms:eu-central-1:123456789012:alias/acme', 'alias/acme', '1234abcd', 'arn:aws:s3:::acme'])(
  '%s is no ARN of a key',
  (kmsKeyArn) => {
    expect(problemsOf(() => bucket({ kmsKeyArn })).join()).toContain("'kmsKeyArn'");
  },
);
