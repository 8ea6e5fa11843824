import { type Model } from '../model/model';
import { type NodePool } from '../platform/node-pool';
import { type Problems } from '../validation/problems';
import { checkAnalysis } from './rollout-analysis';
import { type RolloutStrategy } from './rollout-strategy';
import { type ServedModelSpec } from './served-model-spec';

/** Reports what the engine, the route or the pool cannot do for a strategy. */
export function checkRollout(
  strategy: RolloutStrategy,
  { model, spec }: { readonly model: Model; readonly spec: ServedModelSpec },
  problems: Problems,
): void {
  const { shadow, canary, switched } = strategy._phases;
  const { engine, exposure, capture, predictorOverrides } = spec;
  const add = (problem: string): void => problems.addText(`'rollout' (${strategy.name}) ${problem}`);
  checkAnalysis(strategy._analysis, strategy._phases, model, problems);
  if (!capture) add('judges what is captured, and capture is off: leave it on, or leave the strategy out');
  const isKnative = engine._deploymentMode === 'Knative';
  if (shadow && isKnative) {
    add(
      'has a shadow, which KServe Knative cannot do: it routes by itself and copies no requests; use ' +
        'ServingEngine.kserveStandard(), or a canary',
    );
  }
  const steersRoute = engine._deploymentMode === 'Standard' && (canary !== undefined || switched?.how === 'blueGreen');
  if ((shadow || steersRoute) && !isKnative && !exposure._gateway) {
    const what = shadow ? 'copies requests' : 'splits requests';
    add(`${what} by a route of the Gateway API, and there is none: use Exposure.gateway(...)`);
  }
  if (canary && !engine._deploymentMode && !exposure._gateway) {
    const needed = Math.ceil(100 / canary[0]!.weight);
    if (spec.minReplicas < needed) {
      add(
        `begins with ${canary[0]!.weight} %, which without a Gateway is a share of the pods: it takes ${needed} replicas and ` +
          `there may be ${spec.minReplicas}; raise replicas.min, the first weight, or use Exposure.gateway(...)`,
      );
    }
  }
  if ('canaryTrafficPercent' in predictorOverrides) {
    problems.addText("'predictorOverrides.canaryTrafficPercent' belongs to the roll-out: leave it out");
  }
  if ('canary' in predictorOverrides) {
    problems.addText(
      "'predictorOverrides.canary' is a second way to roll out, and may claim the candidate's name: leave it out",
    );
  }
  checkCandidateFits(strategy, spec, problems);
}

/** The new version needs room beside the old one, or it waits for ever. */
function checkCandidateFits(strategy: RolloutStrategy, spec: ServedModelSpec, problems: Problems): void {
  const { pool, gpu, maxReplicas, minReplicas } = spec;
  const room = pool && gpu?.isWhole && replicasIn(pool, gpu.count);
  if (!pool || room === undefined || room === false) return;
  const beside = strategy._phases.switched?.how === 'rolling' ? 1 : Math.max(1, minReplicas);
  if (maxReplicas + beside <= room) return;
  problems.addText(
    `'rollout' (${strategy.name}) brings up ${beside} more with ${gpu.count} GPUs each beside ${maxReplicas} of the stable version, and the ` +
      `pool '${pool.name}' has room for ${room}: raise its maxNodes, or lower replicas.max`,
  );
}

function replicasIn({ maxNodes, gpusPerNode }: NodePool, gpus: number): number | undefined {
  return maxNodes === undefined ? undefined : maxNodes * Math.floor(gpusPerNode / gpus);
}
