import { type KmsKey } from '@cdktf/provider-aws/lib/kms-key';
import { type S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket';
import { type Duration } from 'cdk8s';
import { dependable } from 'cdktf';
import { Construct } from 'constructs';
import { type PlatformBuckets } from '../platform/aws-environment';
import { resourceName } from '../platform/resource-name';
import { STORAGE_FOLDERS } from '../platform/storage-folders';
import { Problems } from '../validation/problems';
import { BucketExpiry, BucketTransition } from './bucket-lifecycle';
import { EncryptionKey } from './encryption-key';
import { ModelBucket } from './model-bucket';

/** How long a platform keeps its files, and how. */
export interface ModelStorageOptions {
  /**
   * When the following expires, of the time it was written: workspaces of training runs (under `runs/`), prediction logs (under
   * `logs/`) and, in the buckets of models and artifacts, the files of versions that were archived. Data sets, what may still
   * serve, and whatever else is in the buckets never expires.
   *
   * Choose more than the longest delay of a label: of a prediction that is gone, nobody learns whether it was right.
   *
   * @default Duration.days(90)
   */
  readonly expireAfter?: Duration;

  /**
   * When reports of drift checks expire (under `reports/` in the bucket of predictions).
   *
   * @default Duration.days(365)
   */
  readonly expireReportsAfter?: Duration;

  /**
   * Which cheaper storage class objects get to as they age.
   *
   * @default - BucketTransition.intelligentTiering() in the buckets of models and artifacts; what expires after 90 days is gone before
   *   a transition pays
   */
  readonly transition?: BucketTransition;

  /**
   * ARN of the KMS key of all four buckets.
   *
   * @default - a key of its own, which a destroy deletes after the buckets, and not while one of them is left
   */
  readonly kmsKeyArn?: string;

  /**
   * Name of a bucket that gets a log of who read and wrote what.
   *
   * @default - none is kept
   */
  readonly accessLogBucketName?: string;

  /**
   * Whether a destroy deletes the buckets with everything in them. Without it, a destroy fails while there is an object: S3 deletes
   * no bucket that is not empty.
   *
   * @default false
   */
  readonly forceDestroy?: boolean;
}

/** Where a platform keeps its files. */
export interface ModelStorageProps extends ModelStorageOptions {
  /** Names of the buckets, the same that the manifests name. */
  readonly buckets: PlatformBuckets;

  /**
   * Tags of every resource.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

const EXPIRE_AFTER_DAYS = 90;
const EXPIRE_REPORTS_AFTER_DAYS = 365;
/** Of files that are written anew every hour, and of rows that somebody had deleted. */
const SHORT_RECOVERABLE_DAYS = 7;

/** The four buckets of a platform, with one key. */
export class ModelStorage extends Construct {
  /** Artifacts of registered versions. */
  public readonly models: ModelBucket;
  /** What MLflow keeps of runs. */
  public readonly artifacts: ModelBucket;
  /** Workspaces of training runs, and data sets. */
  public readonly training: ModelBucket;
  /** Prediction logs and reports. */
  public readonly predictions: ModelBucket;
  /** ARN of the key. */
  public readonly kmsKeyArn: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: ModelStorageProps) {
    super(scope, id);
    this.check(props);
    const { buckets, transition, accessLogBucketName, forceDestroy, tags } = props;
    const days = daysOf(props.expireAfter) ?? EXPIRE_AFTER_DAYS;
    const reportDays = daysOf(props.expireReportsAfter) ?? EXPIRE_REPORTS_AFTER_DAYS;
    const key = props.kmsKeyArn === undefined ? this.newKey(buckets, tags) : undefined;
    this.kmsKeyArn = props.kmsKeyArn ?? key?.arn ?? '';

    const common = { kmsKeyArn: this.kmsKeyArn, accessLogBucketName, forceDestroy, tags };
    const kept = {
      ...common,
      expiry: BucketExpiry.archivedOnly(days),
      transition: transition ?? BucketTransition.intelligentTiering(),
    };
    const expiring = { ...common, transition, recoverableDays: SHORT_RECOVERABLE_DAYS };
    this.models = new ModelBucket(this, 'Models', { ...kept, bucketName: buckets.models });
    this.artifacts = new ModelBucket(this, 'Artifacts', { ...kept, bucketName: buckets.artifacts });
    this.training = new ModelBucket(this, 'Training', {
      ...expiring,
      bucketName: buckets.training,
      expiry: BucketExpiry.folders({ [STORAGE_FOLDERS.runs]: days }),
    });
    this.predictions = new ModelBucket(this, 'Predictions', {
      ...expiring,
      bucketName: buckets.predictions,
      expiry: BucketExpiry.folders({ [STORAGE_FOLDERS.logs]: days, [STORAGE_FOLDERS.reports]: reportDays }),
    });
    if (key) this.deleteBucketsBefore(key);
  }

  private newKey({ models }: PlatformBuckets, tags: ModelStorageProps['tags']): EncryptionKey {
    return new EncryptionKey(this, 'Key', {
      alias: resourceName(250, models, 'storage'),
      description: 'Model artifacts, training runs and prediction logs',
      tags,
    });
  }

  /** A destroy that stops at a bucket with objects in it must not have deleted their key already. */
  private deleteBucketsBefore(key: EncryptionKey): void {
    for (const bucket of [this.models, this.artifacts, this.training, this.predictions]) {
      (bucket.node.defaultChild as S3Bucket).dependsOn = [dependable(key.node.defaultChild as KmsKey)];
    }
  }

  private check({ buckets, expireAfter, expireReportsAfter }: ModelStorageProps): void {
    const problems = Problems.of(this);
    const uses = Object.entries(buckets);
    for (const [use, name] of uses) {
      const other = uses.find(([otherUse, otherName]) => otherName === name && otherUse < use);
      if (other) {
        problems.add(
          `buckets.${use}`,
          name,
          `is the bucket of ${other[0]} too: they expire by different rules, name another`,
        );
      }
    }
    for (const [name, duration] of Object.entries({ expireAfter, expireReportsAfter })) {
      const days = daysOf(duration);
      if (days === undefined || (Number.isInteger(days) && days > 0)) continue;
      problems.add(name, duration?.toHumanString(), 'must be a whole number of days from 1 on');
    }
    problems.throwIfAny();
  }
}

function daysOf(duration: Duration | undefined): number | undefined {
  return duration?.toDays({ integral: false });
}
