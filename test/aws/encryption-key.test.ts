import { TerraformOutput } from 'cdktf';
import { EncryptionKey, type EncryptionKeyProps } from 'cdk8s-mlops/aws';
import { SynthesizedStack } from '../support/stack';
import { problemsOf } from '../support/synth';

function key(props: Partial<EncryptionKeyProps> = {}): SynthesizedStack {
  const defaults = { alias: 'acme/mlflow', description: "MLflow's database" };
  return SynthesizedStack.of((stack) => {
    const made = new EncryptionKey(stack, 'key', { ...defaults, ...props });
    new TerraformOutput(stack, 'arn', { value: made.arn });
  });
}

test('is rotated, and its deletion can be taken back for as long as KMS allows', () => {
  const made = key({ tags: { team: 'ml' } });
  expect(made.one('aws_kms_key')).toMatchObject({
    ...{
      description: "MLflow's database",
      enable_key_rotation: true,
      deletion_window_in_days: 30,
      tags: { team: 'ml' },
    },
  });
  expect(made.one('aws_kms_alias')).toEqual({
    name: 'alias/acme/mlflow',
    target_key_id: expect.stringMatching(/^\$\{aws_kms_key\.key_\w+\.key_id\}$/),
  });
  expect(made.output('arn')).toMatch(/^\$\{aws_kms_key\.key_\w+\.arn\}$/);
});

test("the account's IAM policies say who may use it, in every partition of AWS", () => {
  const [statement, ...more] = JSON.parse(key().one('aws_kms_key').policy).Statement;
  expect(more).toEqual([]);
  expect(statement).toMatchObject({ Effect: 'Allow', Action: 'kms:*', Resource: '*' });
  expect(statement.Principal.AWS).toMatch(
    /^arn:\$\{data\.aws_partition\.\w+\.partition\}:iam::\$\{data\.aws_caller_identity\.\w+\.account_id\}:root$/,
  );
});

test('what is no alias, and a key for nothing', () => {
  const build = (): unknown => key({ alias: 'aws/s3', description: '' });
  expect(build).toThrow("EncryptionKey 'test/key' has 2 problems:");
  expect(problemsOf(build)).toEqual([
    "'alias' ('aws/s3') must be 1 to 250 letters, digits, /, _ and -, and not begin with 'aws/'",
    "'description' ('') must say what is encrypted with the key",
  ]);
  for (const alias of ['', 'a b', 'alias:x', 'a'.repeat(251)]) {
    expect(problemsOf(() => key({ alias }))).toHaveLength(1);
  }
  expect(key({ alias: 'a'.repeat(250) }).one('aws_kms_alias').name).toHaveLength(256);
});
