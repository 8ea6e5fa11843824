import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where real servers and judges are kept between runs, outside the repository. */
export const CACHE =
  process.env.CDK8S_MLOPS_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cdk8s-mlops');
