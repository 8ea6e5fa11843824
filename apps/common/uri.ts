import { fileURLToPath } from 'node:url';
import { Failure, messageOf } from './failure';

/** Where something lies: in an object store, or on this machine. */
export type Location =
  | { readonly kind: 's3'; readonly uri: string; readonly bucket: string; readonly key: string }
  | { readonly kind: 'file'; readonly uri: string; readonly path: string };

/**
 * Parses `s3://bucket/key`, `file:///path` or a path.
 *
 * @throws Failure for other schemes and for addresses without a bucket
 */
export function parseLocation(uri: string): Location {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(uri)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: 'file', uri, path: uri };
  if (scheme === 'file') return { kind: 'file', uri, path: filePath(uri) };
  if (scheme !== 's3') {
    throw Failure.configuration(
      `'${uri}' cannot be read: '${scheme}://' is not supported, use s3://, file:// or a path`,
    );
  }
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(uri) ?? [];
  if (bucket === '') throw Failure.configuration(`'${uri}' must name a bucket, for example s3://bucket/folder`);
  return { kind: 's3', uri, bucket, key };
}

function filePath(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch (error) {
    throw Failure.configuration(`'${uri}' cannot be read: ${messageOf(error)}`);
  }
}

/** `child` under `uri`. */
export function joinUri(uri: string, child: string): string {
  return `${uri.replace(/\/+$/, '')}/${child}`;
}
