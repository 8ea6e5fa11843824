import { imageProblem } from '../validation/image';
import { Problems } from '../validation/problems';

/** Options of {@link ContainerImages.fromRegistry}. */
export interface RegistryImagesOptions {
  /** Tag of both images, for example the version they were built from. */
  readonly tag: string;
}

/** Options of {@link ContainerImages.fromReferences}. */
export interface ImageReferences {
  /** Full reference of the drift-checker image. */
  readonly driftChecker: string;
  /** Full reference of the gate-evaluator image. */
  readonly gateEvaluator: string;
}

/**
 * Where the two containers of the loop come from. There is no default: they are built and pushed by whoever runs them.
 * Immutable data.
 */
export class ContainerImages {
  /**
   * `<registry>/drift-checker:<tag>` and `<registry>/gate-evaluator:<tag>`.
   *
   * @param registry host and path, for example `ghcr.io/acme/mlops`
   * @throws ValidationError when an image would not be pinned.
   */
  public static fromRegistry(registry: string, options: RegistryImagesOptions): ContainerImages {
    const image = (name: string): string => `${registry}/${name}:${options.tag}`;
    return ContainerImages.fromReferences({
      driftChecker: image('drift-checker'),
      gateEvaluator: image('gate-evaluator'),
    });
  }

  /**
   * Each image by its full reference, for example with a digest.
   *
   * @throws ValidationError when an image is not pinned.
   */
  public static fromReferences(references: ImageReferences): ContainerImages {
    const problems = new Problems('ContainerImages');
    problems.check('driftChecker', references.driftChecker, imageProblem(references.driftChecker));
    problems.check('gateEvaluator', references.gateEvaluator, imageProblem(references.gateEvaluator));
    problems.throwIfAny();
    return new ContainerImages(references.driftChecker, references.gateEvaluator);
  }

  private constructor(
    /** Reference of the drift-checker image. */
    public readonly driftChecker: string,
    /** Reference of the gate-evaluator image. */
    public readonly gateEvaluator: string,
  ) {}
}
