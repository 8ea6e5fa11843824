import { type S3BucketLifecycleConfigurationRule } from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration';
import { LIFECYCLE, MLFLOW_TAGS } from '../contract';
import { Problems } from '../validation/problems';

/** One rule of what expires. */
export interface ExpiryRule {
  /** Age in days. */
  readonly days: number;

  /** Whether only archived objects expire. */
  readonly onlyArchived: boolean;

  /**
   * Folder whose objects expire, without a slash at either end.
   *
   * @default - those of the whole bucket
   */
  readonly folder?: string;
}

/** What is deleted as it ages. Immutable data. */
export class BucketExpiry {
  /**
   * Only objects with the tag `lifecycle=archived` expire, which is set when a version is archived and removed when it is rolled
   * back to. For model artifacts: nothing that may still serve is ever deleted.
   *
   * S3 counts the age of an object from when it was written, not from when it was tagged: whoever archives must write the
   * object anew (copy it onto itself with the tag) to give it its whole time.
   */
  public static archivedOnly(days = 90): BucketExpiry {
    return new BucketExpiry([{ days, onlyArchived: true }]);
  }

  /** Every object expires after `days`. */
  public static all(days = 90): BucketExpiry {
    return new BucketExpiry([{ days, onlyArchived: false }]);
  }

  /**
   * Objects under these folders expire, each after its days; whatever lies elsewhere never does.
   *
   * @param days Days by folder, for example `{ logs: 90, reports: 365 }`.
   * @throws ValidationError when a folder is none, or lies within another one.
   */
  public static folders(days: { readonly [folder: string]: number }): BucketExpiry {
    return new BucketExpiry(Object.entries(days).map(([folder, age]) => ({ days: age, onlyArchived: false, folder })));
  }

  private constructor(
    /** What expires when. */
    public readonly rules: readonly ExpiryRule[],
  ) {
    const problems = new Problems('BucketExpiry');
    const folders = rules.flatMap(({ folder }) => folder ?? []);
    if (rules.length === 0) problems.addText('names no folder: write for example BucketExpiry.folders({ logs: 90 })');
    for (const { days, folder } of rules) {
      const name = folder === undefined ? 'days' : `days of ${folder}`;
      if (!Number.isInteger(days) || days < 1) problems.add(name, days, 'must be a whole number from 1 on');
    }
    for (const folder of folders) {
      if (!/^[A-Za-z0-9._=-]+(\/[A-Za-z0-9._=-]+)*$/.test(folder)) {
        problems.add('folder', folder, "must be a name such as 'logs', without a slash at either end");
      }
      // https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-conflicts.html
      const around = folders.find((other) => other !== '' && folder.startsWith(`${other}/`));
      if (around !== undefined) {
        problems.add(
          'folder',
          folder,
          `lies within '${around}', and of two times S3 takes the shorter: name one of them`,
        );
      }
    }
    problems.throwIfAny();
  }
}

/** Smallest object that is moved. Intelligent-Tiering never moves a smaller one, Standard-IA charges it as one of this size. */
const SMALLEST_MOVED_BYTES = 128 * 1024;
const INFREQUENT_ACCESS = 'STANDARD_IA';
/** Days that an object must be old to get to Standard-IA, and that are paid for once it is there. */
const INFREQUENT_ACCESS_DAYS = 30;

/**
 * Which cheaper storage class objects get to as they age, those of 128 KiB and more. From all of them an object is read at once, as
 * from the standard class. Immutable data.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
 */
export class BucketTransition {
  /**
   * To S3 Intelligent-Tiering: what nobody reads for 30 days gets cheaper by itself, by 40 %, then by 68 %, and reading costs
   * nothing. For objects that are read for as long as a version serves, and hardly after.
   */
  public static intelligentTiering(days = 30): BucketTransition {
    return new BucketTransition('INTELLIGENT_TIERING', days, 0);
  }

  /** To S3 Standard-IA, cheaper by 46 %, where every read costs. For objects that are kept and hardly read. */
  public static infrequentAccess(days = 30): BucketTransition {
    return new BucketTransition(INFREQUENT_ACCESS, days, INFREQUENT_ACCESS_DAYS);
  }

  /** To none. */
  public static none(): BucketTransition {
    return new BucketTransition(undefined, 0, 0);
  }

  private constructor(
    /** Storage class as S3 names it, if there is one. */
    public readonly storageClass: string | undefined,
    /** Age in days. */
    public readonly days: number,
    atLeast: number,
  ) {
    const problems = new Problems('BucketTransition');
    if (!Number.isInteger(days) || days < atLeast) {
      problems.add('days', days, `must be a whole number from ${atLeast} on`);
    }
    problems.throwIfAny();
  }

  /** Age from which on an object may expire without having cost more than it would have without the transition. @internal */
  public get worthwhileUntil(): number {
    return this.days + (this.storageClass === INFREQUENT_ACCESS ? INFREQUENT_ACCESS_DAYS : 1);
  }
}

const INCOMPLETE_UPLOAD_DAYS = 7;

/** What a bucket does with its objects. @internal */
export interface LifecycleOptions {
  readonly expiry: BucketExpiry;
  readonly transition: BucketTransition;
  readonly recoverableDays: number;
}

/** The rules of a bucket, named by what they do. @internal */
export function lifecycleRules(options: LifecycleOptions): S3BucketLifecycleConfigurationRule[] {
  const { expiry, transition, recoverableDays } = options;
  const moved = {
    id: 'transition',
    status: 'Enabled',
    filter: [{ objectSizeGreaterThan: SMALLEST_MOVED_BYTES - 1 }],
    transition: [{ days: transition.days, storageClass: transition.storageClass ?? '' }],
  };
  return [
    ...expiry.rules.map((rule) => ({
      id: rule.folder === undefined ? 'expire' : `expire-${rule.folder}`,
      status: 'Enabled',
      filter: rule.onlyArchived
        ? [{ tag: [{ key: MLFLOW_TAGS.lifecycle, value: LIFECYCLE.archived }] }]
        : [{ prefix: rule.folder === undefined ? '' : `${rule.folder}/` }],
      expiration: [{ days: rule.days }],
    })),
    ...(transition.storageClass === undefined ? [] : [moved]),
    {
      id: 'clean-up',
      status: 'Enabled',
      filter: [{ prefix: '' }],
      expiration: [{ expiredObjectDeleteMarker: true }],
      noncurrentVersionExpiration: [{ noncurrentDays: recoverableDays }],
      abortIncompleteMultipartUpload: [{ daysAfterInitiation: INCOMPLETE_UPLOAD_DAYS }],
    },
  ];
}
