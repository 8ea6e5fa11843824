import { TerraformOutput } from 'cdktf';
import { ModelImageRepositories, type ModelImageRepositoriesProps } from 'cdk8s-mlops/aws';
import { SynthesizedStack } from '../support/stack';
import { problemsOf, type Rendered } from '../support/synth';

const NAMES = ['fraud/drift-checker', 'fraud/gate-evaluator'];
const KEY = 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd';

function repositories(props: Partial<ModelImageRepositoriesProps> = {}): SynthesizedStack {
  return SynthesizedStack.of((stack) => new ModelImageRepositories(stack, 'images', { names: NAMES, ...props }));
}

function rules(props: Partial<ModelImageRepositoriesProps> = {}): Rendered[] {
  const policies = repositories(props).all('aws_ecr_lifecycle_policy');
  expect(new Set(policies.map(({ policy }) => policy)).size).toBe(1);
  return JSON.parse(policies[0].policy).rules;
}

test('scan what is pushed, and never move a tag', () => {
  expect(repositories().all('aws_ecr_repository')).toEqual(
    NAMES.map((name) => ({
      name,
      image_tag_mutability: 'IMMUTABLE',
      image_scanning_configuration: { scan_on_push: true },
      encryption_configuration: [{ encryption_type: 'AES256' }],
      force_delete: false,
      tags: {},
    })),
  );
});

test('every prop reaches them', () => {
  for (const repository of repositories({ kmsKeyArn: KEY, forceDelete: true, tags: { team: 'ml' } }).all(
    'aws_ecr_repository',
  )) {
    expect(repository).toMatchObject({
      encryption_configuration: [{ encryption_type: 'KMS', kms_key: KEY }],
      ...{ force_delete: true, tags: { team: 'ml' } },
    });
  }
});

describe('what is deleted', () => {
  test('nothing that has a tag', () => {
    expect(rules()).toEqual([
      {
        rulePriority: 1,
        description: 'Images without a tag go after 14 days',
        selection: { tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 14 },
        action: { type: 'expire' },
      },
    ]);
    expect(rules({ expireUntaggedAfterDays: 1 })[0].selection.countNumber).toBe(1);
  });

  test('all but the newest builds, where builds are named', () => {
    const builds = { keepLast: { 'pr-': 20, 'sha-': 1 }, releaseTagPrefixes: ['v', 'release-'] };
    const made = rules({ builds });
    expect(made.map(({ rulePriority }) => rulePriority)).toEqual([1, 2, 3, 4, 5]);
    const selections = made.map(({ selection: { tagStatus, tagPrefixList, countType, countNumber } }) => [
      ...[tagStatus, tagPrefixList, countType, countNumber],
    ]);
    expect(selections).toEqual([
      ['tagged', ['v'], 'imageCountMoreThan', 9999],
      ['tagged', ['release-'], 'imageCountMoreThan', 9999],
      ['tagged', ['pr-'], 'imageCountMoreThan', 20],
      ['tagged', ['sha-'], 'imageCountMoreThan', 1],
      ['untagged', undefined, 'sinceImagePushed', 14],
    ]);
  });

  // As ECR does it: an image is out of reach of all rules after the first that selects it by its tag.
  test('never a release, not even one that was a build', () => {
    const made = rules({ builds: { keepLast: { 'pr-': 2 }, releaseTagPrefixes: ['v'] } });
    const images = [['pr-1', 'v1.0.0'], ['pr-2'], ['pr-3'], ['pr-4'], ['1.0.0'], ['v0.9.0']];
    const selects = ({ selection }: Rendered, tags: string[]): boolean =>
      selection.tagStatus === 'tagged' &&
      selection.tagPrefixList.every((prefix: string) => tags.some((tag) => tag.startsWith(prefix)));
    const deleted = made.flatMap((rule, index) => {
      const selected = images.filter((tags) => selects(rule, tags));
      const reachable = selected.slice(0, Math.max(0, selected.length - rule.selection.countNumber));
      return reachable.filter((tags) => !made.slice(0, index).some((earlier) => selects(earlier, tags)));
    });
    expect(deleted).toEqual([['pr-2']]);
  });
});

describe('addresses', () => {
  test('of a repository', () => {
    const synthesized = SynthesizedStack.of((stack) => {
      const made = new ModelImageRepositories(stack, 'images', { names: NAMES });
      expect(made.names).toEqual(NAMES);
      new TerraformOutput(stack, 'url', { value: made.url('fraud/gate-evaluator') });
      new TerraformOutput(stack, 'arn', { value: made.arn('fraud/gate-evaluator') });
    });
    const [id] = Object.entries(synthesized.byId('aws_ecr_repository')).find(([, { name }]) => name === NAMES[1])!;
    expect(synthesized.output('url')).toBe(`\${aws_ecr_repository.${id}.repository_url}`);
    expect(synthesized.output('arn')).toBe(`\${aws_ecr_repository.${id}.arn}`);
  });

  test('of none', () => {
    SynthesizedStack.of((stack) => {
      const made = new ModelImageRepositories(stack, 'images', { names: NAMES });
      expect(() => made.url('fraud/drift-cheker')).toThrow("ModelImageRepositories 'test/images' has 1 problem:");
      expect(problemsOf(() => made.url('fraud/drift-cheker'))).toEqual([
        "'name' ('fraud/drift-cheker') is none of the repositories: did you mean 'fraud/drift-checker'?",
      ]);
      expect(problemsOf(() => made.arn('x'))).toEqual([
        "'name' ('x') is none of the repositories: there are fraud/drift-checker, fraud/gate-evaluator",
      ]);
    });
  });
});

test('another repository renames none', () => {
  const before = repositories().byId('aws_ecr_repository');
  const after = repositories({ names: ['aa', ...NAMES] });
  expect(after.byId('aws_ecr_repository')).toMatchObject(before);
  expect(after.all('aws_ecr_repository')).toHaveLength(3);
  expect(Object.keys(after.byId('aws_ecr_lifecycle_policy'))).toEqual(
    expect.arrayContaining(Object.keys(repositories().byId('aws_ecr_lifecycle_policy'))),
  );
});

test('a policy is that of its repository', () => {
  const made = repositories();
  for (const { repository } of made.all('aws_ecr_lifecycle_policy')) {
    expect(repository).toMatch(/^\$\{aws_ecr_repository\.[\w-]+\.name\}$/);
  }
  expect(new Set(made.all('aws_ecr_lifecycle_policy').map(({ repository }) => repository)).size).toBe(2);
});

describe('what is wrong', () => {
  test.each(['Fraud', 'fraud_', '-fraud', 'fraud//training', 'fraud/', 'fraud--a', 'fraud:1', ''])(
    '%j is no name',
    (name) => {
      expect(problemsOf(() => repositories({ names: [name] }))).toEqual([
        `'names' ('${name}') must be lower-case letters and digits with single ., _, - or / between them, for example 'fraud/training'`,
      ]);
    },
  );

  test.each(['f', 'f'.repeat(257)])('%s has no length of a name', (name) => {
    expect(problemsOf(() => repositories({ names: [name] }))).toEqual([
      `'names' ('${name}') must have 2 to 256 characters, has ${name.length}`,
    ]);
  });

  test.each(['ff', 'f'.repeat(256), 'fraud/a.b_c-d/1'])('%s is a name', (name) => {
    expect(repositories({ names: [name] }).one('aws_ecr_repository').name).toBe(name);
  });

  test('all at once', () => {
    const builds = { keepLast: { 'pr-': 0, 'v-build-': 1, '-x': 1.5 }, releaseTagPrefixes: ['v', ''] };
    const build = (): unknown =>
      repositories({ names: ['aa', 'bb', 'aa'], expireUntaggedAfterDays: 0, kmsKeyArn: 'key', builds });
    expect(build).toThrow("ModelImageRepositories 'test/images' has 8 problems:");
    expect(problemsOf(build)).toEqual([
      "'names' ('aa') is there twice",
      "'expireUntaggedAfterDays' (0) must be a whole number from 1 on",
      "'builds.releaseTagPrefixes' ('') must be the beginning of a tag",
      "'builds.keepLast['pr-']' (0) must be a whole number from 1 on",
      "'builds.keepLast' ('v-build-') begins as the releases 'v' do, which are never deleted: name builds otherwise",
      "'builds.keepLast' ('-x') must be the beginning of a tag",
      "'builds.keepLast['-x']' (1.5) must be a whole number from 1 on",
      expect.stringContaining("'kmsKeyArn' ('key') must be the ARN of a key"),
    ]);
  });

  test('nothing at all', () => {
    expect(problemsOf(() => repositories({ names: [] }))).toEqual(["'names' ([]) must name at least one repository"]);
    expect(problemsOf(() => repositories({ builds: { keepLast: {}, releaseTagPrefixes: [] } }))).toEqual([
      "'builds.keepLast' ({}) must name a beginning of tags, for example { 'pr-': 20 }",
      "'builds.releaseTagPrefixes' ([]) must say how tags of what may run begin, for example ['v']",
    ]);
  });

  test('more rules than ECR takes', () => {
    const keepLast = Object.fromEntries(Array.from({ length: 49 }, (_, index) => [`b${index}-`, 1]));
    const builds = { keepLast, releaseTagPrefixes: ['v'] };
    expect(problemsOf(() => repositories({ builds }))).toEqual([
      "'builds' make 51 rules, and ECR takes 50: name fewer beginnings",
    ]);
  });
});
