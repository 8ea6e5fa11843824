import { type ArtifactFile } from '../../common/artifact-files';
import { type ModelVersion } from '../../common/mlflow';
import { type MetricValues } from '../gates/metric-values';

/** A version of a registered model; its artifacts are those of the run that it came from. */
export type RegisteredVersion = ModelVersion;

/** What a new version is made of. */
export interface NewVersion {
  readonly source: string;
  readonly runId: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What is logged with a run. A parameter keeps its first value, a tag its last. */
export interface RunEntry {
  readonly metrics?: MetricValues;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
}

/** What was logged with a run. */
export interface RunData {
  readonly metrics: MetricValues;
  readonly tags: Readonly<Record<string, string>>;
}

/** Data that a run was trained on. */
export interface Dataset {
  readonly name: string;
  readonly uri: string;
  readonly digest: string;
}

/**
 * Where versions, their metrics and the decisions about them are kept. Every write is named and may be repeated: doing it twice is
 * doing it once, which is what makes a killed command resumable.
 */
export interface Registry {
  /** How people call it. */
  readonly address: string;

  /** A version by its number; `undefined` when there is none. */
  version(model: string, version: string): Promise<RegisteredVersion | undefined>;
  /** The version that an alias names; `undefined` when there is no such alias, or no such model. */
  versionByAlias(model: string, alias: string): Promise<RegisteredVersion | undefined>;
  /** All versions, the newest first. */
  versions(model: string): Promise<RegisteredVersion[]>;
  /**
   * What was logged with a run.
   *
   * @throws Failure when there is no such run
   */
  runData(runId: string): Promise<RunData>;

  /** Registers the model if it is new, and a version of it. */
  createVersion(model: string, version: NewVersion): Promise<RegisteredVersion>;
  setVersionTag(model: string, version: string, key: string, value: string): Promise<void>;
  /** Points an alias to a version, whatever it named before. */
  setAlias(model: string, alias: string, version: string): Promise<void>;
  deleteAlias(model: string, alias: string): Promise<void>;

  /** A run by the name that {@link run} gave it; `undefined` when there is none. */
  findRun(model: string, name: string): Promise<string | undefined>;
  /** Starts a run under a name, with what it was made from; a run of that name is taken instead. */
  run(model: string, name: string, tags: Readonly<Record<string, string>>): Promise<string>;
  logRun(runId: string, entry: RunEntry): Promise<void>;
  /** Notes the data that a run was trained on. */
  logDataset(runId: string, dataset: Dataset): Promise<void>;
  artifact(runId: string, path: string): Promise<string | undefined>;
  /** The files behind an address that only the registry understands, such as `runs:/ID/PATH`; any other address as it is. */
  artifactAt(uri: string): Promise<readonly ArtifactFile[] | string>;
  putArtifact(runId: string, path: string, content: string): Promise<void>;
  /** Names of the artifacts in a folder, in their order. */
  artifacts(runId: string, folder: string): Promise<string[]>;

  /**
   * Takes a right that one has at a time, or says who has it. The same `owner` may take it again: the answer to its first request may
   * have been lost.
   */
  lock(model: string, owner: string): Promise<LockAnswer>;
  unlock(model: string, owner: string): Promise<void>;
}

/** Whether a lock was taken. */
export type LockAnswer =
  { readonly taken: true } | { readonly taken: false; readonly owner: string; readonly since: Date };

/** How long a lock holds whose owner never came back: longer than any promotion takes. */
export const LOCK_SECONDS = 300;
