import { COMMANDS, derivedName, LABELS, type RolloutEngine, type RolloutStep, VERSION_ROLES } from '../contract';
import { type RolloutAnalysisRef, type RolloutStrategySpec } from '../crds/argo-rollouts';
import { progressDeadline } from './deployment-pods';
import { type RolloutPhases, type RolloutStrategy } from './rollout-strategy';
import { type ServedModelSpec } from './served-model-spec';

/** Seconds between two measurements of Argo Rollouts. */
export const MEASUREMENT_SECONDS = 60;

/** A strategy as the engine carries it out. */
export interface RolloutPlan {
  readonly engine: RolloutEngine;
  readonly steps: readonly RolloutStep[];
  /** Whether a candidate of its own stands beside the stable object. */
  readonly hasCandidate: boolean;
  /** What Argo Rollouts does by itself; undefined without it. */
  readonly argo?: { readonly strategy: RolloutStrategySpec; readonly seconds: number };
}

/** Compiles a strategy for an engine that can do it. */
export function rolloutPlan(strategy: RolloutStrategy, spec: ServedModelSpec): RolloutPlan {
  const { _phases: phases, _analysis: analysis } = strategy;
  const { shadow, canary = [], switched } = phases;
  const shadows: RolloutStep[] = shadow
    ? [{ kind: 'shadow', percent: shadow.percent, pauseSeconds: shadow.pause.toSeconds(), judged: true }]
    : [];
  const update = switched?.how === 'rolling' ? [updateStep(switched.pause.toSeconds(), true)] : [];
  if (!spec.engine._deploymentMode) {
    const measurements = measurementsOf((analysis.hold?.toSeconds() ?? 1800) / MEASUREMENT_SECONDS);
    const judged = measurements * MEASUREMENT_SECONDS;
    const argo = argoStrategy(phases, spec, judged);
    if (!argo) return { engine: 'deployment', steps: [...shadows, ...update], hasCandidate: shadow !== undefined };
    const pauses = [...canary, ...(switched ? [switched] : [])].map(({ pause }) => pause.toSeconds());
    // Each step brings up pods, is watched and is measured.
    const seconds = pauses.reduce((sum, pause) => sum + progressDeadline(spec) + pause + judged, 0);
    return {
      engine: 'argo-rollouts',
      steps: [...shadows, updateStep(0, false)],
      hasCandidate: shadow !== undefined,
      argo: { strategy: argo, seconds },
    };
  }
  const weights = [...canary, ...(switched?.how === 'blueGreen' ? [{ weight: 100, pause: switched.pause }] : [])];
  const steps = weights.map(({ weight, pause }): RolloutStep => ({
    ...{ kind: 'weight', percent: weight, pauseSeconds: pause.toSeconds(), judged: true },
  }));
  const isKnative = spec.engine._deploymentMode === 'Knative';
  return {
    engine: isKnative ? 'kserve-knative' : 'kserve-standard',
    steps: [...shadows, ...steps, ...update],
    hasCandidate: !isKnative && (shadow !== undefined || weights.length > 0),
  };
}

/** How often Argo Rollouts measures at most, until it gives up waiting for an answer. */
export const measurementsOf = (attempts: number): number => Math.ceil(attempts) + 1;

/** How people call a step. */
export const stepTitle = ({ kind, percent }: RolloutStep): string => {
  const commands = { shadow: COMMANDS.rolloutShadow, weight: COMMANDS.rolloutWeight, update: COMMANDS.rolloutUpdate };
  const name = commands[kind].command.replace('rollout ', '');
  return percent === undefined ? name : `${name} ${percent} %`;
};

function updateStep(pauseSeconds: number, judged: boolean): RolloutStep {
  return { kind: 'update', pauseSeconds, judged };
}

/** The steps of Argo Rollouts; undefined where a Deployment does. */
function argoStrategy(
  { canary, switched }: RolloutPhases,
  spec: ServedModelSpec,
  /** Seconds that measuring takes at most. */
  judged: number,
): RolloutStrategySpec | undefined {
  const { name, namespace, exposure } = spec;
  const analysis: RolloutAnalysisRef = { templates: [{ templateName: derivedName(name, 'rollout') }] };
  const labels = (role: string): { labels: Record<string, string> } => ({ labels: { [LABELS.role]: role } });
  if (canary) {
    return {
      canary: {
        canaryMetadata: labels(VERSION_ROLES.candidate),
        stableMetadata: labels(VERSION_ROLES.stable),
        ...{ maxSurge: 1, maxUnavailable: 0 },
        ...(exposure._gateway && {
          ...{ canaryService: derivedName(name, 'canary'), stableService: name },
          trafficRouting: { plugins: { 'argoproj-labs/gatewayAPI': { httpRoutes: routesOf(spec), namespace } } },
        }),
        steps: canary.flatMap(({ weight, pause }) => [
          { setWeight: weight },
          { pause: { duration: `${pause.toSeconds()}s` } },
          { analysis },
        ]),
      },
    };
  }
  if (switched?.how !== 'blueGreen') return undefined;
  return {
    blueGreen: {
      ...{ activeService: name, previewService: derivedName(name, 'canary'), autoPromotionEnabled: true },
      activeMetadata: labels(VERSION_ROLES.stable),
      previewMetadata: labels(VERSION_ROLES.candidate),
      // The old version stays until the new one is judged, so that going back takes no time.
      scaleDownDelaySeconds: switched.pause.toSeconds() + judged + OLD_VERSION_SECONDS,
      postPromotionAnalysis: analysis,
    },
  };
}

/** Going back is still without a wait when somebody sees at once what the analysis did not. */
const OLD_VERSION_SECONDS = 3600;

/** Name of a model's route: not the model's own, which KServe would take for its. */
export const routeName = (model: string): string => `${model}-route`;

/** Name of its route for calls within a mesh. */
export const meshRouteName = (model: string): string => `${model}-mesh-route`;

const routesOf = ({ name, exposure }: ServedModelSpec): { readonly name: string }[] =>
  [routeName(name), ...(exposure._gateway?.mesh === true ? [meshRouteName(name)] : [])].map((route) => ({
    name: route,
  }));
