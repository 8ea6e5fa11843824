import { PlatformOutputs, TERRAFORM_OUTPUTS } from 'cdk8s-mlops';
import { problemsOf } from '../support/synth';

const SECRET_ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1a2b3c4d-Xy7Zab';

/** What `terraform output -json` prints, with some values replaced. */
function printed(values: Record<string, unknown> = {}): string {
  const all = {
    cluster_name: 'fraud-staging',
    mlflow_database_host: 'fraud-staging-mlflow.abc123.eu-central-1.rds.amazonaws.com',
    mlflow_database_port: 5432,
    mlflow_database_name: 'mlflow',
    mlflow_database_secret_arn: SECRET_ARN,
    ...values,
  };
  const outputs = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, { sensitive: false, type: typeof value, value }]);
  return JSON.stringify(Object.fromEntries(outputs), undefined, 2);
}

const problems = (json: string, options = {}): readonly string[] =>
  problemsOf(() => PlatformOutputs.fromTerraform(json, options));

test('the names are those that the stack declares', () => {
  expect(TERRAFORM_OUTPUTS).toEqual({
    clusterName: 'cluster_name',
    databaseHost: 'mlflow_database_host',
    databasePort: 'mlflow_database_port',
    databaseName: 'mlflow_database_name',
    databaseSecretArn: 'mlflow_database_secret_arn',
  });
});

test('reads what terraform prints, whatever else is in it', () => {
  const outputs = PlatformOutputs.fromTerraform(printed({ bucket_arns: ['a', 'b'], 'our-own': { a: 1 } }));
  expect(outputs.source).toBe('outputs.json');
  expect(outputs.mlflowDatabase).toEqual({
    host: 'fraud-staging-mlflow.abc123.eu-central-1.rds.amazonaws.com',
    port: 5432,
    name: 'mlflow',
    secretArn: SECRET_ARN,
  });
});

test('takes the outputs of the environment that it is told, and of no other', () => {
  const options = { source: 'production.json', clusterName: 'fraud-production' };
  expect(problems(printed(), options)).toEqual([
    "'cluster_name' ('fraud-staging') must be 'fraud-production': these are of another environment",
  ]);
  const own = PlatformOutputs.fromTerraform(printed({ cluster_name: 'fraud-production' }), options);
  expect(own.source).toBe('production.json');
});

test('pending outputs have nothing, and say so', () => {
  expect(PlatformOutputs.pending().mlflowDatabase).toBeUndefined();
  expect(PlatformOutputs.pending('staging.json').source).toBe('staging.json');
});

describe('what is no such file', () => {
  const anew = 'write it anew: terraform output -json > staging.json';

  test.each([
    ['', `is empty; ${anew}`],
    [' \n', `is empty; ${anew}`],
    ['cluster_name = "fraud-staging"\n', `is no JSON, was '-json' left out? ${anew}`],
    ['[]', `must be an object of outputs, { name: { value, type, sensitive } }; ${anew}`],
    ['null', `must be an object of outputs, { name: { value, type, sensitive } }; ${anew}`],
    ['"x"', `must be an object of outputs, { name: { value, type, sensitive } }; ${anew}`],
    ['{"a": 1, "b": {"value": 1}, "c": null}', `'a', 'c' must be { value, type, sensitive }; ${anew}`],
  ])('%j', (json, problem) => expect(problems(json, { source: 'staging.json' })).toEqual([problem]));

  test('a secret in it is not repeated', () => {
    const text = 'admin_password = "hunter2"';
    expect(() => PlatformOutputs.fromTerraform(text)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});

describe('outputs that are wrong', () => {
  test('all that are missing, with what to do', () => {
    expect(problems('{}')).toEqual([
      "the output 'cluster_name' is missing",
      "the output 'mlflow_database_host' is missing",
      "the output 'mlflow_database_port' is missing",
      "the output 'mlflow_database_name' is missing",
      "the output 'mlflow_database_secret_arn' is missing",
      'apply the stack as it is now, and write them anew: terraform output -json > outputs.json',
    ]);
  });

  test('one that is missing among ones that are wrong', () => {
    const json = printed({ mlflow_database_host: undefined, mlflow_database_port: '5432', cluster_name: '' });
    expect(problems(json)).toEqual([
      "'cluster_name' ('') must be a text that is not empty",
      "the output 'mlflow_database_host' is missing",
      "'mlflow_database_port' ('5432') must be a number",
      'apply the stack as it is now, and write them anew: terraform output -json > outputs.json',
    ]);
  });

  test('all that are of another kind', () => {
    const json = printed({
      cluster_name: 7,
      mlflow_database_host: 'db.example:5432',
      mlflow_database_port: 0,
      mlflow_database_name: 'a b',
      mlflow_database_secret_arn: 'arn:aws:rds:eu-central-1:123456789012:db:mlflow',
    });
    expect(problems(json)).toEqual([
      "'cluster_name' (7) must be a text that is not empty",
      "'mlflow_database_host' ('db.example:5432') must be a host without a port",
      "'mlflow_database_port' (0) must be a port, 1 to 65535",
      expect.stringContaining("'mlflow_database_name' ('a b') must be the name of a database"),
      expect.stringContaining('must be the ARN of a secret of Secrets Manager'),
    ]);
  });

  test('null, as terraform prints a value that it does not know', () => {
    expect(problems(printed({ mlflow_database_host: null, mlflow_database_port: null }))).toEqual([
      "'mlflow_database_host' (null) must be a text that is not empty",
      "'mlflow_database_port' (null) must be a number",
    ]);
  });
});
