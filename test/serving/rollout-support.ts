import { parse } from 'yaml';
import {
  BootstrapChart,
  Exposure,
  ModelSource,
  RolloutStrategy,
  ServedModel,
  type ServedModelProps,
  ServingEngine,
  ServingRuntime,
  StorageInitializer,
} from 'cdk8s-mlops';
import { type RolloutFile } from 'cdk8s-mlops/contract';
import { find, newChart, newModel, newPlatform, rendered, type Rendered } from '../support/synth';

export const OWN = ServingRuntime.custom({ image: 'registry.example/churn-server:1' });
export const GATEWAY = { name: 'ml', namespace: 'gateways', hostnames: ['churn.acme.example'] };

/** Props of a served model on each engine, with a route where it takes one. */
export const ON = {
  standard: { exposure: Exposure.gateway(GATEWAY) },
  knative: { engine: ServingEngine.kserveKnative() },
  deployment: { engine: ServingEngine.deployment(), runtime: OWN, exposure: Exposure.gateway(GATEWAY) },
  /** Shares of a canary are shares of the pods. */
  replicas: { engine: ServingEngine.deployment(), runtime: OWN, replicas: { min: 10 } },
} as const satisfies Record<string, Partial<ServedModelProps>>;

export const STRATEGIES = {
  shadow: RolloutStrategy.shadow(),
  canary: RolloutStrategy.canary(),
  shadowThenCanary: RolloutStrategy.shadowThenCanary(),
  blueGreen: RolloutStrategy.blueGreen(),
  rolling: RolloutStrategy.rolling(),
} as const;

/** Every engine with every strategy that it can do. */
export const COMBINATIONS: readonly (readonly [keyof typeof ON, keyof typeof STRATEGIES])[] = [
  ...(['standard', 'deployment'] as const).flatMap((engine) =>
    (['shadow', 'canary', 'shadowThenCanary', 'blueGreen', 'rolling'] as const).map(
      (strategy) => [engine, strategy] as const,
    ),
  ),
  ...(['knative', 'replicas'] as const).flatMap((engine) =>
    (['canary', 'blueGreen', 'rolling'] as const).map((strategy) => [engine, strategy] as const),
  ),
];

export interface RenderedRollout {
  readonly steady: Rendered[];
  readonly bootstrap: Rendered[];
  readonly file: RolloutFile;
}

/** What a served model with a roll-out renders. */
export function renderRollout(props: Partial<ServedModelProps> & Pick<ServedModelProps, 'rollout'>): RenderedRollout {
  const chart = newChart();
  new ServedModel(chart, 'serving', {
    platform: newPlatform(chart, { storageInitializer: StorageInitializer.restricted() }),
    model: newModel(),
    source: ModelSource.uri('s3://acme-models/churn/v1'),
    runtime: ServingRuntime.sklearn(),
    ...props,
  });
  const steady = rendered(chart);
  const bootstrap = rendered(BootstrapChart.of(chart));
  const text = steady.some(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'churn-rollout')
    ? find(steady, 'ConfigMap', 'churn-rollout').data['rollout.yaml']
    : '{}';
  return { steady, bootstrap, file: parse(text) as RolloutFile };
}
