import { checkStack } from './provider-schema';
import { parseTemplate } from './terraform/expressions';

const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Sid: 'Read', Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::acme/*' }],
});
const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

type Tree = Record<string, unknown>;

/** A stack in which all is well, with another resource beside. */
function check(type: string, body: Tree, rest: Tree = {}): string[] {
  const base = {
    aws_s3_bucket: { models: { bucket: 'acme-models' } },
    aws_iam_role: { nodes: { name: 'nodes', assume_role_policy: TRUST } },
    aws_ecr_repository: { many: { for_each: { a: 'b' }, name: '${each.value}' } },
    helm_release: { kserve: { name: 'kserve', chart: 'kserve', set: [{ name: 'a', value: 'b' }] } },
  };
  const data = { aws_eks_cluster: { this: { name: 'acme' } } };
  const resource: Record<string, Tree> = { ...base };
  resource[type] = { ...resource[type], it: body };
  return checkStack(JSON.stringify({ resource, data, ...rest }));
}

const NODES = {
  cluster_name: '${data.aws_eks_cluster.this.name}',
  node_role_arn: '${aws_iam_role.nodes.arn}',
  subnet_ids: ['subnet-1'],
  scaling_config: { min_size: 0, max_size: 1, desired_size: 0 },
};
const nodes = (props: Tree): string[] => check('aws_eks_node_group', { ...NODES, ...props });

describe('arguments', () => {
  test('all is well', () => {
    expect(nodes({})).toEqual([]);
    const more = {
      ...{
        labels: { a: 1 },
        taint: [{ key: 'a', effect: 'NO_SCHEDULE' }],
        timeouts: { create: '1h' },
        disk_size: '20',
      },
      ...{ version: 1.35, force_update_version: 'true', launch_template: [{ version: '${1 + 1}' }] },
      ...{ count: 2, lifecycle: { ignore_changes: ['scaling_config[0].desired_size', 'tags'], prevent_destroy: true } },
    };
    expect(nodes(more)).toEqual([]);
    expect(nodes({ lifecycle: { ignore_changes: 'all' }, disk_size: null })).toEqual([]);
  });

  test.each<[string, Tree, string]>([
    ['unknown', { nodegroup_name: 'a' }, "'nodegroup_name' is no argument (is 'node_group_name' meant?)"],
    [
      'unknown within a block',
      { scaling_config: { ...NODES.scaling_config, mid: 1 } },
      "'scaling_config.mid' is no argument",
    ],
    ['set by AWS', { status: 'ACTIVE' }, "'status' is no argument"],
    ['missing', { cluster_name: undefined }, "'cluster_name' is required and missing"],
    ['missing, as null', { cluster_name: null }, "'cluster_name' is required and missing"],
    ['a block that is missing', { scaling_config: [] }, "'scaling_config' is required and missing"],
    ['missing within a block', { taint: [{ key: 'a' }] }, "'taint[0].effect' is required and missing"],
    ['a list where a string is', { cluster_name: ['a'] }, `'cluster_name' must be a string, and is ["a"]`],
    ['text where a number is', { disk_size: 'big' }, `'disk_size' must be a number, and is "big"`],
    ['no text where a number is', { disk_size: '' }, `'disk_size' must be a number, and is ""`],
    ['a boolean where a number is', { disk_size: true }, "'disk_size' must be a number, and is true"],
    [
      'text where a boolean is',
      { force_update_version: 'yes' },
      `'force_update_version' must be a boolean, and is "yes"`,
    ],
    ['a string where a set is', { subnet_ids: 'subnet-1' }, `'subnet_ids' must be a set, and is "subnet-1"`],
    ['an object in a list of strings', { subnet_ids: [{}] }, "'subnet_ids[0]' must be a string, and is {}"],
    ['a list where a map is', { labels: ['a'] }, `'labels' must be a map, and is ["a"]`],
    ['a list in a map of strings', { labels: { a: [] } }, `'labels["a"]' must be a string, and is []`],
    ['an attribute where a block is', { scaling_config: 'a' }, `'scaling_config' must be a list, and is "a"`],
    ['a block where an attribute is', { ami_type: { a: 1 } }, `'ami_type' must be a string, and is {"a":1}`],
    [
      'an expression where a block is',
      { taint: '${local.a}' },
      "'taint' is a block and cannot be given by an expression (${local.a})",
    ],
    [
      'two of a block that can be given once',
      { update_config: [{}, {}] },
      "'update_config' can be given once, not 2 times",
    ],
    ['a list where a single object is', { timeouts: [{}] }, "'timeouts' must be a block, and is [{}]"],
    ['an unknown one in lifecycle', { lifecycle: { prevent: true } }, "'lifecycle.prevent' is no argument"],
    [
      'an unknown one that is ignored',
      { lifecycle: { ignore_changes: ['tag'] } },
      "lifecycle.ignore_changes: tag has no attribute 'tag'",
    ],
    ['both of two', { count: 1, for_each: {} }, "'count' and 'for_each' exclude each other"],
  ])('%s', (_, props, problem) => {
    expect(nodes(props)).toContain(`aws_eks_node_group.it: ${problem}`);
  });

  test('an object of an attribute is no block', () => {
    const set = (value: unknown): string[] => check('helm_release', { name: 'a', chart: 'b', set: value });
    expect(set([{ name: 'a', value: 'b' }])).toEqual([]);
    expect(set({ name: 'a', value: 'b' })).toEqual([
      `helm_release.it: 'set' must be a list, and is {"name":"a","value":"b"}`,
    ]);
    expect(set([{ nam: 'a' }])).toEqual([
      "helm_release.it: 'set[0].nam' is no argument (is 'name' meant?)",
      "helm_release.it: 'set[0].name' is required and missing",
    ]);
  });

  test('dynamic blocks', () => {
    const dynamic = (block: unknown, name = 'taint'): string[] => nodes({ dynamic: { [name]: block } });
    const content = { key: '${taint.value}', effect: 'NO_SCHEDULE' };
    expect(dynamic({ for_each: ['a'], content })).toEqual([]);
    expect(
      dynamic({ for_each: ['a'], iterator: 'each_one', content: { ...content, key: '${each_one.value}' } }),
    ).toEqual([]);
    expect(dynamic({ for_each: ['a'], content: { effect: 'x' } })).toEqual([
      "aws_eks_node_group.it: 'taint.key' is required and missing",
    ]);
    expect(dynamic({ for_each: ['a'] })).toEqual(["aws_eks_node_group.it: 'taint' needs 'for_each' and 'content'"]);
    expect(dynamic({ for_each: ['a'], content: {} }, 'labels')).toEqual([
      "aws_eks_node_group.it: 'labels' is no block that can be repeated",
    ]);
  });

  test.each([
    ['aws_s3_buckets', "aws_s3_buckets.it: the provider has no resource 'aws_s3_buckets'"],
    ['aws_eks_cluster_auth', "aws_eks_cluster_auth.it: the provider has no resource 'aws_eks_cluster_auth'"],
    ['aws_provider', "aws_provider.it: the provider has no resource 'aws_provider'"],
    ['helm_chart', "helm_chart.it: the provider has no resource 'helm_chart'"],
    ['google_bucket', "google_bucket.it: there are no bindings of the provider 'google'"],
  ])('there is no %s', (type, problem) => {
    expect(check(type, {})).toEqual([problem]);
  });

  test('data sources and providers', () => {
    const data = { aws_eks_cluster: { this: { name: 'acme' }, it: { nam: 'x' } }, aws_eks: { a: {} } };
    const provider = {
      aws: [{ region: 'eu-central-1', regions: 1 }, { alias: 'us', default_tags: [{ tag: {} }] }, {}],
    };
    const helm = [{ kubernetes: { host: '${data.aws_eks_cluster.this.endpoint}', exec: { api_version: 'v1' } } }];
    expect(check('aws_sqs_queue', { provider: 'aws.us' }, { data, provider: { ...provider, helm } })).toEqual([
      "data.aws_eks.a: the provider has no data 'aws_eks'",
      'provider.aws: there are two; give one of them an alias',
      "data.aws_eks_cluster.it: 'nam' is no argument (is 'name' meant?)",
      "data.aws_eks_cluster.it: 'name' is required and missing",
      "provider.aws.us: 'default_tags[0].tag' is no argument (is 'tags' meant?)",
      "provider.helm: 'kubernetes.exec.command' is required and missing",
    ]);
  });
});

describe('references', () => {
  test.each([
    '${aws_s3_bucket.models.arn}/*',
    '${data.aws_eks_cluster.this.certificate_authority[0].data}',
    '${data.aws_eks_cluster.this.certificate_authority.0.data}',
    '${base64decode(data.aws_eks_cluster.this.certificate_authority[0].data)}',
    '${element(tolist(data.aws_eks_cluster.this.vpc_config[0].subnet_ids), 0)}',
    '${join(",", [for id in data.aws_eks_cluster.this.vpc_config[0].subnet_ids : "x-${id}"])}',
    '${jsonencode({ for k, v in aws_s3_bucket.models.tags : k => v if v != "" })}',
    '${jsonencode({"a" = aws_s3_bucket.models.id, b = 1, c: true})}',
    '${aws_ecr_repository.many["a"].arn}',
    '${aws_s3_bucket.models.tags.team}',
    '${aws_s3_bucket.models.tags["team"]}',
    '${length(data.aws_eks_cluster.this.vpc_config[*].vpc_id)}',
    '${terraform.workspace}-${path.module}',
    '$${aws:username}',
    '%%{ if }',
    '%{ if aws_s3_bucket.models.force_destroy }yes%{ else }no%{ endif }',
    '${helm_release.kserve.metadata.revision}',
    'costs 5 $ {or so}',
  ])('%s is fine', (text) => {
    expect(check('aws_sqs_queue', { name: text })).toEqual([]);
  });

  test.each([
    ['${aws_s3_bucket.model.arn}', 'aws_s3_bucket.model.arn is not in the stack'],
    ['${data.aws_eks_cluster.that.arn}', 'data.aws_eks_cluster.that.arn is not in the stack'],
    ['${aws_eks_cluster.this.arn}', 'aws_eks_cluster.this.arn is not in the stack'],
    ['${aws_s3_bucket.models.uri}', "aws_s3_bucket.models.uri has no attribute 'uri'"],
    ['x ${upper("a ${aws_s3_bucket.models.uri}")}', "aws_s3_bucket.models.uri has no attribute 'uri'"],
    ['${aws_s3_bucket.models.arn.name}', "aws_s3_bucket.models.arn.name is a string, which has no 'name'"],
    [
      '${data.aws_eks_cluster.this.certificate_authority.data}',
      "data.aws_eks_cluster.this.certificate_authority.data is a list, which needs an index before 'data'",
    ],
    [
      '${data.aws_eks_cluster.this.vpc_config[0].subnet_ids[0]}',
      "data.aws_eks_cluster.this.vpc_config[0].subnet_ids[0] is a set, which has no '[0]'",
    ],
    [
      '${helm_release.kserve.metadata[0].revision}',
      "helm_release.kserve.metadata[0].revision is an object, which has no '[0]'",
    ],
    ['${aws_s3_bucket.models[0].arn}', 'aws_s3_bucket.models[0].arn has an index, and there is one'],
    ['${aws_ecr_repository.many.arn}', 'aws_ecr_repository.many.arn needs an index: there are several'],
    ['${module.vpc.vpc_id}', 'module.vpc.vpc_id is not in the stack'],
    ['${var.region}', 'var.region is not in the stack'],
    ['${local.a}', 'local.a is not in the stack'],
    ['${aws:username}', 'aws is nothing that can be referred to'],
    ['${aws_s3_bucket.models.arn', "'}' is missing after 'aws_s3_bucket.models.arn' in '${aws_s3_bucket.models.arn'"],
    ['${join(",", a}', 'a is nothing that can be referred to'],
    ['${lenght("a")}', "Terraform has no function 'lenght'"],
  ])('%s is not', (text, problem) => {
    expect(check('aws_sqs_queue', { name: text })).toContain(`aws_sqs_queue.it: ${problem}`);
  });

  test('are of the type that the argument takes', () => {
    expect(nodes({ version: '${aws_eks_node_group.other.subnet_ids}' })).toContain(
      'aws_eks_node_group.it: aws_eks_node_group.other.subnet_ids is not in the stack',
    );
    const subnets = '${data.aws_eks_cluster.this.vpc_config[0].subnet_ids}';
    expect(nodes({ subnet_ids: subnets })).toEqual([]);
    expect(nodes({ version: subnets })).toEqual([
      "aws_eks_node_group.it: 'version' must be a string, and data.aws_eks_cluster.this.vpc_config[0].subnet_ids is a set",
    ]);
    expect(nodes({ subnet_ids: '${aws_s3_bucket.models.id}' })).toEqual([
      "aws_eks_node_group.it: 'subnet_ids' must be a set, and aws_s3_bucket.models.id is a string",
    ]);
    expect(nodes({ labels: '${aws_s3_bucket.models.tags}', disk_size: '${aws_s3_bucket.models.id}' })).toEqual([]);
  });

  test('of outputs, locals, modules and providers are followed too', () => {
    const rest = {
      output: { a: { value: '${aws_s3_bucket.models.uri}' }, b: { value: '${module.vpc.private_subnets}' } },
      locals: { c: '${var.region}' },
      variable: { zone: { type: 'string' } },
      module: {
        vpc: {
          source: 'terraform-aws-modules/vpc/aws',
          version: '6.5.0',
          name: '${local.c}-${local.d}',
          az: '${var.zone}',
        },
      },
      provider: { aws: [{ region: '${data.aws_region.this.region}' }] },
    };
    expect(
      check(
        'aws_sqs_queue',
        { provider: 'aws.us', depends_on: ['aws_s3_bucket.models', 'module.vpc', 'aws_s3_bucket.x'] },
        rest,
      ),
    ).toEqual([
      'aws_sqs_queue.it: depends_on: aws_s3_bucket.x is not in the stack',
      'aws_sqs_queue.it: provider: aws.us is not in the stack',
      'provider.aws: data.aws_region.this.region is not in the stack',
      'module.vpc: local.d is not in the stack',
      "output.a: aws_s3_bucket.models.uri has no attribute 'uri'",
      'local.c: var.region is not in the stack',
    ]);
  });

  test('in a circle', () => {
    const provider = { helm: [{ kubernetes: { host: '${data.aws_eks_cluster.late.endpoint}' } }] };
    const data = { aws_eks_cluster: { this: { name: 'a' }, late: { name: 'a', depends_on: ['helm_release.kserve'] } } };
    const problems = check('aws_sqs_queue', {}, { provider, data });
    expect(problems).toEqual([
      expect.stringContaining(
        'helm_release.kserve -> provider.helm -> data.aws_eks_cluster.late -> helm_release.kserve',
      ),
    ]);
  });
});

test.each([
  [{ source: 'terraform-aws-modules/eks/aws', version: '21.10.1' }, []],
  [{ source: 'terraform-aws-modules/eks/aws//modules/karpenter', version: '21.10.1' }, []],
  [{ source: 'git::https://example.com/vpc.git?ref=v1.2.0' }, []],
  [{ source: './modules/vpc' }, []],
  [{}, ["module.it: 'source' is required and missing"]],
  [{ source: 'terraform-aws-modules/eks/aws' }, ["module.it: 'version' (undefined) must be pinned"]],
  [{ source: 'terraform-aws-modules/eks/aws', version: '~> 21.0' }, ["module.it: 'version' (~> 21.0) must be pinned"]],
  [
    { source: 'git::https://example.com/vpc.git' },
    ["module.it: 'source' (git::https://example.com/vpc.git) must be pinned by ref="],
  ],
])('module %j', (body, problems) => {
  expect(checkStack(JSON.stringify({ module: { it: body } }))).toEqual(problems);
});

test('a stack that is applied has providers of a pinned version, and a backend', () => {
  const resource = { aws_s3_bucket: { a: { bucket: 'a' } } };
  const complete = {
    resource,
    provider: { aws: [{ region: 'eu-central-1' }] },
    terraform: { backend: { s3: {} }, required_providers: { aws: { source: 'aws', version: '6.25.0' } } },
  };
  const of = (stack: object): string[] => checkStack(JSON.stringify(stack), { complete: true });
  expect(of(complete)).toEqual([]);
  expect(of({ ...complete, provider: { aws: [{ alias: 'eu' }] } })).toEqual([]);
  expect(of({ resource })).toEqual([
    'terraform: has no backend: its state would be a file',
    'provider.aws: is used and not configured',
    'terraform.required_providers.aws: has no pinned version (undefined)',
  ]);
  const any = { backend: { s3: {} }, required_providers: { aws: { version: '>= 6.0' } } };
  expect(of({ ...complete, terraform: any })).toEqual([
    'terraform.required_providers.aws: has no pinned version (>= 6.0)',
  ]);
});

test.each([
  ['${TfToken[TOKEN.12]}', '${TfToken[TOKEN.12]} was never resolved'],
  ['#{TfToken[TOKEN.3]}', '#{TfToken[TOKEN.3]} was never resolved'],
  [-1.8881545897087503e289, '-1.8881545897087503e+289 was never resolved'],
])('%s is a token', (value, problem) => {
  expect(check('aws_sqs_queue', { name: value })).toContain(problem);
});

describe('policies', () => {
  const policy = (change: Tree, of = POLICY): string => {
    const {
      Statement: [statement],
      ...rest
    } = JSON.parse(of) as { Statement: [Tree] };
    return JSON.stringify({ ...rest, Statement: [{ ...statement, ...change }] });
  };
  const inline = (text: unknown): string[] => check('aws_iam_role_policy', { role: 'a', policy: text });

  test.each<[string, unknown]>([
    ['one', POLICY],
    ['with a template', POLICY.replace('arn:aws:s3:::acme', '${aws_s3_bucket.models.arn}')],
    ['with a variable of IAM', POLICY.replace('acme/*', () => 'acme/$${aws:username}/*')],
    ['given by a data source', '${aws_s3_bucket.models.arn}'],
    [
      'with conditions',
      policy({
        Condition: { StringEqualsIfExists: { 'aws:RequestedRegion': ['a'] }, Bool: { 'aws:SecureTransport': 'true' } },
      }),
    ],
  ])('%s is fine', (_, text) => {
    expect(inline(text)).toEqual([]);
  });

  test.each<[string, string, string]>([
    ['no JSON', '{"Version": ', "'policy' is no JSON"],
    ['text', 'allow everything', "'policy' is no JSON"],
    ['an old version', POLICY.replace('2012-10-17', '2008-10-17'), `has Version "2008-10-17", and not '2012-10-17'`],
    ['no statement', '{"Version":"2012-10-17","Statement":[]}', 'has no statement'],
    ['a misspelt element', policy({ Ressource: '*' }), "'Ressource' is no element"],
    ['no effect', policy({ Effect: 'allow' }), 'Effect is "allow"'],
    ['no action', policy({ Action: undefined }), 'needs one of Action and NotAction'],
    ['two kinds of action', policy({ NotAction: 's3:*' }), 'needs one of Action and NotAction'],
    ['no resource', policy({ Resource: undefined }), 'needs one of Resource and NotResource'],
    ['a misspelt action', policy({ Action: ['s3.GetObject'] }), "'s3.GetObject' is no action"],
    ['a name for a resource', policy({ Resource: ['acme-models'] }), "'acme-models' is no ARN"],
    ['a principal', policy({ Principal: '*' }), 'takes no Principal'],
    ['an Sid with a hyphen', policy({ Sid: 'read-all' }), 'Sid takes letters and digits only'],
    ['a misspelt operator', policy({ Condition: { StringEqual: {} } }), "'StringEqual' is no operator"],
    ['a misspelt key', policy({ Condition: { StringEquals: { region: 'a' } } }), "'region' is no key"],
    [
      'more than AWS takes',
      policy({ Action: Array.from({ length: 900 }, () => 's3:GetObject') }),
      'and AWS takes 10240',
    ],
  ])('%s is not', (_, text, problem) => {
    expect(inline(text).join('\n')).toContain(problem);
  });

  test('of trust and of resources name a principal', () => {
    const trust = (text: string): string[] => check('aws_iam_role', { assume_role_policy: text });
    expect(trust(TRUST)).toEqual([]);
    expect(trust(policy({ Resource: '*' }, TRUST)).join()).toContain('a trust takes no Resource');
    expect(trust(policy({ Principal: undefined }, TRUST)).join()).toContain('needs a Principal');
    expect(trust(policy({ Principal: { Services: 'x' } }, TRUST)).join()).toContain(
      "'Services' is no kind of principal",
    );
    expect(trust(policy({ Principal: 'ec2' }, TRUST)).join()).toContain('Principal is "ec2"');
    const bucket = (text: string): string[] => check('aws_s3_bucket_policy', { bucket: 'a', policy: text });
    expect(bucket(policy({ Principal: '*' }))).toEqual([]);
    expect(bucket(POLICY).join()).toContain('needs a Principal');
    const twice = {
      ...(JSON.parse(POLICY) as Tree),
      Statement: (JSON.parse(POLICY) as { Statement: [Tree] }).Statement.flatMap((each) => [each, each]),
    };
    expect(inline(JSON.stringify(twice)).join()).toContain('names a statement twice (Read, Read)');
  });

  test('other JSON is read too', () => {
    expect(check('aws_ecr_lifecycle_policy', { repository: 'a', policy: '{"rules":[]}' })).toEqual([]);
    expect(check('aws_ecr_lifecycle_policy', { repository: 'a', policy: '{"rules":[}' })).toHaveLength(1);
    expect(check('helm_release', { name: 'a', chart: 'b', values: ['{"a": 1', 'a: 1'] })).toHaveLength(1);
  });
});

test('a template is read to its end', () => {
  expect(parseTemplate('a ${b.c} ${d.e["x"].f[*].g}')).toEqual({
    ...{
      references: [
        ['b', 'c'],
        ['d', 'e', '["x"]', 'f', '[*]', 'g'],
      ],
      functions: [],
      problems: [],
    },
    ...{ sole: undefined, whole: false },
  });
  expect(parseTemplate('${b.c[0].d}')).toMatchObject({ sole: ['b', 'c', '[0]', 'd'], whole: true });
  expect(parseTemplate('${f(b.c)}')).toMatchObject({
    references: [['b', 'c']],
    functions: ['f'],
    sole: undefined,
    whole: true,
  });
  expect(parseTemplate('${b.c}${b.d}')).toMatchObject({ whole: false });
});
