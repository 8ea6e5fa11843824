import { AwsEnvironment, type AwsEnvironmentProps } from 'cdk8s-mlops';

const PROPS: AwsEnvironmentProps = {
  project: 'fraud',
  environment: 'production',
  region: 'eu-central-1',
  accountId: '012345678901',
};

function environment(props: Partial<AwsEnvironmentProps> = {}): AwsEnvironment {
  return new AwsEnvironment({ ...PROPS, ...props });
}

describe('AwsEnvironment', () => {
  it('names everything by project and environment', () => {
    const { namespace, clusterName, buckets, databaseIdentifier } = environment();
    expect({ namespace, clusterName, databaseIdentifier }).toEqual({
      namespace: 'fraud',
      clusterName: 'fraud-production',
      databaseIdentifier: 'fraud-production-mlflow',
    });
    expect(buckets).toEqual({
      models: 'fraud-production-012345678901-models',
      artifacts: 'fraud-production-012345678901-artifacts',
      training: 'fraud-production-012345678901-training',
      predictions: 'fraud-production-012345678901-predictions',
    });
  });

  it('says the addresses that the manifests name', () => {
    const { modelStore, predictionStore, trainingStore, reportsUri, artifactsDestination } = environment();
    expect({ modelStore, predictionStore, trainingStore, reportsUri, artifactsDestination }).toEqual({
      modelStore: 's3://fraud-production-012345678901-models',
      predictionStore: 's3://fraud-production-012345678901-predictions/logs',
      trainingStore: 's3://fraud-production-012345678901-training/runs',
      reportsUri: 's3://fraud-production-012345678901-predictions/reports',
      artifactsDestination: 's3://fraud-production-012345678901-artifacts/artifacts',
    });
  });

  it('says where images lie', () => {
    expect(environment().image('training', '2026.11.1')).toBe(
      '012345678901.dkr.ecr.eu-central-1.amazonaws.com/fraud-production/training:2026.11.1',
    );
    expect(environment().images('0.1.0').driftChecker).toBe(
      '012345678901.dkr.ecr.eu-central-1.amazonaws.com/fraud-production/drift-checker:0.1.0',
    );
    expect(environment().loopRepositories).toEqual([
      'fraud-production/drift-checker',
      'fraud-production/gate-evaluator',
    ]);
    expect(environment({ region: 'cn-north-1' }).registry).toBe('012345678901.dkr.ecr.cn-north-1.amazonaws.com.cn');
  });

  it('refuses an image without a tag', () => {
    expect(() => environment().images('')).toThrow("'driftChecker'");
  });

  it('takes a namespace and a cluster of other names', () => {
    const { namespace, clusterName } = environment({ namespace: 'ml', clusterName: 'Shared_1' });
    expect({ namespace, clusterName }).toEqual({ namespace: 'ml', clusterName: 'Shared_1' });
  });

  it.each([
    ['eu-central-1', 'aws'],
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
  ])('says the ARN of a role in %s', (region, partition) => {
    expect(environment({ region }).roleArn('mlflow')).toBe(
      `arn:${partition}:iam::012345678901:role/fraud-production.fraud.mlflow`,
    );
  });

  it('keeps the limits of AWS with the longest names, and keeps names apart', () => {
    const long = 'a'.repeat(63);
    const [one, other] = [`${long.slice(1)}b`, `${long.slice(1)}c`].map((name) =>
      environment({ project: long, environment: name }),
    );
    const names = [...Object.values(one?.buckets ?? {}), one?.databaseIdentifier ?? ''];
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9-]{1,61}[a-z0-9]$/);
    expect(one?.repository('training').length).toBeLessThanOrEqual(256);
    expect(one?.clusterName.length).toBeLessThanOrEqual(100);
    expect(one?.buckets.models).not.toBe(other?.buckets.models);
    expect(one?.clusterName).not.toBe(other?.clusterName);
  });

  it('tags what is made', () => {
    expect(environment().tags).toEqual({ project: 'fraud', environment: 'production', 'managed-by': 'cdk8s-mlops' });
  });

  it('says everything that is wrong at once', () => {
    const wrong = { project: 'Fraud', environment: 'pro duction', region: 'Frankfurt', accountId: '1234' };
    const more = { namespace: '', clusterName: 'über' };
    expect(() => environment({ ...wrong, ...more })).toThrow(
      expect.objectContaining({
        problems: [
          expect.stringContaining("'project' ('Fraud') must consist of lower-case letters"),
          expect.stringContaining("'environment' ('pro duction') must consist of"),
          expect.stringContaining("'namespace' ('') must consist of"),
          expect.stringContaining("'region' ('Frankfurt') must be a region of AWS"),
          expect.stringContaining("'accountId' ('1234') must be the twelve digits"),
          expect.stringContaining("'clusterName' ('über') must be a name"),
        ],
      }),
    );
  });

  it.each(['xn--a', 'sthree-a', 'amzn-s3-demo-a'])(
    'refuses the project %s, as S3 keeps the name for itself',
    (project) => {
      expect(() => environment({ project })).toThrow('begins as S3 keeps for itself');
    },
  );
});
