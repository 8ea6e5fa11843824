import { App, Testing, TerraformStack } from 'cdktf';
import { type ObjectAccess } from 'cdk8s-mlops';
import { IdentityProvider, PlatformIdentities, type PlatformIdentitiesProps } from 'cdk8s-mlops/aws';
import { problemsOf, type Rendered } from '../support/synth';

const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234';

function access(serviceAccountName: string, what: string, uri: string): ObjectAccess {
  const [reads, writes, deletes] = ['r', 'w', 'd'].map((letter) => what.includes(letter)) as [
    boolean,
    boolean,
    boolean,
  ];
  const archives = what.includes('a') && { archives: true };
  return { namespace: 'ml', serviceAccountName, uri, reads, writes, deletes, ...archives, purpose: 'a test' };
}

const ACCESS = [
  access('churn-training', 'rwd', 's3://acme-training/runs'),
  access('churn-training', 'rw', 's3://acme-models/churn'),
  access('churn-serving', 'r', 's3://acme-models/churn'),
  access('churn-rollout', 'rwa', 's3://acme-models/churn'),
  access('churn-capture', 'w', 's3://acme-predictions/churn/_events'),
];

interface Made {
  readonly identities: PlatformIdentities;
  readonly resource: Rendered;
  readonly warnings: readonly string[];
}

function make(props: Partial<PlatformIdentitiesProps> = {}): Made {
  const stack = new TerraformStack(new App(), 'test');
  const identities = new PlatformIdentities(stack, 'identities', { clusterName: 'acme', access: ACCESS, ...props });
  const warnings = identities.node.metadata.map(({ data }) => String(data));
  return { identities, resource: JSON.parse(Testing.synth(stack)).resource ?? {}, warnings };
}

/** Actions on resources by role, one line each. */
function allowed({ resource }: Made): Record<string, string[]> {
  return Object.fromEntries(
    Object.values<Rendered>(resource.aws_iam_role_policy).map(({ role, policy }) => {
      const [, id] = /^\$\{aws_iam_role\.([\w-]+)\.name\}$/.exec(role)!;
      const lines = JSON.parse(policy).Statement.flatMap(({ Action, Resource }: Rendered) =>
        Action.map((action: string) => `${action} ${Resource.map((arn: string) => arn.split(':').at(-1)).join(' ')}`),
      );
      return [resource.aws_iam_role[id!].name, lines];
    }),
  );
}

test('every account has a role of its own, that may do what its pods do', () => {
  expect(allowed(make())).toEqual({
    'acme.ml.churn-capture': [
      's3:AbortMultipartUpload acme-predictions/churn/_events/*',
      's3:PutObject acme-predictions/churn/_events/*',
    ],
    'acme.ml.churn-rollout': [
      's3:ListBucket acme-models',
      's3:GetObject acme-models/churn acme-models/churn/*',
      's3:AbortMultipartUpload acme-models/churn/*',
      's3:PutObject acme-models/churn/*',
      's3:DeleteObjectTagging acme-models/churn acme-models/churn/*',
      's3:GetObjectTagging acme-models/churn acme-models/churn/*',
      's3:PutObjectTagging acme-models/churn acme-models/churn/*',
    ],
    'acme.ml.churn-serving': ['s3:ListBucket acme-models', 's3:GetObject acme-models/churn acme-models/churn/*'],
    'acme.ml.churn-training': [
      ...['s3:ListBucket acme-models', 's3:ListBucket acme-training'],
      's3:GetObject acme-models/churn acme-models/churn/* acme-training/runs acme-training/runs/*',
      's3:AbortMultipartUpload acme-models/churn/* acme-training/runs/*',
      's3:PutObject acme-models/churn/* acme-training/runs/*',
      's3:DeleteObject acme-training/runs/*',
    ],
  });
});

test('what lists one bucket may not list the other by its names', () => {
  const { resource } = make();
  const training: Rendered = Object.entries(resource.aws_iam_role_policy).find(([id]) => id.includes('training'))![1];
  const conditions = JSON.parse(training.policy).Statement.flatMap(({ Resource, Condition }: Rendered) =>
    Condition ? [[Resource, Condition.StringLike['s3:prefix']]] : [],
  );
  expect(conditions).toEqual([
    [['arn:aws:s3:::acme-models'], ['churn', 'churn/*']],
    [['arn:aws:s3:::acme-training'], ['runs', 'runs/*']],
  ]);
});

test('keys follow their buckets: who reads decrypts, who writes encrypts', () => {
  const keys = allowed(make({ kmsKeyArns: { 'acme-models': KEY, 'not-used': `${KEY}-other` } }));
  const found = Object.entries(keys).map(([role, lines]) => [
    role.split('-').at(-1),
    lines.filter((line) => line.startsWith('kms:')).map((line) => line.split(' ')[0]),
  ]);
  expect(Object.fromEntries(found)).toEqual({
    capture: [],
    rollout: ['kms:Decrypt', 'kms:GenerateDataKey'],
    serving: ['kms:Decrypt'],
    training: ['kms:Decrypt', 'kms:GenerateDataKey'],
  });
});

test('who reads a secret may do that, and have its key used for that', () => {
  const secretArn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:mlflow';
  const account = { namespace: 'ml', serviceAccountName: 'external-secrets', secretArn };
  const lines = allowed(make({ access: [], secrets: [{ ...account, kmsKeyArn: KEY }] }));
  expect(lines).toEqual({
    'acme.ml.external-secrets': [
      'kms:Decrypt key/1234',
      'secretsmanager:DescribeSecret mlflow',
      'secretsmanager:GetSecretValue mlflow',
    ],
  });
  expect(Object.values(allowed(make({ access: [], secrets: [account] })))[0]).toHaveLength(2);
});

test('every prop reaches the roles', () => {
  const irsa = {
    oidcProviderArn: 'arn:aws:iam::123456789012:oidc-provider/oidc.example/id/1',
    oidcIssuer: 'https://oidc.example/id/1',
  };
  const all: Required<PlatformIdentitiesProps> = {
    ...{ clusterName: 'acme', access: ACCESS.slice(0, 1), secrets: [], kmsKeyArns: {} },
    provider: IdentityProvider.irsa(irsa),
    permissionsBoundaryArn: 'arn:aws:iam::123456789012:policy/boundary',
    ...{ path: '/mlops/', partition: 'aws-us-gov', tags: { team: 'ml' } },
  };
  const { resource } = make(all);
  const [role] = Object.values<Rendered>(resource.aws_iam_role);
  expect(role).toMatchObject({
    ...{ path: '/mlops/', permissions_boundary: all.permissionsBoundaryArn, tags: { team: 'ml' } },
    assume_role_policy: expect.stringContaining('AssumeRoleWithWebIdentity'),
  });
  const [{ policy }] = Object.values<Rendered>(resource.aws_iam_role_policy) as [Rendered];
  expect(policy).toContain('arn:aws-us-gov:s3:::acme-training/runs/*');
  expect(resource).not.toHaveProperty('aws_eks_pod_identity_association');
});

test('identities are found by their account', () => {
  const { identities } = make();
  expect(identities.identity('ml', 'churn-serving').roleName).toBe('acme.ml.churn-serving');
  expect(Object.keys(identities.roleArns).sort()).toEqual([
    ...['ml/churn-capture', 'ml/churn-rollout', 'ml/churn-serving', 'ml/churn-training'],
  ]);
  expect(problemsOf(() => identities.identity('ml', 'nobody'))[0]).toMatch(
    /^there is no identity of 'ml\/nobody', but of ml\/churn-training, /,
  );
});

test('a new account renames nothing of another one', () => {
  const idsOf = ({ resource }: Made): string[] =>
    Object.entries<Rendered>(resource).flatMap(([type, each]) => Object.keys(each).map((id) => `${type}.${id}`));
  const before = idsOf(make());
  const after = idsOf(make({ access: [access('a-first', 'r', 's3://acme-a'), ...[...ACCESS].reverse()] }));
  expect(before.filter((id) => !after.includes(id))).toEqual([]);
  expect(after).toHaveLength(before.length + 3);
});

test('accounts whose names run into those of their namespaces are two', () => {
  const one = { ...access('b-c', 'r', 's3://acme-a'), namespace: 'a' };
  const other = { ...access('c', 'r', 's3://acme-a'), namespace: 'a-b' };
  const { resource } = make({ access: [one, other] });
  const names = Object.values<Rendered>(resource.aws_iam_role).map(({ name }) => name);
  expect(names.sort()).toEqual(['acme.a-b.c', 'acme.a.b-c']);
});

test('an address outside of S3 is told, and left out', () => {
  const { resource, warnings } = make({ access: [access('churn-training', 'r', 'gs://acme-lake/churn')] });
  expect(resource).toEqual({});
  expect(warnings).toEqual([
    "'ml/churn-training' works with gs://acme-lake/churn (a test), which is not in S3: give it an identity there",
  ]);
});

test('identities of nothing are a mistake', () => {
  expect(problemsOf(() => make({ access: [] }))[0]).toMatch(/^'access' \(\[\]\) has nothing: ask the platform/);
});
