import { LocalBackend, S3Backend, type TerraformStack } from 'cdktf';
import { type AwsEnvironment } from '../platform/aws-environment';
import { Problems } from '../validation/problems';
import { bucketNameProblem } from './model-bucket';

/** A bucket for states. */
export interface S3StateOptions {
  /** Name of the bucket. It exists before the first apply, best with versions, and is of no stack that keeps its state in it. */
  readonly bucket: string;

  /**
   * Region of the bucket.
   *
   * @default - that of the environment
   */
  readonly region?: string;

  /**
   * Object with the state.
   *
   * @default - `<project>/<environment>.tfstate`
   */
  readonly key?: string;

  /**
   * ARN of the KMS key that encrypts it.
   *
   * @default - S3's own encryption
   */
  readonly kmsKeyArn?: string;
}

/** Where Terraform remembers what it has made. Immutable data. */
export class TerraformState {
  /**
   * In a bucket, locked while somebody applies (by S3 itself, which Terraform can from 1.10 on).
   *
   * @throws ValidationError listing everything that is wrong.
   * @see https://developer.hashicorp.com/terraform/language/backend/s3
   */
  public static s3(options: S3StateOptions): TerraformState {
    const problems = new Problems('TerraformState.s3');
    problems.check('bucket', options.bucket, bucketNameProblem(options.bucket));
    if (options.key !== undefined && !/^[^/\s][^\s]*$/.test(options.key)) {
      problems.add('key', options.key, "must be the name of an object, for example 'fraud/production.tfstate'");
    }
    problems.throwIfAny();
    return new TerraformState({ ...options });
  }

  /** In a file beside the synthesized stack, `terraform.<stack>.tfstate`: for one person who tries something. */
  public static local(): TerraformState {
    return new TerraformState(undefined);
  }

  private constructor(private readonly bucket: S3StateOptions | undefined) {}

  /** Two stacks of which this is equal would overwrite each other's state; undefined for a file of the stack's own. @internal */
  public _place(environment: AwsEnvironment): string | undefined {
    return this.bucket && `s3://${this.bucket.bucket}/${this.key(environment)}`;
  }

  /** @internal */
  public _attach(stack: TerraformStack, environment: AwsEnvironment): void {
    if (!this.bucket) {
      // Without a path of ours, cdktf writes that of the machine into the stack.
      new LocalBackend(stack, { path: `terraform.${stack.node.id}.tfstate` });
      return;
    }
    const { bucket, region = environment.region, kmsKeyArn } = this.bucket;
    new S3Backend(stack, { bucket, region, key: this.key(environment), encrypt: true, kmsKeyId: kmsKeyArn });
    stack.addOverride('terraform.backend.s3.use_lockfile', true);
  }

  private key({ project, environment }: AwsEnvironment): string {
    return this.bucket?.key ?? `${project}/${environment}.tfstate`;
  }
}
