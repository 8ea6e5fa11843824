import { type Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { DRIFT } from './drift';
import { GPU } from './gpu';
import { LATENCY } from './latency';
import { MODEL_HEALTH } from './model-health';
import { PERFORMANCE } from './performance';
import { ROLLOUT } from './rollout';
import { TRAINING } from './training';

/** Every dashboard that is shipped, by the name of its file. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  'model-health': MODEL_HEALTH,
  drift: DRIFT,
  performance: PERFORMANCE,
  latency: LATENCY,
  rollout: ROLLOUT,
  training: TRAINING,
  gpu: GPU,
};
