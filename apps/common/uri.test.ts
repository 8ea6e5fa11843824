import { failureOf } from './testing/problems';
import { joinUri, parseLocation } from './uri';

test.each([
  ['data/train', { kind: 'file', path: 'data/train' }],
  ['/data/a b.parquet', { kind: 'file', path: '/data/a b.parquet' }],
  ['file:///data/a%20b', { kind: 'file', path: '/data/a b' }],
  ['s3://bucket', { kind: 's3', bucket: 'bucket', key: '' }],
  ['s3://bucket/', { kind: 's3', bucket: 'bucket', key: '' }],
  ['s3://bucket/a/b.csv', { kind: 's3', bucket: 'bucket', key: 'a/b.csv' }],
  ['S3://bucket/a//b', { kind: 's3', bucket: 'bucket', key: 'a//b' }],
])('%s is understood', (uri, expected) => {
  expect(parseLocation(uri)).toEqual({ uri, ...expected });
});

test.each([
  ['gs://bucket/a', "'gs://bucket/a' cannot be read: 'gs://' is not supported, use s3://, file:// or a path"],
  ['HTTPS://host/a', "'HTTPS://host/a' cannot be read: 'https://' is not supported, use s3://, file:// or a path"],
  ['s3:///key', "'s3:///key' must name a bucket, for example s3://bucket/folder"],
])('%s is refused', async (uri, problem) => {
  expect(await failureOf(() => parseLocation(uri))).toEqual({ exitCode: 2, problems: [problem] });
});

test('a file address on another host is refused', async () => {
  expect((await failureOf(() => parseLocation('file://host/data'))).problems[0]).toContain("'file://host/data'");
});

test('children are joined by one slash', () => {
  expect(joinUri('s3://bucket/a//', 'b')).toBe('s3://bucket/a/b');
  expect(joinUri('/', 'b')).toBe('/b');
});
