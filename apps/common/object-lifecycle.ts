import type * as Sdk from '@aws-sdk/client-s3';
import { LIFECYCLE, MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { explained, store, type StoredObject } from './object-store';

/** Rules of the bucket act on this tag: only what has it may expire. */
const TAG = MLFLOW_TAGS.lifecycle;

/** Above it an object is copied in parts. @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html */
const MAX_COPY = 5 * 2 ** 30;
const PART = 2 ** 30;

/** Sizes of copies. */
export interface CopyLimits {
  /** Largest object that is copied in one request. */
  readonly whole: number;
  readonly part: number;
}

const LIMITS: CopyLimits = { whole: MAX_COPY, part: PART };

/**
 * Lets objects expire. They are copied onto themselves: expiry counts from when an object was written, and an old one that only got
 * the tag would be gone the same day.
 */
export async function archiveObjects(objects: readonly StoredObject[], limits = LIMITS): Promise<void> {
  for (const object of objects) {
    const tags = await tagsOf(object);
    if (!tags.some(isArchived)) await rewrite(object, tags, limits);
  }
}

/** Keeps objects from expiring. */
export async function restoreObjects(objects: readonly StoredObject[]): Promise<void> {
  const { sdk, client } = await store();
  for (const object of objects) {
    const tags = await tagsOf(object);
    if (!tags.some(isArchived)) continue;
    const TagSet = tags.filter((tag) => !isArchived(tag));
    // Some stores take no empty set of tags.
    const command =
      TagSet.length === 0
        ? new sdk.DeleteObjectTaggingCommand(nameOf(object))
        : new sdk.PutObjectTaggingCommand({ ...nameOf(object), Tagging: { TagSet } });
    await explained(`tag ${addressOf(object)}`, () => client.send(command as Sdk.PutObjectTaggingCommand));
  }
}

const isArchived = ({ Key, Value }: Sdk.Tag): boolean => Key === TAG && Value === LIFECYCLE.archived;
const nameOf = ({ bucket, key }: StoredObject): { Bucket: string; Key: string } => ({ Bucket: bucket, Key: key });
const addressOf = ({ bucket, key }: StoredObject): string => `s3://${bucket}/${key}`;

async function tagsOf(object: StoredObject): Promise<Sdk.Tag[]> {
  const { sdk, client } = await store();
  return explained(`read the tags of ${addressOf(object)}`, async () => {
    const { TagSet = [] } = await client.send(new sdk.GetObjectTaggingCommand(nameOf(object)));
    return TagSet;
  });
}

async function rewrite(object: StoredObject, tags: readonly Sdk.Tag[], limits: CopyLimits): Promise<void> {
  const { sdk, client } = await store();
  const others = tags.filter(({ Key }) => Key !== TAG);
  const pairs = [...others, { Key: TAG, Value: LIFECYCLE.archived }].map(
    ({ Key = '', Value = '' }): [string, string] => [Key, Value],
  );
  const Tagging = new URLSearchParams(pairs).toString();
  const CopySource = `${object.bucket}/${object.key.split('/').map(encodeURIComponent).join('/')}`;
  await explained(`archive ${addressOf(object)}`, async () => {
    const head = await client.send(new sdk.HeadObjectCommand(nameOf(object)));
    const { ContentType, ContentEncoding, ContentDisposition, ContentLanguage, CacheControl } = head;
    const { Metadata, StorageClass } = head;
    const headers = { ContentType, ContentEncoding, ContentDisposition, ContentLanguage, CacheControl };
    const kept = { ...headers, Metadata, StorageClass };
    if (object.bytes <= limits.whole) {
      // A copy onto itself must change something: the metadata is replaced, by itself.
      const copy = { CopySource, Tagging, TaggingDirective: 'REPLACE', MetadataDirective: 'REPLACE' } as const;
      await client.send(new sdk.CopyObjectCommand({ ...nameOf(object), ...kept, ...copy }));
    } else {
      await copyInParts(sdk, client, object, { ...kept, Tagging }, CopySource, limits.part);
    }
  });
}

async function copyInParts(
  sdk: typeof Sdk,
  client: Sdk.S3Client,
  object: StoredObject,
  kept: Partial<Sdk.CreateMultipartUploadCommandInput>,
  CopySource: string,
  partBytes: number,
): Promise<void> {
  const name = nameOf(object);
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ ...name, ...kept }));
  try {
    const Parts: Sdk.CompletedPart[] = [];
    for (let from = 0; from < object.bytes; from += partBytes) {
      const PartNumber = Parts.length + 1;
      const CopySourceRange = `bytes=${from}-${Math.min(from + partBytes, object.bytes) - 1}`;
      const part = { ...name, UploadId, PartNumber, CopySource, CopySourceRange };
      const { CopyPartResult } = await client.send(new sdk.UploadPartCopyCommand(part));
      Parts.push({ PartNumber, ETag: CopyPartResult?.ETag });
    }
    const complete = { ...name, UploadId, MultipartUpload: { Parts } };
    await client.send(new sdk.CompleteMultipartUploadCommand(complete));
  } catch (error) {
    await client.send(new sdk.AbortMultipartUploadCommand({ ...name, UploadId })).catch(() => undefined);
    throw error;
  }
}
