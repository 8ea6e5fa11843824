import { type Problems } from '../validation/problems';

/** Images that are made often and run nowhere for long, for example one a pull request. */
export interface BuildImages {
  /**
   * How many of the newest images are kept, by the beginning of their tags, for example `{ 'pr-': 20, 'sha-': 50 }`. Older ones are
   * deleted.
   */
  readonly keepLast: { readonly [tagPrefix: string]: number };

  /**
   * Beginnings of the tags of what may run, for example `v`. An image with such a tag is never deleted, whatever other tags it has:
   * a build that was released is a release.
   */
  readonly releaseTagPrefixes: readonly string[];
}

/** More images with one beginning of a tag than anybody has in a repository. */
const ALL_OF_THEM = 9_999;
/** Rules that ECR takes. @see https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html */
const MOST_RULES = 50;
/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-retag.html: what a tag may consist of */
const TAG_BEGINNING = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

interface Selection {
  readonly tagStatus: string;
  readonly tagPrefixList?: readonly string[];
  readonly countType: string;
  readonly countUnit?: string;
  readonly countNumber: number;
}

/**
 * The lifecycle policy of a repository, as ECR reads it. ECR does not know what runs, so nothing with a tag is deleted unless a rule
 * says so by the beginning of the tag. An image that a rule selects by its tag is out of reach of all later ones: so releases, of which
 * the first rules delete nothing, are safe from the others. Each beginning is a rule of its own: several in one rule would have to be
 * there all.
 *
 * @see https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
 */
export function lifecyclePolicy(untaggedDays: number, builds: BuildImages | undefined): object {
  const tagged = (tagPrefix: string, countNumber: number): Selection => ({
    tagStatus: 'tagged',
    tagPrefixList: [tagPrefix],
    countType: 'imageCountMoreThan',
    countNumber,
  });
  const releases = (builds?.releaseTagPrefixes ?? []).map((prefix) => ({
    description: `Releases '${prefix}' stay`,
    selection: tagged(prefix, ALL_OF_THEM),
  }));
  const newest = Object.entries(builds?.keepLast ?? {}).map(([prefix, count]) => ({
    description: `The newest ${count} of '${prefix}' stay`,
    selection: tagged(prefix, count),
  }));
  const untagged = {
    description: `Images without a tag go after ${untaggedDays} days`,
    selection: {
      ...{ tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days', countNumber: untaggedDays },
    },
  };
  const rules = [...releases, ...newest, untagged];
  return { rules: rules.map((rule, index) => ({ rulePriority: index + 1, ...rule, action: { type: 'expire' } })) };
}

/** Adds what is wrong with the rules for builds. */
export function checkBuildImages(problems: Problems, { keepLast, releaseTagPrefixes }: BuildImages): void {
  const builds = Object.entries(keepLast);
  if (builds.length === 0)
    problems.add('builds.keepLast', keepLast, "must name a beginning of tags, for example { 'pr-': 20 }");
  if (releaseTagPrefixes.length === 0) {
    problems.add(
      'builds.releaseTagPrefixes',
      releaseTagPrefixes,
      "must say how tags of what may run begin, for example ['v']",
    );
  }
  for (const prefix of releaseTagPrefixes) {
    if (!TAG_BEGINNING.test(prefix))
      problems.add('builds.releaseTagPrefixes', prefix, 'must be the beginning of a tag');
  }
  for (const [prefix, count] of builds) {
    if (!TAG_BEGINNING.test(prefix)) problems.add('builds.keepLast', prefix, 'must be the beginning of a tag');
    if (!Number.isInteger(count) || count < 1) {
      problems.add(`builds.keepLast['${prefix}']`, count, 'must be a whole number from 1 on');
    }
    const release = releaseTagPrefixes.find((each) => each !== '' && prefix.startsWith(each));
    if (release !== undefined) {
      problems.add(
        'builds.keepLast',
        prefix,
        `begins as the releases '${release}' do, which are never deleted: name builds otherwise`,
      );
    }
  }
  const count = builds.length + releaseTagPrefixes.length + 1;
  if (count > MOST_RULES)
    problems.addText(`'builds' make ${count} rules, and ECR takes ${MOST_RULES}: name fewer beginnings`);
}
