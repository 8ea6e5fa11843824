import { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket';
import { S3BucketLifecycleConfiguration } from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration';
import { S3BucketPolicy } from '@cdktf/provider-aws/lib/s3-bucket-policy';
import { S3BucketPublicAccessBlock } from '@cdktf/provider-aws/lib/s3-bucket-public-access-block';
import { S3BucketServerSideEncryptionConfigurationA } from '@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration';
import { S3BucketVersioningA } from '@cdktf/provider-aws/lib/s3-bucket-versioning';
import { Construct } from 'constructs';
import { LIFECYCLE, MLFLOW_TAGS } from '../contract';
import { Problems } from '../validation/problems';

/** What happens to the objects of a bucket as they age. */
export class BucketExpiry {
  /**
   * Only objects with the tag `lifecycle=archived` expire, which is set when a version is archived and removed when it is rolled
   * back to. For model artifacts: nothing that may still serve is ever deleted.
   *
   * S3 counts the age of an object from when it was written, not from when it was tagged: whoever archives must write the
   * object anew (copy it onto itself with the tag) to give it its whole time. Deleted objects can be brought back for 30 days.
   */
  public static archivedOnly(days = 90): BucketExpiry {
    return new BucketExpiry(days, true);
  }

  /** Every object expires after `days`. For training runs and prediction logs. */
  public static all(days = 90): BucketExpiry {
    return new BucketExpiry(days, false);
  }

  private constructor(
    /** Age in days. */
    public readonly days: number,
    /** Whether only archived objects expire. */
    public readonly onlyArchived: boolean,
  ) {
    const problems = new Problems('BucketExpiry');
    if (!Number.isInteger(days) || days < 1) problems.add('days', days, 'must be a whole number from 1 on');
    problems.throwIfAny();
  }
}

/** A bucket of the platform. */
export interface ModelBucketProps {
  /** Name of the bucket, the same that the manifests name in their URIs. */
  readonly bucketName: string;

  /** What expires. */
  readonly expiry: BucketExpiry;

  /**
   * ARN of a KMS key.
   *
   * @default - encrypted with a key of S3's own
   */
  readonly kmsKeyArn?: string;

  /**
   * Tags of the bucket.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

/** Days for which overwritten and deleted objects can be brought back. */
const NONCURRENT_DAYS = 30;
const INCOMPLETE_UPLOAD_DAYS = 7;

/** A bucket that is versioned, encrypted, reached by TLS only, never public, and cleaned up. */
export class ModelBucket extends Construct {
  /** Name of the bucket. */
  public readonly bucketName: string;
  /** Address of the bucket, without a trailing slash. */
  public readonly uri: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: ModelBucketProps) {
    super(scope, id);
    this.check(props);
    const { bucketName, expiry, kmsKeyArn } = props;
    this.bucketName = bucketName;
    this.uri = `s3://${bucketName}`;

    const bucket = new S3Bucket(this, 'Resource', { bucket: bucketName, tags: { ...props.tags } });
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
    new S3BucketPolicy(this, 'Policy', {
      bucket: bucket.id,
      policy: JSON.stringify(tlsOnly(bucketName)),
      // S3 refuses two changes of a bucket's access at a time.
      dependsOn: [access],
    });
    new S3BucketLifecycleConfiguration(this, 'Lifecycle', {
      bucket: bucket.id,
      rule: [
        {
          id: 'expire',
          status: 'Enabled',
          filter: expiry.onlyArchived
            ? [{ tag: [{ key: MLFLOW_TAGS.lifecycle, value: LIFECYCLE.archived }] }]
            : [{ prefix: '' }],
          expiration: [{ days: expiry.days }],
        },
        {
          id: 'clean-up',
          status: 'Enabled',
          filter: [{ prefix: '' }],
          noncurrentVersionExpiration: [{ noncurrentDays: NONCURRENT_DAYS }],
          abortIncompleteMultipartUpload: [{ daysAfterInitiation: INCOMPLETE_UPLOAD_DAYS }],
        },
      ],
      dependsOn: [versioning],
    });
  }

  private check({ bucketName, kmsKeyArn }: ModelBucketProps): void {
    const problems = Problems.of(this);
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    const shape = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(bucketName);
    if (!shape) {
      problems.add(
        'bucketName',
        bucketName,
        'must be 3 to 63 lower-case letters, digits and hyphens (S3; no dots, because of TLS)',
      );
    }
    if (/^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|--x-s3|--table-s3)$/.test(bucketName)) {
      problems.add('bucketName', bucketName, 'begins or ends as S3 keeps for itself');
    }
    if (kmsKeyArn !== undefined && kmsKeyArn.trim() === '')
      problems.add('kmsKeyArn', kmsKeyArn, 'must be the ARN of a key');
    problems.throwIfAny();
  }
}

function tlsOnly(bucketName: string): object {
  const arn = `arn:aws:s3:::${bucketName}`;
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [arn, `${arn}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  };
}
