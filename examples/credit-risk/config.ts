import { ContainerImages } from 'cdk8s-mlops';

/** What differs between environments. */
export interface CreditRiskConfig {
  /** Name of the environment: folder of its manifests. */
  readonly environment: string;
  /** Namespace of the platform. */
  readonly namespace: string;
  /** Buckets by use. */
  readonly buckets: {
    readonly models: string;
    readonly mlflow: string;
    readonly training: string;
    /** What the live model was asked and answered, its labels, and reports about both. */
    readonly predictions: string;
  };
  /** Images of the loop's containers. */
  readonly images: ContainerImages;
  /** Image of the server in `server/`. */
  readonly serverImage: string;
  /** Image with the steps of the training code. */
  readonly trainingImage: string;
  /** Host name of the model on the Gateway. */
  readonly hostname: string;
  /** Fewest and most replicas of the model. */
  readonly replicas: { readonly min: number; readonly max: number };
}

function environment(name: string, settings: Pick<CreditRiskConfig, 'hostname' | 'replicas'>): CreditRiskConfig {
  const bucket = (use: string): string => `acme-credit-${name}-${use}`;
  return {
    environment: name,
    namespace: 'credit',
    buckets: {
      models: bucket('models'),
      mlflow: bucket('mlflow'),
      training: bucket('training'),
      predictions: bucket('predictions'),
    },
    images: ContainerImages.fromRegistry('registry.acme.example/mlops', { tag: '0.1.0' }),
    serverImage: 'registry.acme.example/credit/server:2026.11.1',
    trainingImage: 'registry.acme.example/credit/training:2026.11.1',
    ...settings,
  };
}

/** The environments of this installation. */
export const environments: readonly CreditRiskConfig[] = [
  environment('staging', { hostname: 'credit-risk.staging.acme.example', replicas: { min: 1, max: 2 } }),
  environment('production', { hostname: 'credit-risk.acme.example', replicas: { min: 2, max: 6 } }),
];
