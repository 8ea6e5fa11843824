import { EcrLifecyclePolicy } from '@cdktf/provider-aws/lib/ecr-lifecycle-policy';
import { EcrRepository } from '@cdktf/provider-aws/lib/ecr-repository';
import { Construct } from 'constructs';
import { suggest } from '../contract/suggest';
import { Problems } from '../validation/problems';
import { kmsKeyArnProblem } from './encryption-key';
import { type BuildImages, checkBuildImages, lifecyclePolicy } from './image-lifecycle';

/** Image repositories. */
export interface ModelImageRepositoriesProps {
  /** Names, for example `fraud-production/drift-checker`: those of the loop's two containers, and of the images of trainings and servers. */
  readonly names: readonly string[];

  /**
   * Days after which an image without a tag is deleted. Tags cannot be moved, so that an image that was pushed with one keeps it; the
   * parts of an image for several processors have none, and stay as long as it does.
   *
   * Of pods that name an image by its digest, push it with a tag as well.
   *
   * @default 14
   */
  readonly expireUntaggedAfterDays?: number;

  /**
   * Images that are made often and run nowhere for long.
   *
   * @default - an image with a tag is never deleted: nobody can say here which of them runs
   */
  readonly builds?: BuildImages;

  /**
   * ARN of a KMS key. It cannot be changed: a repository with another key is a new one, without its images.
   *
   * @default - encrypted with a key of ECR's own (AES-256)
   */
  readonly kmsKeyArn?: string;

  /**
   * Whether a destroy deletes repositories with images in them. Without it, a destroy fails while there is one.
   *
   * @default false
   */
  readonly forceDelete?: boolean;

  /**
   * Tags of every repository.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

/**
 * Repositories of ECR in which a tag is always the same image, and every image is scanned for known vulnerabilities when it is pushed.
 */
export class ModelImageRepositories extends Construct {
  private readonly repositories = new Map<string, EcrRepository>();

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: ModelImageRepositoriesProps) {
    super(scope, id);
    this.check(props);
    const { names, expireUntaggedAfterDays = 14, builds, kmsKeyArn, forceDelete = false, tags } = props;
    const policy = JSON.stringify(lifecyclePolicy(expireUntaggedAfterDays, builds));
    for (const name of names) {
      const scoped = new Construct(this, name);
      const repository = new EcrRepository(scoped, 'Resource', {
        name,
        imageTagMutability: 'IMMUTABLE',
        imageScanningConfiguration: { scanOnPush: true },
        encryptionConfiguration: [{ encryptionType: kmsKeyArn === undefined ? 'AES256' : 'KMS', kmsKey: kmsKeyArn }],
        forceDelete,
        tags: { ...tags },
      });
      new EcrLifecyclePolicy(scoped, 'Lifecycle', { repository: repository.name, policy });
      this.repositories.set(name, repository);
    }
  }

  /** Names of the repositories. */
  public get names(): readonly string[] {
    return [...this.repositories.keys()];
  }

  /**
   * Address of a repository, without a tag.
   *
   * @throws ValidationError when there is no such repository.
   */
  public url(name: string): string {
    return this.repository(name).repositoryUrl;
  }

  /**
   * ARN of a repository, for the policy of whoever pushes.
   *
   * @throws ValidationError when there is no such repository.
   */
  public arn(name: string): string {
    return this.repository(name).arn;
  }

  private repository(name: string): EcrRepository {
    const found = this.repositories.get(name);
    const problems = Problems.of(this);
    if (!found) {
      const meant = suggest(name, this.names);
      const fix = meant === undefined ? `there are ${this.names.join(', ')}` : `did you mean '${meant}'?`;
      problems.add('name', name, `is none of the repositories: ${fix}`);
    }
    problems.throwIfAny();
    return found!;
  }

  private check({ names, expireUntaggedAfterDays = 14, builds, kmsKeyArn }: ModelImageRepositoriesProps): void {
    const problems = Problems.of(this);
    if (names.length === 0) problems.add('names', names, 'must name at least one repository');
    for (const name of new Set(names)) {
      problems.check('names', name, repositoryNameProblem(name));
      if (names.indexOf(name) !== names.lastIndexOf(name)) problems.add('names', name, 'is there twice');
    }
    if (!Number.isInteger(expireUntaggedAfterDays) || expireUntaggedAfterDays < 1) {
      problems.add('expireUntaggedAfterDays', expireUntaggedAfterDays, 'must be a whole number from 1 on');
    }
    if (builds) checkBuildImages(problems, builds);
    if (kmsKeyArn !== undefined) problems.check('kmsKeyArn', kmsKeyArn, kmsKeyArnProblem(kmsKeyArn));
    problems.throwIfAny();
  }
}

/** @see https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
function repositoryNameProblem(name: string): string | undefined {
  const part = '[a-z0-9]+([._-][a-z0-9]+)*';
  if (!new RegExp(`^(${part}/)*${part}$`).test(name)) {
    return "must be lower-case letters and digits with single ., _, - or / between them, for example 'fraud/training'";
  }
  return name.length >= 2 && name.length <= 256 ? undefined : `must have 2 to 256 characters, has ${name.length}`;
}
