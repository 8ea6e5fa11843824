import { Duration } from 'cdk8s';
import { App, TerraformStack, TerraformVariable, Testing } from 'cdktf';
import { IdentityProvider, KeyService, WorkloadIdentity, type WorkloadIdentityProps } from 'cdk8s-mlops/aws';
import { problemsOf, type Rendered } from '../support/synth';

const ACCOUNT = { clusterName: 'acme-staging', namespace: 'fraud', serviceAccountName: 'fraud-detector-serving' };
const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234';
const SECRET = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1234';
const OIDC = {
  oidcProviderArn: 'arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC',
  oidcIssuer: 'https://oidc.eks.eu-central-1.amazonaws.com/id/ABC',
};

type Grants = (identity: WorkloadIdentity, stack: TerraformStack) => unknown;

function synth(props: Partial<WorkloadIdentityProps> = {}, grants: Grants = () => undefined): Rendered {
  const stack = new TerraformStack(new App(), 'test');
  grants(new WorkloadIdentity(stack, 'identity', { ...ACCOUNT, ...props }), stack);
  const { resource } = JSON.parse(Testing.synth(stack));
  return resource;
}

const only = (resources: Rendered): Rendered => {
  const [first, ...others] = Object.values(resources ?? {});
  expect([first === undefined, others]).toEqual([false, []]);
  return first;
};
const trust = (made: Rendered): Rendered => JSON.parse(only(made.aws_iam_role).assume_role_policy).Statement;
const policy = (grants: Grants, props: Partial<WorkloadIdentityProps> = {}): Rendered =>
  JSON.parse(only(synth(props, grants).aws_iam_role_policy).policy);
const statements = (grants: Grants, props?: Partial<WorkloadIdentityProps>): Rendered =>
  policy(grants, props).Statement;

describe('the role', () => {
  test('of Pod Identity is taken by the pods of one account, in one namespace of one cluster', () => {
    expect(trust(synth())).toEqual([
      {
        ...{ Sid: 'ServiceAccount', Effect: 'Allow', Principal: { Service: 'pods.eks.amazonaws.com' } },
        Action: ['sts:AssumeRole', 'sts:TagSession'],
        Condition: {
          StringEquals: {
            'aws:RequestTag/eks-cluster-name': 'acme-staging',
            'aws:RequestTag/kubernetes-namespace': 'fraud',
            'aws:RequestTag/kubernetes-service-account': 'fraud-detector-serving',
          },
        },
      },
    ]);
  });

  test('of Pod Identity is associated with the account', () => {
    const made = synth();
    const [role] = Object.keys(made.aws_iam_role);
    expect(only(made.aws_eks_pod_identity_association)).toMatchObject({
      ...{ cluster_name: 'acme-staging', namespace: 'fraud', service_account: 'fraud-detector-serving' },
      role_arn: `\${aws_iam_role.${role}.arn}`,
    });
  });

  test.each([[OIDC.oidcIssuer], [OIDC.oidcIssuer.replace('https://', '')]])(
    'of IRSA is taken with a token of the account (issuer %s), and is associated with nothing',
    (oidcIssuer) => {
      const made = synth({ provider: IdentityProvider.irsa({ ...OIDC, oidcIssuer }) });
      const host = 'oidc.eks.eu-central-1.amazonaws.com/id/ABC';
      expect(trust(made)).toEqual([
        {
          ...{ Sid: 'ServiceAccount', Effect: 'Allow', Principal: { Federated: OIDC.oidcProviderArn } },
          Action: ['sts:AssumeRoleWithWebIdentity'],
          Condition: {
            StringEquals: {
              [`${host}:aud`]: 'sts.amazonaws.com',
              [`${host}:sub`]: 'system:serviceaccount:fraud:fraud-detector-serving',
            },
          },
        },
      ]);
      expect(made).not.toHaveProperty('aws_eks_pod_identity_association');
    },
  );

  test('of IRSA takes the issuer that only AWS knows', () => {
    const stack = new TerraformStack(new App(), 'test');
    const issuer = new TerraformVariable(stack, 'issuer', {}).stringValue;
    const arn = new TerraformVariable(stack, 'arn', {}).stringValue;
    const provider = IdentityProvider.irsa({ oidcProviderArn: arn, oidcIssuer: issuer });
    new WorkloadIdentity(stack, 'identity', { ...ACCOUNT, provider });
    const { resource, locals } = JSON.parse(Testing.synth(stack));
    const [statement] = trust(resource);
    const [[name, value]] = Object.entries(locals) as [[string, string]];
    expect(value).toBe('${replace(var.issuer, "https://", "")}');
    expect(statement.Principal).toEqual({ Federated: '${var.arn}' });
    expect(Object.keys(statement.Condition.StringEquals)).toEqual([`\${local.${name}}:aud`, `\${local.${name}}:sub`]);
  });

  test('has a name that both sides compute, and may do nothing', () => {
    const made = synth();
    expect(only(made.aws_iam_role)).toMatchObject({
      name: 'acme-staging.fraud.fraud-detector-serving',
      description: 'Service account fraud/fraud-detector-serving of acme-staging',
    });
    expect(made).not.toHaveProperty('aws_iam_role_policy');
  });

  test('every prop reaches it', () => {
    const all: Required<WorkloadIdentityProps> = {
      ...ACCOUNT,
      provider: IdentityProvider.podIdentity(),
      permissionsBoundaryArn: 'arn:aws-cn:iam::123456789012:policy/boundary',
      path: '/mlops/',
      maxSessionDuration: Duration.hours(12),
      partition: 'aws-cn',
      tags: { team: 'ml' },
    };
    const made = synth(all, (identity) => identity.grantRead('acme-models'));
    expect(only(made.aws_iam_role)).toMatchObject({
      ...{ permissions_boundary: all.permissionsBoundaryArn, path: '/mlops/', max_session_duration: 43_200 },
      tags: { team: 'ml' },
    });
    expect(only(made.aws_eks_pod_identity_association).tags).toEqual({ team: 'ml' });
    expect(JSON.parse(only(made.aws_iam_role_policy).policy).Statement[0].Resource).toEqual([
      'arn:aws-cn:s3:::acme-models',
    ]);
  });

  test('has a name within the limit of IAM, whatever the names are', () => {
    const long = { clusterName: 'c'.repeat(100), namespace: 'n'.repeat(63), serviceAccountName: 's'.repeat(63) };
    expect(only(synth(long).aws_iam_role).name).toHaveLength(64);
  });
});

describe('a grant', () => {
  const PREFIX = { StringLike: { 's3:prefix': ['churn', 'churn/*'] } };

  test('to read is one for the bucket and one for its objects, and neither of a folder whose name begins alike', () => {
    const found = statements((identity) => identity.grantRead('acme-models', 'churn'));
    expect(found).toEqual([
      { Effect: 'Allow', Action: ['s3:ListBucket'], Resource: ['arn:aws:s3:::acme-models'], Condition: PREFIX },
      {
        ...{ Sid: 'ReadObjects', Effect: 'Allow', Action: ['s3:GetObject'] },
        Resource: ['arn:aws:s3:::acme-models/churn', 'arn:aws:s3:::acme-models/churn/*'],
      },
    ]);
  });

  test('to read a whole bucket has no condition', () => {
    expect(statements((identity) => identity.grantRead('acme-models'))).toEqual([
      { Effect: 'Allow', Action: ['s3:ListBucket'], Resource: ['arn:aws:s3:::acme-models'] },
      { Sid: 'ReadObjects', Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::acme-models/*'] },
    ]);
  });

  test.each([
    ['grantWrite', 'WriteObjects', ['s3:AbortMultipartUpload', 's3:PutObject'], ['/churn/*']],
    ['grantDelete', 'DeleteObjects', ['s3:DeleteObject'], ['/churn/*']],
    [
      'grantTag',
      'TagObjects',
      ['s3:DeleteObjectTagging', 's3:GetObjectTagging', 's3:PutObjectTagging'],
      ['/churn', '/churn/*'],
    ],
  ] as const)('%s allows that and nothing else', (method, Sid, Action, names) => {
    expect(statements((identity) => identity[method]('acme-models', 'churn'))).toEqual([
      { Sid, Effect: 'Allow', Action, Resource: names.map((name) => `arn:aws:s3:::acme-models${name}`) },
    ]);
    const whole = statements((identity) => identity[method]('acme-models'));
    expect(whole[0].Resource).toEqual(['arn:aws:s3:::acme-models/*']);
  });

  test('of a key is for the service that uses it', () => {
    const found = statements((identity) => {
      identity.grantKeyUse(KEY);
      identity.grantKeyUse(`${KEY}5`, { encrypts: true });
      identity.grantKeyUse(`${KEY}6`, { service: KeyService.SECRETS_MANAGER });
    });
    const s3 = { StringLike: { 'kms:ViaService': ['s3.*.amazonaws.com'] } };
    const secrets = { StringLike: { 'kms:ViaService': ['secretsmanager.*.amazonaws.com'] } };
    const allow = { Effect: 'Allow' };
    expect(found).toEqual([
      { ...allow, Sid: 'DecryptObjects', Action: ['kms:Decrypt'], Resource: [KEY, `${KEY}5`], Condition: s3 },
      { ...allow, Sid: 'EncryptObjects', Action: ['kms:GenerateDataKey'], Resource: [`${KEY}5`], Condition: s3 },
      { ...allow, Sid: 'DecryptSecrets', Action: ['kms:Decrypt'], Resource: [`${KEY}6`], Condition: secrets },
    ]);
    const chinese = statements((identity) => identity.grantKeyUse(KEY), { partition: 'aws-cn' });
    expect(chinese[0].Condition.StringLike['kms:ViaService']).toEqual(['s3.*.amazonaws.com.cn']);
  });

  test('to encrypt is not taken back by one to decrypt', () => {
    const found = statements((identity) => {
      identity.grantKeyUse(KEY, { encrypts: true });
      identity.grantKeyUse(KEY);
    });
    expect(found.map(({ Sid }: Rendered) => Sid)).toEqual(['DecryptObjects', 'EncryptObjects']);
  });

  test('of a secret is to read it', () => {
    expect(statements((identity) => identity.grantSecretRead(SECRET))).toEqual([
      {
        ...{ Sid: 'ReadSecrets', Effect: 'Allow', Resource: [SECRET] },
        Action: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'],
      },
    ]);
  });

  test('may name a key and a secret that only AWS knows', () => {
    const found = policy((identity, stack) => {
      identity.grantKeyUse(new TerraformVariable(stack, 'key', {}).stringValue);
      identity.grantSecretRead(new TerraformVariable(stack, 'secret', {}).stringValue);
    });
    expect(found.Statement.map(({ Resource }: Rendered) => Resource)).toEqual([['${var.key}'], ['${var.secret}']]);
  });
});

describe('grants', () => {
  const all = [
    ['grantRead', 'b', 'x'],
    ['grantRead', 'b', 'a/b'],
    ['grantRead', 'a', ''],
    ['grantRead', 'a', 'covered'],
    ['grantRead', 'b', 'x/covered'],
    ['grantRead', 'b', 'x-other'],
    ['grantWrite', 'b', '/x/'],
    ['grantWrite', 'b', 'x'],
  ] as const;
  const inOrder =
    (order: readonly (typeof all)[number][]): Grants =>
    (identity) =>
      order.forEach(([method, bucket, prefix]) => identity[method](bucket, prefix));

  test('are one policy, whose text does not depend on their order', () => {
    const found = policy(inOrder(all));
    expect(policy(inOrder([...all].reverse()))).toEqual(found);
    const [listA, listB, read, write, ...others] = found.Statement;
    expect(others).toEqual([]);
    expect(listA).not.toHaveProperty('Condition');
    expect(listB.Condition.StringLike['s3:prefix']).toEqual(['a/b', 'a/b/*', 'x', 'x/*', 'x-other', 'x-other/*']);
    expect(read.Resource).toEqual([
      'arn:aws:s3:::a/*',
      ...['a/b', 'a/b/*', 'x', 'x/*', 'x-other', 'x-other/*'].map((name) => `arn:aws:s3:::b/${name}`),
    ]);
    expect(write.Resource).toEqual(['arn:aws:s3:::b/x/*']);
  });

  test('are refused when IAM would not take the policy, before and not after', () => {
    const grant =
      (count: number): Grants =>
      (identity) => {
        for (let index = 0; index < count; index++) identity.grantDelete('b'.repeat(63), `${index}`.padStart(100, '0'));
      };
    const [document] = [only(synth({}, grant(55)).aws_iam_role_policy).policy];
    expect(document.length).toBeLessThanOrEqual(10_240);
    expect(problemsOf(() => synth({}, grant(60)))[0]).toMatch(
      /^its policy has 10\d{3} characters, and IAM takes 10240 of a role: grant folders that have several/,
    );
  });
});

test('one policy belongs to the role that Terraform makes', () => {
  const made = synth({}, (identity) => identity.grantRead('acme-models'));
  const [role] = Object.keys(made.aws_iam_role);
  expect(only(made.aws_iam_role_policy)).toMatchObject({ name: 'access', role: `\${aws_iam_role.${role}.name}` });
});

describe('bad input', () => {
  test('is told all at once', () => {
    const problems = problemsOf(() =>
      synth({
        ...{ clusterName: 'no cluster', namespace: 'Fraud', serviceAccountName: 'a_b', path: 'mlops' },
        ...{ maxSessionDuration: Duration.minutes(59), permissionsBoundaryArn: 'boundary' },
      }),
    );
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
      ...["'clusterName'", "'namespace'", "'serviceAccountName'", "'path'", "'maxSessionDuration'"],
      "'permissionsBoundaryArn'",
    ]);
    expect(problemsOf(() => synth({ maxSessionDuration: Duration.hours(13) }))).toHaveLength(1);
  });

  test('of a grant is no pattern: IAM would take it for one', () => {
    const grant = (bucket: string, prefix: string) => (): unknown =>
      synth({}, (identity) => identity.grantRead(bucket, prefix));
    expect(problemsOf(grant('acme', 'a*'))[0]).toBe(
      "'prefix' ('a*') must be a name as it is: IAM gives *, ? and $ a meaning",
    );
    expect(problemsOf(grant('acme', '${aws:username}'))).toHaveLength(1);
    expect(problemsOf(grant('*', 'a'))[0]).toMatch(/^'bucketName' /);
    expect(problemsOf(grant('', ''))).toHaveLength(1);
    expect(problemsOf(grant('acme/models', ''))).toHaveLength(1);
  });

  test('of IRSA is told all at once', () => {
    expect(problemsOf(() => IdentityProvider.irsa({ oidcProviderArn: 'arn', oidcIssuer: 'issuer' }))).toHaveLength(2);
  });
});
