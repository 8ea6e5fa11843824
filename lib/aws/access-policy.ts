/**
 * One statement of a policy, as IAM calls its parts.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
 */
export interface PolicyStatement {
  /**
   * What people call it: letters and digits.
   *
   * @default - none
   */
  readonly Sid?: string;
  /** Nothing is denied: what is not allowed is not. */
  readonly Effect: 'Allow';
  /** For example `s3:GetObject`. */
  readonly Action: readonly string[];
  /** ARNs, in which `*` is any text. */
  readonly Resource: readonly string[];
  /**
   * When it holds: values by operator and key.
   *
   * @default - always
   */
  readonly Condition?: { readonly [operator: string]: { readonly [key: string]: readonly string[] } };
}

/** Services that use a key on behalf of who calls them. */
export enum KeyService {
  /** Objects of a bucket that the key encrypts. */
  S3 = 's3',
  /** Secrets that the key encrypts. */
  SECRETS_MANAGER = 'secretsmanager',
}

/** What is done with objects. */
export type ObjectVerb = 'read' | 'write' | 'delete' | 'tag';

/**
 * Actions by what is done. A copy reads and writes, and so does a write on the condition of what is there; parts of an upload are written
 * as objects are, and what was begun is aborted when it fails.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
const OBJECT_ACTIONS: readonly (readonly [verb: ObjectVerb, sid: string, actions: readonly string[]])[] = [
  ['read', 'ReadObjects', ['s3:GetObject']],
  ['write', 'WriteObjects', ['s3:AbortMultipartUpload', 's3:PutObject']],
  ['delete', 'DeleteObjects', ['s3:DeleteObject']],
  ['tag', 'TagObjects', ['s3:DeleteObjectTagging', 's3:GetObjectTagging', 's3:PutObjectTagging']],
];

/** The statements of one role, merged: the same grants of objects give the same text, in whatever order they came. */
export class AccessPolicy {
  /** Names under a bucket, by what is done with them. */
  private readonly objects = new Map<ObjectVerb, Map<string, Set<string>>>();
  /** Whether a key also encrypts, by service and key: in the order in which they came, because an ARN may be a token. */
  private readonly keys = new Map<KeyService, Map<string, boolean>>();
  private readonly secrets = new Set<string>();

  /** @param partition second part of every ARN */
  constructor(private readonly partition: string) {}

  public addObjects(verb: ObjectVerb, bucketName: string, prefix: string): void {
    const buckets = this.objects.get(verb) ?? new Map<string, Set<string>>();
    const prefixes = buckets.get(bucketName) ?? new Set<string>();
    this.objects.set(verb, buckets.set(bucketName, prefixes.add(prefix.replace(/^\/+|\/+$/g, ''))));
  }

  public addKey(service: KeyService, keyArn: string, encrypts: boolean): void {
    const keys = this.keys.get(service) ?? new Map<string, boolean>();
    this.keys.set(service, keys.set(keyArn, encrypts || (keys.get(keyArn) ?? false)));
  }

  public addSecret(secretArn: string): void {
    this.secrets.add(secretArn);
  }

  /** The document, without a character that does not count. */
  public toJson(): string {
    return JSON.stringify({ Version: '2012-10-17', Statement: this.statements() });
  }

  private statements(): PolicyStatement[] {
    return [
      ...this.lists(),
      ...OBJECT_ACTIONS.flatMap(([verb, sid, actions]) => {
        const resources = [...this.prefixesOf(verb)].flatMap(([bucket, prefixes]) =>
          prefixes.flatMap((prefix) => namesUnder(prefix, verb).map((name) => `${this.bucketArn(bucket)}/${name}`)),
        );
        return resources.length > 0 ? [allow(sid, actions, resources)] : [];
      }),
      ...this.keyStatements(),
      ...(this.secrets.size > 0
        ? [allow('ReadSecrets', ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'], [...this.secrets])]
        : []),
    ];
  }

  /**
   * One for each bucket, since the condition is about its names. Without it, a read of what is not there would be answered with "access
   * denied": S3 compares the name that was asked for with the same condition.
   *
   * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
   */
  private lists(): PolicyStatement[] {
    return [...this.prefixesOf('read')].map(([bucket, prefixes]) => {
      const statement = allow(undefined, ['s3:ListBucket'], [this.bucketArn(bucket)]);
      if (prefixes.includes('')) return statement;
      const names = prefixes.flatMap((prefix) => namesUnder(prefix, 'read'));
      return { ...statement, Condition: { StringLike: { 's3:prefix': names } } };
    });
  }

  private keyStatements(): PolicyStatement[] {
    const suffix = this.partition === 'aws-cn' ? '.cn' : '';
    return [...this.keys].sort().flatMap(([service, keys]) => {
      const via = { StringLike: { 'kms:ViaService': [`${service}.*.amazonaws.com${suffix}`] } };
      const encrypting = [...keys].filter(([, encrypts]) => encrypts).map(([arn]) => arn);
      const name = service === KeyService.S3 ? 'Objects' : 'Secrets';
      // Parts of an upload are put together by decrypting them, so who encrypts also decrypts.
      return [
        { ...allow(`Decrypt${name}`, ['kms:Decrypt'], [...keys.keys()]), Condition: via },
        ...(encrypting.length > 0
          ? [{ ...allow(`Encrypt${name}`, ['kms:GenerateDataKey'], encrypting), Condition: via }]
          : []),
      ];
    });
  }

  /** Prefixes by bucket, in order, without those that another one covers. */
  private prefixesOf(verb: ObjectVerb): Map<string, string[]> {
    const buckets = [...(this.objects.get(verb) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    return new Map(
      buckets.map(([bucket, prefixes]) => {
        const all = [...prefixes].sort();
        const covered = (prefix: string): boolean =>
          all.some((other) => other !== prefix && (other === '' || prefix.startsWith(`${other}/`)));
        return [bucket, all.filter((prefix) => !covered(prefix))];
      }),
    );
  }

  private bucketArn(bucketName: string): string {
    return `arn:${this.partition}:s3:::${bucketName}`;
  }
}

/** An address may be of one object as well as of a folder, but nobody writes or deletes a folder's own name. */
function namesUnder(prefix: string, verb: ObjectVerb): string[] {
  if (prefix === '') return ['*'];
  return verb === 'read' || verb === 'tag' ? [prefix, `${prefix}/*`] : [`${prefix}/*`];
}

function allow(sid: string | undefined, actions: readonly string[], resources: readonly string[]): PolicyStatement {
  return { ...(sid !== undefined && { Sid: sid }), Effect: 'Allow', Action: actions, Resource: resources };
}
