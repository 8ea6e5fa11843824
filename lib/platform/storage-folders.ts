/**
 * Folders of the platform's buckets. Whatever expires has one of its own: rules of a bucket select by the beginning of a name, and
 * cannot exclude.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-filters.html
 */
export const STORAGE_FOLDERS = {
  /** Of the bucket for artifacts: what MLflow keeps of runs. */
  artifacts: 'artifacts',
  /** Of the bucket for training: workspaces of runs. They expire. Data sets beside it do not. */
  runs: 'runs',
  /** Of the bucket for predictions: the prediction logs, one folder a model. They expire. */
  logs: 'logs',
  /** Of the bucket for predictions: reports of drift checks, one folder a model. They expire later. */
  reports: 'reports',
} as const;
