import { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket';
import { S3BucketLifecycleConfiguration } from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration';
import { S3BucketLoggingA } from '@cdktf/provider-aws/lib/s3-bucket-logging';
import { S3BucketOwnershipControls } from '@cdktf/provider-aws/lib/s3-bucket-ownership-controls';
import { S3BucketPolicy } from '@cdktf/provider-aws/lib/s3-bucket-policy';
import { S3BucketPublicAccessBlock } from '@cdktf/provider-aws/lib/s3-bucket-public-access-block';
import { S3BucketServerSideEncryptionConfigurationA } from '@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration';
import { S3BucketVersioningA } from '@cdktf/provider-aws/lib/s3-bucket-versioning';
import { Token } from 'cdktf';
import { Construct } from 'constructs';
import { Problems } from '../validation/problems';
import { type BucketExpiry, BucketTransition, lifecycleRules } from './bucket-lifecycle';
import { kmsKeyArnProblem } from './encryption-key';

/** A bucket of the platform. */
export interface ModelBucketProps {
  /** Name of the bucket, the same that the manifests name in their URIs. */
  readonly bucketName: string;

  /** What expires. */
  readonly expiry: BucketExpiry;

  /**
   * Which cheaper storage class objects get to as they age.
   *
   * @default BucketTransition.none()
   */
  readonly transition?: BucketTransition;

  /**
   * Days for which overwritten and deleted objects can be brought back, and are paid for.
   *
   * @default 30
   */
  readonly recoverableDays?: number;

  /**
   * ARN of a KMS key. An upload that asks for another key, or for none, is refused; one that asks for nothing gets this key.
   *
   * @default - encrypted with a key of S3's own
   */
  readonly kmsKeyArn?: string;

  /**
   * Name of a bucket that gets a log of who read and wrote what, under the name of this one. It must let
   * `logging.s3.amazonaws.com` write.
   *
   * @default - none is kept
   */
  readonly accessLogBucketName?: string;

  /**
   * Whether a destroy deletes the bucket with everything in it. Without it, a destroy fails while there is an object: S3 deletes no
   * bucket that is not empty.
   *
   * @default false
   */
  readonly forceDestroy?: boolean;

  /**
   * Tags of the bucket.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

/** A bucket that is versioned, encrypted, reached by TLS only, never public, and cleaned up. */
export class ModelBucket extends Construct {
  /** Name of the bucket. */
  public readonly bucketName: string;
  /** Address of the bucket, without a trailing slash. */
  public readonly uri: string;
  /** ARN of the bucket. */
  public readonly arn: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: ModelBucketProps) {
    super(scope, id);
    this.check(props);
    const { bucketName, expiry, kmsKeyArn, accessLogBucketName, forceDestroy = false } = props;
    const { transition = BucketTransition.none(), recoverableDays = 30 } = props;
    this.bucketName = bucketName;
    this.uri = `s3://${bucketName}`;

    const bucket = new S3Bucket(this, 'Resource', { bucket: bucketName, forceDestroy, tags: { ...props.tags } });
    this.arn = bucket.arn;
    const versioning = new S3BucketVersioningA(this, 'Versioning', {
      bucket: bucket.id,
      versioningConfiguration: { status: 'Enabled' },
    });
    new S3BucketServerSideEncryptionConfigurationA(this, 'Encryption', {
      bucket: bucket.id,
      rule: [
        {
          applyServerSideEncryptionByDefault: {
            sseAlgorithm: kmsKeyArn === undefined ? 'AES256' : 'aws:kms',
            kmsMasterKeyId: kmsKeyArn,
          },
          // One call to KMS for many objects, instead of one for each.
          bucketKeyEnabled: kmsKeyArn !== undefined,
        },
      ],
    });
    const access = new S3BucketPublicAccessBlock(this, 'PublicAccess', {
      bucket: bucket.id,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    // S3 refuses two changes of a bucket's access at a time, so one waits for the other.
    const ownership = new S3BucketOwnershipControls(this, 'Ownership', {
      bucket: bucket.id,
      rule: { objectOwnership: 'BucketOwnerEnforced' },
      dependsOn: [access],
    });
    new S3BucketPolicy(this, 'Policy', {
      bucket: bucket.id,
      policy: JSON.stringify(bucketPolicy(bucket.arn, kmsKeyArn)),
      dependsOn: [ownership],
    });
    new S3BucketLifecycleConfiguration(this, 'Lifecycle', {
      bucket: bucket.id,
      rule: lifecycleRules({ expiry, transition, recoverableDays }),
      dependsOn: [versioning],
    });
    if (accessLogBucketName !== undefined) {
      new S3BucketLoggingA(this, 'AccessLog', {
        bucket: bucket.id,
        targetBucket: accessLogBucketName,
        targetPrefix: `${bucketName}/`,
      });
    }
  }

  private check(props: ModelBucketProps): void {
    const { bucketName, kmsKeyArn, accessLogBucketName, expiry, transition, recoverableDays = 30 } = props;
    const problems = Problems.of(this);
    problems.check('bucketName', bucketName, bucketNameProblem(bucketName));
    if (accessLogBucketName !== undefined && !Token.isUnresolved(accessLogBucketName)) {
      problems.check('accessLogBucketName', accessLogBucketName, bucketNameProblem(accessLogBucketName));
    }
    if (accessLogBucketName === bucketName) {
      problems.add(
        'accessLogBucketName',
        accessLogBucketName,
        'must be another bucket: every entry would make an entry',
      );
    }
    if (!Number.isInteger(recoverableDays) || recoverableDays < 1) {
      problems.add('recoverableDays', recoverableDays, 'must be a whole number from 1 on');
    }
    if (kmsKeyArn !== undefined) problems.check('kmsKeyArn', kmsKeyArn, kmsKeyArnProblem(kmsKeyArn));
    if (transition?.storageClass !== undefined) {
      for (const { days, onlyArchived } of expiry.rules) {
        // An object is archived long after it was written, and written anew then.
        if (onlyArchived || days >= transition.worthwhileUntil) continue;
        problems.add(
          'transition',
          `${transition.storageClass} after ${transition.days} days`,
          `is too late for what expires after ${days} days: let it expire after ${transition.worthwhileUntil}, or leave the transition out`,
        );
      }
    }
    problems.throwIfAny();
  }
}

/** What is wrong with the name of a bucket, or undefined. @internal */
export function bucketNameProblem(name: string): string | undefined {
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)) {
    return 'must be 3 to 63 lower-case letters, digits and hyphens (S3; no dots, because of TLS)';
  }
  return /^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3|-an)$/.test(name)
    ? 'begins or ends as S3 keeps for itself'
    : undefined;
}

function bucketPolicy(arn: string, kmsKeyArn: string | undefined): object {
  const tlsOnly = {
    Sid: 'TlsOnly',
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: [arn, `${arn}/*`],
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
  // Uploads that ask for nothing are let through: they get the bucket's key. `aws:kms` without a key would be S3's own KMS key, and
  // a condition that a key is not equal holds as well where none is named.
  const oneKeyOnly = {
    Sid: 'OneKeyOnly',
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:PutObject',
    Resource: `${arn}/*`,
    Condition: {
      Null: { 's3:x-amz-server-side-encryption': 'false' },
      StringNotEquals: { 's3:x-amz-server-side-encryption-aws-kms-key-id': kmsKeyArn },
    },
  };
  return { Version: '2012-10-17', Statement: kmsKeyArn === undefined ? [tlsOnly] : [tlsOnly, oneKeyOnly] };
}
