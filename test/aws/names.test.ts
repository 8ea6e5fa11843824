import { checkNames } from './name-limits';
import { planChange } from './plan-stability';

const name = (type: string, body: object): string[] =>
  checkNames(JSON.stringify({ resource: { [type]: { it: body } } }));
const long = (length: number): string => 'a'.repeat(length);

test.each([
  ['aws_s3_bucket', 'bucket', 63],
  ['aws_iam_role', 'name', 64],
  ['aws_iam_role', 'name_prefix', 38],
  ['aws_iam_policy', 'name', 128],
  ['aws_iam_role_policy', 'name', 128],
  ['aws_db_instance', 'identifier', 63],
  ['aws_rds_cluster', 'cluster_identifier', 63],
  ['aws_db_subnet_group', 'name', 255],
  ['aws_eks_cluster', 'name', 100],
  ['aws_eks_node_group', 'cluster_name', 100],
  ['aws_eks_node_group', 'node_group_name', 63],
  ['aws_ecr_repository', 'name', 256],
  ['aws_security_group', 'name', 255],
  ['aws_security_group', 'name_prefix', 229],
  ['aws_sqs_queue', 'name', 80],
  ['aws_cloudwatch_event_rule', 'name', 64],
  ['aws_launch_template', 'name_prefix', 102],
  ['helm_release', 'name', 53],
])('%s takes a %s of %i characters', (type, argument, limit) => {
  expect(name(type, { [argument]: long(limit) })).toEqual([]);
  const [problem] = name(type, { [argument]: long(limit + 1) });
  expect(problem).toContain(`${type}.it: '${argument}' ('a`);
  expect(problem).toMatch(new RegExp(`has ${limit + 1} characters, and AWS takes [123] to ${limit}$`));
});

test.each([
  ['aws_s3_bucket', { bucket: 'Acme' }],
  ['aws_s3_bucket', { bucket: 'xn--acme' }],
  ['aws_iam_role', { name: 'a/b' }],
  ['aws_db_instance', { identifier: 'a--b' }],
  ['aws_db_instance', { identifier: '1a' }],
  ['aws_db_subnet_group', { name: 'default' }],
  ['aws_ecr_repository', { name: 'a/-b' }],
  ['aws_security_group', { name: 'sg-a' }],
  ['aws_kms_alias', { name: 'acme' }],
  ['aws_kms_alias', { name: 'alias/aws/s3' }],
])('%s does not take %j', (type, body) => {
  expect(name(type, body)).toEqual([expect.stringContaining('is of a form that AWS does not take')]);
});

test('a name that no rule is known for is a problem', () => {
  expect(name('aws_new_thing', { name: 'a' })).toEqual(["aws_new_thing.it: no rule is known for 'name' (a)"]);
  expect(name('aws_new_thing', { name: '${aws_iam_role.a.name}', description: 'a' })).toEqual([]);
});

test('tags', () => {
  const tags = (each: object): string[] => name('aws_s3_bucket', { tags: each });
  expect(tags({ team: 'ml', 'kubernetes.io/cluster/a': '', id: '${aws_iam_role.a.id}' })).toEqual([]);
  expect(tags({ [long(129)]: 'a' })).toEqual([expect.stringContaining('has 129 characters')]);
  expect(tags({ a: long(257) })).toEqual([expect.stringContaining('tag a')]);
  expect(tags({ 'aws:a': 'b' })).toEqual([expect.stringContaining('key of tag')]);
  expect(tags({ a: 'b,c' })).toEqual([expect.stringContaining("tag a ('b,c')")]);
  expect(tags(Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`t${index}`, ''])))).toEqual([
    'aws_s3_bucket.it: has 51 tags, and AWS takes 50',
  ]);
});

test('modules and data sources are looked at too', () => {
  const module = { eks: { source: 'a/b/c', name: long(101) } };
  const data = { aws_eks_cluster: { this: { name: 'a b' } } };
  expect(checkNames(JSON.stringify({ module, data }))).toEqual([
    "data.aws_eks_cluster.this: 'name' ('a b') is of a form that AWS does not take",
    `module.eks: 'name' ('${long(101)}') has 101 characters, and AWS takes 1 to 100`,
  ]);
});

test('two programs are compared by address', () => {
  const note = { '//': { metadata: { path: 'x' } } };
  const before = {
    resource: { a: { x: { n: 1, m: 2, ...note }, y: {} } },
    data: { d: { z: {} } },
    output: { o: { value: 1 } },
  };
  const after = { resource: { a: { x: { m: 2, n: 1 }, w: {} } }, module: { m: {} }, output: { o: { value: 2 } } };
  expect(planChange(JSON.stringify(before), JSON.stringify(after))).toEqual({
    ...{ made: ['a.w', 'module.m'], ended: ['a.y', 'data.d.z'], changed: ['output.o'] },
  });
  expect(planChange(JSON.stringify(before), JSON.stringify(before))).toEqual({ made: [], ended: [], changed: [] });
});
