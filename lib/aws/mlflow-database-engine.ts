import { type Duration } from 'cdk8s';
import { Problems } from '../validation/problems';

/** What every engine has. */
export interface MlflowDatabaseEngineOptions {
  /**
   * Major version of PostgreSQL: 15, 16, 17 or 18. Minor versions are applied as they come, in the maintenance window. Of 17 RDS and
   * Aurora have had a year's minor versions, and it is in standard support until 2030. MLflow asks for none, and is tested on the newest.
   *
   * @default 17
   */
  readonly majorVersion?: number;

  /**
   * Whether a change of {@link majorVersion} may be applied. It takes the database down for minutes, and cannot be taken back but
   * from a snapshot: set it for that one change.
   *
   * @default false
   */
  readonly allowMajorVersionUpgrade?: boolean;
}

/** Options of {@link MlflowDatabaseEngine.postgres}. */
export interface PostgresEngineOptions extends MlflowDatabaseEngineOptions {
  /**
   * Class of the instance.
   *
   * @default db.t4g.small
   */
  readonly instanceClass?: string;

  /**
   * Size of the disk in GiB at the beginning.
   *
   * @default 20
   */
  readonly storageGib?: number;

  /**
   * Size in GiB up to which the disk grows by itself when it fills, at least 10 % above the first size.
   *
   * @default - five times the size at the beginning
   */
  readonly maxStorageGib?: number;

  /**
   * Whether a standby in another availability zone takes over when the first one fails. It costs as much again. Serving does not
   * need MLflow; training, roll-outs and rollbacks do.
   *
   * @default false
   */
  readonly multiAz?: boolean;
}

/** Options of {@link MlflowDatabaseEngine.auroraServerless}. */
export interface AuroraServerlessEngineOptions extends MlflowDatabaseEngineOptions {
  /**
   * Capacity when nobody asks, in ACU (about 2 GiB of memory with its share of processor), in steps of 0.5. With 0 it pauses
   * after {@link pauseAfter} without a connection; MLflow keeps connections open as long as it runs.
   *
   * @default 0.5
   */
  readonly minCapacity?: number;

  /**
   * Most capacity in ACU.
   *
   * @default 4
   */
  readonly maxCapacity?: number;

  /**
   * How long nobody must be connected before it pauses, 5 minutes to a day. Only with a {@link minCapacity} of 0.
   *
   * @default - 5 minutes with a `minCapacity` of 0, else it never pauses
   */
  readonly pauseAfter?: Duration;

  /**
   * Instances, the first of which writes; another one, in another availability zone, takes over when it fails. Each costs its capacity.
   *
   * @default 1
   */
  readonly instances?: number;
}

/** A single instance as it is rendered. @internal */
export interface InstanceConfig {
  readonly kind: 'instance';
  readonly majorVersion: number;
  readonly allowMajorVersionUpgrade: boolean;
  readonly instanceClass: string;
  readonly storageGib: number;
  readonly maxStorageGib: number;
  readonly multiAz: boolean;
}

/** A cluster as it is rendered. @internal */
export interface ServerlessConfig {
  readonly kind: 'serverless';
  readonly majorVersion: number;
  readonly allowMajorVersionUpgrade: boolean;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly pauseAfterSeconds?: number;
  readonly instances: number;
}

/**
 * Versions in standard support on RDS and on Aurora.
 *
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-release-calendar.html
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/AuroraPostgreSQLReleaseNotes/aurorapostgresql-release-calendar.html
 */
const VERSIONS: readonly number[] = [15, 16, 17, 18];
const DEFAULT_VERSION = 17;
/** https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html */
const MOST_CAPACITY = 256;
const MOST_INSTANCES = 16;
const MOST_STORAGE_GIB = 65_536;

/** Which database MLflow keeps its records in. Immutable data. */
export class MlflowDatabaseEngine {
  /**
   * PostgreSQL on RDS: one instance that always runs, for a price that is known.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static postgres(options: PostgresEngineOptions = {}): MlflowDatabaseEngine {
    const { majorVersion = DEFAULT_VERSION, allowMajorVersionUpgrade = false, multiAz = false } = options;
    const {
      instanceClass = 'db.t4g.small',
      storageGib = 20,
      maxStorageGib = Math.min(storageGib * 5, MOST_STORAGE_GIB),
    } = options;
    const problems = new Problems('MlflowDatabaseEngine.postgres');
    checkVersion(problems, majorVersion);
    if (!/^db\.[a-z0-9-]+\.[a-z0-9-]+$/.test(instanceClass)) {
      problems.add('instanceClass', instanceClass, "must be a class of instances, for example 'db.t4g.small'");
    }
    // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html: gp3
    if (!Number.isInteger(storageGib) || storageGib < 20 || storageGib > MOST_STORAGE_GIB) {
      problems.add('storageGib', storageGib, `must be a whole number from 20 to ${MOST_STORAGE_GIB}`);
    }
    // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
    const least = Math.ceil((storageGib * 11) / 10);
    if (!Number.isInteger(maxStorageGib) || maxStorageGib < least || maxStorageGib > MOST_STORAGE_GIB) {
      const expected = `must be a whole number from ${least} (storageGib and 10 %) to ${MOST_STORAGE_GIB}`;
      problems.add('maxStorageGib', maxStorageGib, expected);
    }
    problems.throwIfAny();
    const common = { majorVersion, allowMajorVersionUpgrade };
    return new MlflowDatabaseEngine({
      ...{ kind: 'instance', ...common, instanceClass, storageGib, maxStorageGib, multiAz },
    });
  }

  /**
   * Aurora PostgreSQL Serverless v2: grows and shrinks with what is asked of it, and keeps its data in three availability zones.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static auroraServerless(options: AuroraServerlessEngineOptions = {}): MlflowDatabaseEngine {
    const { majorVersion = DEFAULT_VERSION, allowMajorVersionUpgrade = false } = options;
    const { minCapacity = 0.5, maxCapacity = 4, pauseAfter, instances = 1 } = options;
    const pauseAfterSeconds = pauseAfter?.toSeconds({ integral: false }) ?? (minCapacity === 0 ? 300 : undefined);
    const problems = new Problems('MlflowDatabaseEngine.auroraServerless');
    checkVersion(problems, majorVersion);
    checkCapacity(problems, minCapacity, maxCapacity);
    if (pauseAfterSeconds !== undefined) {
      const inRange = Number.isInteger(pauseAfterSeconds) && pauseAfterSeconds >= 300 && pauseAfterSeconds <= 86_400;
      if (!inRange) problems.add('pauseAfter', pauseAfter?.toHumanString(), 'must be 5 minutes to a day');
      if (minCapacity !== 0) {
        problems.add('pauseAfter', pauseAfter?.toHumanString(), `needs a minCapacity of 0, which is ${minCapacity}`);
      }
    }
    if (!Number.isInteger(instances) || instances < 1 || instances > MOST_INSTANCES) {
      problems.add('instances', instances, `must be a whole number from 1 to ${MOST_INSTANCES}`);
    }
    problems.throwIfAny();
    const common = { majorVersion, allowMajorVersionUpgrade };
    return new MlflowDatabaseEngine({
      ...{ kind: 'serverless', ...common, minCapacity, maxCapacity, pauseAfterSeconds, instances },
    });
  }

  private constructor(
    /** @internal */
    public readonly _config: InstanceConfig | ServerlessConfig,
  ) {}
}

function checkVersion(problems: Problems, majorVersion: number): void {
  if (VERSIONS.includes(majorVersion)) return;
  problems.add('majorVersion', majorVersion, `must be one of ${VERSIONS.join(', ')}, without a minor version`);
}

function checkCapacity(problems: Problems, minCapacity: number, maxCapacity: number): void {
  const isCapacity = (value: number): boolean => value >= 0 && value <= MOST_CAPACITY && Number.isInteger(value * 2);
  if (!isCapacity(minCapacity)) {
    problems.add('minCapacity', minCapacity, `must be 0 to ${MOST_CAPACITY} in steps of 0.5`);
  }
  if (!isCapacity(maxCapacity) || maxCapacity < 1) {
    problems.add('maxCapacity', maxCapacity, `must be 1 to ${MOST_CAPACITY} in steps of 0.5`);
  }
  if (minCapacity > maxCapacity)
    problems.add('minCapacity', minCapacity, `must not be above the maximum (${maxCapacity})`);
}
