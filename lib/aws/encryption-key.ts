import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition';
import { KmsAlias } from '@cdktf/provider-aws/lib/kms-alias';
import { KmsKey } from '@cdktf/provider-aws/lib/kms-key';
import { Token } from 'cdktf';
import { Construct } from 'constructs';
import { Problems } from '../validation/problems';

/** A key. */
export interface EncryptionKeyProps {
  /** Name by which people find the key, without `alias/`. */
  readonly alias: string;

  /** What is encrypted with it. */
  readonly description: string;

  /**
   * Tags of the key.
   *
   * @default - none
   */
  readonly tags?: { readonly [key: string]: string };
}

/** Days in which the deletion of a key can be taken back; then nobody can read what it encrypted. KMS allows no more. */
const DELETION_WINDOW_DAYS = 30;

/** A KMS key that is rotated every year, with an alias. Who may use it is a matter of the account's IAM policies. */
export class EncryptionKey extends Construct {
  /** ARN of the key. */
  public readonly arn: string;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(scope: Construct, id: string, props: EncryptionKeyProps) {
    super(scope, id);
    this.check(props);
    const { partition } = new DataAwsPartition(this, 'Partition');
    const { accountId } = new DataAwsCallerIdentity(this, 'Account');
    const key = new KmsKey(this, 'Resource', {
      description: props.description,
      enableKeyRotation: true,
      deletionWindowInDays: DELETION_WINDOW_DAYS,
      policy: JSON.stringify(accountControls(`arn:${partition}:iam::${accountId}:root`)),
      tags: { ...props.tags },
    });
    new KmsAlias(this, 'Alias', { name: `alias/${props.alias}`, targetKeyId: key.keyId });
    this.arn = key.arn;
  }

  private check({ alias, description }: EncryptionKeyProps): void {
    const problems = Problems.of(this);
    // https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
    if (!/^(?!aws\/)[A-Za-z0-9/_-]{1,250}$/.test(alias)) {
      problems.add('alias', alias, "must be 1 to 250 letters, digits, /, _ and -, and not begin with 'aws/'");
    }
    if (description === '') problems.add('description', description, 'must say what is encrypted with the key');
    problems.throwIfAny();
  }
}

/**
 * What the account's IAM policies allow is allowed; without it nobody could ever use or change the key.
 *
 * @see https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
 */
function accountControls(root: string): object {
  return {
    Version: '2012-10-17',
    Statement: [{ Sid: 'AccountByIam', Effect: 'Allow', Principal: { AWS: root }, Action: 'kms:*', Resource: '*' }],
  };
}

/** What is wrong with the ARN of a key, or undefined. */
export function kmsKeyArnProblem(arn: string): string | undefined {
  if (Token.isUnresolved(arn) || /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/.test(arn))
    return undefined;
  return "must be the ARN of a key, for example 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd', and not of an alias";
}
