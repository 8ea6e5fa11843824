import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type * as Sdk from '@aws-sdk/client-s3';
import { diskProblem, writeFilesAtomically } from './atomic-files';
import { Failure, messageOf } from './failure';
import { joinUri, parseLocation } from './uri';

/** One object, or one file. */
export interface StoredObject {
  readonly bucket: string;
  readonly key: string;
  readonly bytes: number;
}

/**
 * An S3 client with the SDK's own credential chain, region and endpoint settings (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`).
 * Stores with an endpoint of their own are addressed by path: few have a host name for each bucket.
 */
async function connect(): Promise<{ sdk: typeof Sdk; client: Sdk.S3Client }> {
  // Its advice to those who deploy Node is no log line of ours.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  // Loaded when it is needed: it takes longer to load than a check of local files to run.
  const sdk = await import('@aws-sdk/client-s3');
  const custom = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  const client = new sdk.S3Client({
    // Given in code, it would win over the SDK's own setting.
    ...(process.env.AWS_MAX_ATTEMPTS === undefined && { maxAttempts: 5 }),
    forcePathStyle: custom !== undefined,
    region: process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? 'us-east-1',
    // The request's time ends with the first byte of the answer; the socket's is how long the rest may pause.
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: 30_000,
      socketTimeout: 30_000,
      throwOnRequestTimeout: true,
    },
  });
  return { sdk, client };
}

let connection: ReturnType<typeof connect> | undefined;
/** The one client of this process. */
export const store = (): ReturnType<typeof connect> => (connection ??= connect());

/** Objects under a prefix, in the order of their keys. */
export async function listObjects(bucket: string, prefix: string): Promise<StoredObject[]> {
  const { sdk, client } = await store();
  const objects: StoredObject[] = [];
  const pages = sdk.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix });
  await explained(`list s3://${bucket}/${prefix}`, async () => {
    for await (const page of pages) {
      for (const { Key: key, Size: bytes = 0 } of page.Contents ?? []) {
        if (key !== undefined && !key.endsWith('/')) objects.push({ bucket, key, bytes });
      }
    }
  });
  return objects;
}

/** The object of that name, and everything in the folder of that name. */
export async function objectsOf(bucket: string, name: string): Promise<StoredObject[]> {
  const folder = name.endsWith('/') ? name : `${name}/`;
  const objects = await listObjects(bucket, folder.slice(0, -1));
  return objects.filter(({ key }) => key === name || key.startsWith(folder));
}

/** Downloads an object into a file. */
export async function download(
  { bucket, key }: Omit<StoredObject, 'bytes'>,
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const { sdk, client } = await store();
  await mkdir(dirname(path), { recursive: true });
  await explained(`read s3://${bucket}/${key}`, async () => {
    const { Body: body } = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key }), {
      abortSignal: signal,
    });
    await pipeline(body as Readable, createWriteStream(path), { signal });
  });
}

/** Reads a small text from a path or an object store; `undefined` when there is none. */
export async function readText(uri: string): Promise<string | undefined> {
  const location = parseLocation(uri);
  if (location.kind === 'file') {
    return readFile(location.path, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw Failure.configuration(`cannot read '${uri}': ${messageOf(error)}`);
    });
  }
  const { sdk, client } = await store();
  return explained(`read ${uri}`, async () => {
    try {
      const { Body: body } = await client.send(
        new sdk.GetObjectCommand({ Bucket: location.bucket, Key: location.key }),
      );
      return await body?.transformToString('utf8');
    } catch (error) {
      if ((error as Error).name === 'NoSuchKey') return undefined;
      throw error;
    }
  });
}

/** Writes files under a folder, on this machine or in an object store; each appears whole or not at all. */
export async function writeTexts(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  const location = parseLocation(folder);
  const entries = Object.entries(files);
  if (location.kind === 'file') {
    return writeFilesAtomically(new Map(entries.map(([name, text]) => [joinUri(location.path, name), text])));
  }
  const { sdk, client } = await store();
  for (const [name, text] of entries) {
    const key = location.key === '' ? name : joinUri(location.key, name);
    await explained(`write s3://${location.bucket}/${key}`, () =>
      client.send(
        new sdk.PutObjectCommand({ Bucket: location.bucket, Key: key, Body: text, ContentType: contentType(name) }),
      ),
    );
  }
}

/** Writes one text. */
export async function writeText(uri: string, text: string): Promise<void> {
  const [, folder = '.', name = ''] = /^(?:(.*)\/)?([^/]+)$/s.exec(uri) ?? [];
  const location = parseLocation(uri);
  if (name === '' || (location.kind === 's3' && location.key === ''))
    throw Failure.configuration(`'${uri}' must name a file`);
  await writeTexts(folder === '' ? '/' : folder, { [name]: text });
}

function contentType(name: string): string {
  if (name.endsWith('.json')) return 'application/json';
  return name.endsWith('.html') ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8';
}

const HINTS: Readonly<Record<string, string>> = {
  NoSuchBucket: 'there is no such bucket: check the name and the region',
  AccessDenied: "access denied: the pod's identity needs s3:GetObject, s3:PutObject and s3:ListBucket here",
  Forbidden: "access denied: the pod's identity needs s3:GetObject, s3:PutObject and s3:ListBucket here",
  InvalidAccessKeyId: 'the access key is not known to the store',
  SignatureDoesNotMatch: 'the secret key does not fit the access key',
  CredentialsProviderError: 'no credentials: give the pod an identity (EKS Pod Identity, IRSA) or AWS_ACCESS_KEY_ID',
  PermanentRedirect: 'the bucket is in another region: set AWS_REGION',
  TimeoutError: 'the store did not answer in time',
};
const ANSWERS = new Set(['NoSuchBucket', 'AccessDenied', 'Forbidden', 'InvalidAccessKeyId', 'SignatureDoesNotMatch']);

/** Says what could not be done, and what to do. */
export async function explained<T>(action: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure) throw error;
    const name = (error as Error | null)?.name ?? '';
    const disk = ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException | null)?.code ?? '');
    const message = `cannot ${action}: ${disk ? diskProblem(error) : (HINTS[name] ?? messageOf(error))}`;
    throw disk || ANSWERS.has(name) ? Failure.configuration(message) : Failure.unreachable(message);
  }
}
