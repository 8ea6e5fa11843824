import { createServer, type IncomingMessage, request as send, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { App, TerraformStack, Testing } from 'cdktf';
import { type ObjectAccess } from 'cdk8s-mlops';
import { PlatformIdentities } from 'cdk8s-mlops/aws';
import { type AccessRequest, isAllowed } from '../support/iam';
import { storeEnvironment } from './real-servers';

/** The key that encrypts every bucket. */
export const KEY_ARN = 'arn:aws:kms:eu-central-1:123456789012:key/12345678-1234-1234-1234-123456789012';

/** What somebody was not allowed to do. */
export interface Denial {
  readonly account: string;
  readonly action: string;
  readonly resource: string;
}

/**
 * An S3 server behind what IAM and KMS would say, by the policies that the cloud half renders: moto itself knows no condition of a
 * policy, and asks for the deletion of many objects as if it were that of their bucket. Access keys are names of service accounts.
 *
 * Which request needs what is S3's own table, down to its answer to a read of what is not there.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
export class GuardedStore {
  /** Puts the guard before an S3 server. */
  public static async before(storeUrl: string, host = '127.0.0.1'): Promise<GuardedStore> {
    const guard = new GuardedStore(new URL(storeUrl));
    await new Promise<void>((resolve) => guard.server.listen(0, host, resolve));
    guard.url = `http://${host}:${(guard.server.address() as AddressInfo).port}`;
    return guard;
  }

  /** Where it answers. */
  public url = '';
  /** Everything that was denied, in order. */
  public readonly denials: Denial[] = [];
  /** Every action that was allowed to an account. */
  public readonly used = new Map<string, Set<string>>();

  private readonly policies = new Map<string, string>();
  private readonly server: Server;

  private constructor(private readonly store: URL) {
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
    });
  }

  /** Gives accounts the roles that the cloud half makes of what is declared, in place of those that they had. */
  public allow(access: readonly ObjectAccess[]): void {
    for (const [account, policy] of Object.entries(rolePolicies(access))) this.policies.set(account, policy);
  }

  /** What the pods of an account find in their environment. */
  public credentials(account: string): Record<string, string> {
    return { ...storeEnvironment(this.url), AWS_ACCESS_KEY_ID: account };
  }

  public async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const account = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const needed = needs(request, body.toString('utf8'));
    const denied = needed.find((each) => !this.may(account, each));
    if (denied) return this.deny(response, account, denied);
    for (const { action } of needed) this.used.set(account, (this.used.get(account) ?? new Set()).add(action));
    const answered = await this.forward(request, body);
    const [read] = needed;
    if (answered.status === 404 && read?.action === 's3:GetObject') {
      const [bucket, key] = nameOf(read.resource);
      const list = { action: 's3:ListBucket', resource: arn(bucket), context: { 's3:prefix': key } };
      // Who may not list is not told that there is nothing.
      if (!this.may(account, list)) return this.deny(response, account, list);
    }
    response.writeHead(answered.status, answered.headers).end(answered.body);
  }

  private may(account: string, request: AccessRequest): boolean {
    const policy = this.policies.get(account);
    return policy !== undefined && isAllowed(policy, request);
  }

  private deny(response: ServerResponse, account: string, { action, resource }: AccessRequest): void {
    this.denials.push({ account, action, resource });
    const text = `<Error><Code>AccessDenied</Code><Message>${account} may not ${action} ${resource}</Message></Error>`;
    response.writeHead(403, { 'content-type': 'application/xml' }).end(text);
  }

  private forward(
    { method, url, headers }: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
    const { hostname, port } = this.store;
    return new Promise((resolve, reject) => {
      const outgoing = send({ hostname, port, method, path: url, headers }, (incoming) => {
        buffer(incoming).then(
          (content) => resolve({ status: incoming.statusCode ?? 500, headers: incoming.headers, body: content }),
          reject,
        );
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}

/** Policies by service account, of buckets that are all encrypted with one key. */
export function rolePolicies(access: readonly ObjectAccess[]): Record<string, string> {
  const stack = new TerraformStack(new App(), 'identities');
  const buckets = access.map(({ uri }) => new URL(uri).host);
  const kmsKeyArns = Object.fromEntries(buckets.map((bucket) => [bucket, KEY_ARN]));
  new PlatformIdentities(stack, 'identities', { clusterName: 'acme', access, kmsKeyArns });
  const { resource } = JSON.parse(Testing.synth(stack)) as {
    resource: Record<string, Record<string, { name: string; role: string; policy: string }>>;
  };
  return Object.fromEntries(
    Object.values(resource.aws_iam_role_policy!).map(({ role, policy }) => {
      const [, id] = /^\$\{aws_iam_role\.(.+)\.name\}$/.exec(role)!;
      const [, , account = ''] = resource.aws_iam_role![id!]!.name.split('.');
      return [account, policy];
    }),
  );
}

const arn = (bucket: string, key?: string): string => `arn:aws:s3:::${bucket}${key === undefined ? '' : `/${key}`}`;

function nameOf(objectArn: string): [bucket: string, key: string] {
  const [, bucket = '', key = ''] = /^arn:aws:s3:::([^/]+)\/(.*)$/s.exec(objectArn)!;
  return [bucket, key];
}

/** What a request must be allowed to. */
function needs({ method, url = '', headers }: IncomingMessage, body: string): AccessRequest[] {
  const { pathname, searchParams: query } = new URL(url, 'http://store');
  const [, bucket = '', ...parts] = pathname.split('/').map(decodeURIComponent);
  const key = parts.join('/');
  const on = (action: string, name = key): AccessRequest => ({ action: `s3:${action}`, resource: arn(bucket, name) });
  if (key === '') {
    const prefix = query.get('prefix');
    const context = prefix === null ? undefined : { 's3:prefix': prefix };
    if (method === 'GET') return [{ action: 's3:ListBucket', resource: arn(bucket), context }];
    if (method === 'POST' && query.has('delete')) {
      return [...body.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, name = '']) => on('DeleteObject', unescaped(name)));
    }
    throw new Error(`${method} ${url} is not known here`);
  }
  if (query.has('tagging')) {
    const verb = { GET: 'Get', PUT: 'Put', DELETE: 'Delete' }[method ?? ''];
    return [on(`${verb}ObjectTagging`)];
  }
  if (method === 'GET' || method === 'HEAD') return [on('GetObject'), byKey('kms:Decrypt')];
  if (method === 'DELETE') return [on(query.has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject')];
  if (method !== 'PUT' && method !== 'POST') throw new Error(`${method} ${url} is not known here`);
  return [
    ...copied(headers['x-amz-copy-source']),
    on('PutObject'),
    // A write on the condition of what is there tells what is there.
    ...(headers['if-match'] === undefined ? [] : [on('GetObject')]),
    ...(headers['x-amz-tagging'] === undefined ? [] : [on('PutObjectTagging')]),
    byKey('kms:GenerateDataKey'),
    // Parts are decrypted to be put together.
    ...(query.has('uploads') || query.has('uploadId') ? [byKey('kms:Decrypt')] : []),
  ];
}

function copied(source: string | string[] | undefined): AccessRequest[] {
  if (typeof source !== 'string') return [];
  const [bucket = '', ...parts] = source.replace(/^\//, '').split('/').map(decodeURIComponent);
  return [{ action: 's3:GetObject', resource: arn(bucket, parts.join('/')) }, byKey('kms:Decrypt')];
}

/** S3 uses the key on behalf of who asked. */
function byKey(action: string): AccessRequest {
  return { action, resource: KEY_ARN, context: { 'kms:ViaService': 's3.eu-central-1.amazonaws.com' } };
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
};
const unescaped = (text: string): string => text.replaceAll(/&\w+;/g, (entity) => ENTITIES[entity] ?? entity);
