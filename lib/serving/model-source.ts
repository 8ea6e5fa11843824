import { labelValueProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { artifactUriProblem } from '../validation/uri';

/** Options of {@link ModelSource.uri}. */
export interface ModelUriOptions {
  /**
   * Name of the version, as it is labelled in metrics and on pods.
   *
   * @default - the last part of the address
   */
  readonly version?: string;
}

/** The artifact that is served first. From then on roll-outs decide, and this is not looked at again. Immutable data. */
export class ModelSource {
  /**
   * An artifact that KServe's storage initializer can download.
   *
   * @param modelUri folder of the artifact, for example `s3://acme-models/fraud-detector/v2`
   * @throws ValidationError when the address or the version is none.
   */
  public static uri(modelUri: string, options: ModelUriOptions = {}): ModelSource {
    const problems = new Problems('ModelSource.uri');
    problems.check('modelUri', modelUri, artifactUriProblem(modelUri));
    const version = options.version ?? modelUri.split('/').at(-1) ?? '';
    problems.check('version', version, version === '' ? 'must not be empty' : labelValueProblem(version));
    problems.throwIfAny();
    return new ModelSource(modelUri, version);
  }

  private constructor(
    /** Address of the artifact. */
    public readonly modelUri: string,
    /** Name of the version. */
    public readonly version: string,
  ) {}
}
