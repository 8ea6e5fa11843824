import {
  CreateBucketCommand,
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { BucketTransition, ModelImageRepositories, ModelStorage } from 'cdk8s-mlops/aws';
import { SynthesizedStack } from '../support/stack';
import { type Rendered } from '../support/synth';
import { type RealServer, startMoto } from './real-servers';

/*
 * Rules of buckets and repositories, put to servers that check them as AWS does. What the provider only hands on, such as a policy,
 * its own schema cannot judge.
 */

const SCOPE = 'Credential=test/20261121/us-east-1/ecr/aws4_request, SignedHeaders=host, Signature=0';

let moto: RealServer;
let s3: S3Client;

beforeAll(async () => {
  moto = await startMoto();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  s3 = new S3Client({ endpoint: moto.url, region: 'us-east-1', forcePathStyle: true, credentials });
});
afterAll(async () => {
  s3.destroy();
  await moto.server.stop();
});

/** A rule of the provider as S3's API has it: names in another case, and blocks of one as objects. */
function asApi(value: Rendered): Rendered {
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries<Rendered>(value).map(([name, each]) => {
    const key = name === 'id' ? 'ID' : name.replaceAll(/(^|_)(\w)/g, (_, __, letter: string) => letter.toUpperCase());
    if (!Array.isArray(each)) return [key, asApi(each)];
    return key === 'Transition' ? ['Transitions', each.map(asApi)] : [key, asApi(each[0])];
  });
  return Object.fromEntries(entries);
}

async function putRules(bucket: string, Rules: LifecycleRule[]): Promise<LifecycleRule[]> {
  await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket: bucket, LifecycleConfiguration: { Rules } }));
  return (await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }))).Rules ?? [];
}

/** A call of ECR. */
async function ecr(action: string, body: object): Promise<Response> {
  return fetch(moto.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `AmazonEC2ContainerRegistry_V20150921.${action}`,
      authorization: `AWS4-HMAC-SHA256 ${SCOPE}`,
    },
    body: JSON.stringify(body),
  });
}

test('S3 takes the rules of every bucket, and its policy', async () => {
  const buckets = {
    models: 'acme-models',
    artifacts: 'acme-artifacts',
    training: 'acme-training',
    predictions: 'acme-predictions',
  };
  const stack = SynthesizedStack.of(
    (scope) => new ModelStorage(scope, 'storage', { buckets, transition: BucketTransition.infrequentAccess() }),
  );
  const names = stack.all('aws_s3_bucket').map(({ bucket }): string => bucket);
  const rules = stack.all('aws_s3_bucket_lifecycle_configuration').map(({ rule }) => rule.map(asApi));
  const policies = stack.all('aws_s3_bucket_policy').map(({ policy }): string => policy);
  expect(names).toHaveLength(4);
  for (const [index, bucket] of names.entries()) {
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    // This server forgets the sizes of filters.
    const expected = rules[index].map((rule: LifecycleRule) =>
      rule.ID === 'transition' ? { ...rule, Filter: {} } : rule,
    );
    expect(await putRules(bucket, rules[index])).toMatchObject(expected);
    await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: policies[index] }));
  }
});

test('and takes none that contradicts itself', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'acme-others' }));
  const Expiration = { Days: 1, ExpiredObjectDeleteMarker: true };
  const rule: LifecycleRule = { ID: 'a', Status: 'Enabled', Filter: { Prefix: '' }, Expiration };
  await expect(putRules('acme-others', [rule])).rejects.toThrow();
});

test('ECR takes the lifecycle policy, with and without builds', async () => {
  const builds = { keepLast: { 'pr-': 20, 'sha-': 50 }, releaseTagPrefixes: ['v', 'release-'] };
  for (const [index, props] of [{}, { builds }].entries()) {
    const name = `fraud/training-${index}`;
    const stack = SynthesizedStack.of(
      (scope) => new ModelImageRepositories(scope, 'images', { names: [name], ...props }),
    );
    const lifecyclePolicyText: string = stack.one('aws_ecr_lifecycle_policy').policy;
    expect((await ecr('CreateRepository', { repositoryName: name })).status).toBe(200);
    const answer = await ecr('PutLifecyclePolicy', { repositoryName: name, lifecyclePolicyText });
    expect([answer.status, await answer.json()]).toMatchObject([200, { repositoryName: name }]);
  }
});

test('and takes none whose words it does not know', async () => {
  expect((await ecr('CreateRepository', { repositoryName: 'others' })).status).toBe(200);
  const selection = { tagStatus: 'untagged', countType: 'sinceImageBuilt', countNumber: 14 };
  const rules = [{ rulePriority: 1, selection, action: { type: 'expire' } }];
  const answer = await ecr('PutLifecyclePolicy', {
    repositoryName: 'others',
    lifecyclePolicyText: JSON.stringify({ rules }),
  });
  expect(answer.status).toBe(400);
});
