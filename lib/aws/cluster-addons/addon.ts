import { Problems } from '../../validation/problems';
import { chartVersionProblem, type HelmValues } from './helm-values';

/** How an add-on is installed. */
export interface AddonOptions {
  /**
   * Version of its chart; add-ons of several charts have one version for all.
   *
   * @default - the one that this version of the library was made for
   */
  readonly version?: string;

  /**
   * Values of its chart beside those that the manifests rely on. Maps are merged; lists are replaced as a whole. To change what the
   * manifests rely on is an error.
   *
   * @default - none
   */
  readonly values?: { readonly [key: string]: unknown };
}

/** What is done about one add-on of the cluster. Immutable data. */
export class Addon {
  /**
   * It is installed.
   *
   * @throws ValidationError when the version is not pinned.
   */
  public static install(options: AddonOptions = {}): Addon {
    const problems = new Problems('Addon.install');
    if (options.version !== undefined) problems.check('version', options.version, chartVersionProblem(options.version));
    problems.throwIfAny();
    return new Addon('install', { ...options });
  }

  /** The cluster has it already, configured as the manifests need it: nothing is installed, and what needs it may be. */
  public static provided(): Addon {
    return new Addon('provided', {});
  }

  /** The cluster does not have it, and nothing that is rendered for the cluster needs it. */
  public static leftOut(): Addon {
    return new Addon('leftOut', {});
  }

  private constructor(
    /** @internal */
    public readonly _choice: 'install' | 'provided' | 'leftOut',
    /** @internal */
    public readonly _options: AddonOptions & { readonly values?: HelmValues },
  ) {}
}
