const OBJECT_STORE_SCHEMES = ['s3', 'gs', 'abfs', 'abfss', 'az', 'hdfs'];

/** What is wrong with the address of a folder in an object store, or undefined. */
export function objectStoreUriProblem(uri: string): string | undefined {
  const match = /^([a-z][a-z0-9]*):\/\/([^/\s?#]+)(\/[^\s?#]*)?$/.exec(uri);
  const example = "for example 's3://acme-models/fraud-detector'";
  if (!match) return `must be the URI of a folder in an object store, ${example}`;
  if (!OBJECT_STORE_SCHEMES.includes(match[1] ?? '')) {
    return `must have one of the schemes ${OBJECT_STORE_SCHEMES.join(', ')}, ${example}`;
  }
  // Azure's addresses have the container before an at sign: abfss://container@account.dfs.core.windows.net
  const isAzure = match[1] === 'abfs' || match[1] === 'abfss';
  if (match[2]?.includes('@') && (!isAzure || match[2].includes(':')))
    return 'must not carry credentials: give the service account an identity instead';
  return uri.endsWith('/') ? 'must not end with a slash' : undefined;
}

/**
 * What is wrong with the address of an artifact that KServe's storage initializer downloads, or undefined.
 *
 * @see https://kserve.github.io/website/docs/model-serving/storage/overview
 */
export function artifactUriProblem(uri: string): string | undefined {
  const match = /^([a-z][a-z0-9]*):\/\/([^\s?#]+)$/.exec(uri);
  const example = "for example 's3://acme-models/fraud-detector/v1'";
  if (!match) return `must be the URI of an artifact, ${example}`;
  const [, scheme = '', path = ''] = match;
  const schemes = ['s3', 'gs', 'hdfs', 'webhdfs', 'hf', 'pvc', 'https'];
  if (!schemes.includes(scheme))
    return `must have one of the schemes that KServe loads, ${schemes.join(', ')}, ${example}`;
  if (/^[^/]+:[^/]+@/.test(path)) return 'must not carry credentials: give the service account an identity instead';
  if (path.endsWith('/')) return 'must not end with a slash';
  return path.includes('/') ? undefined : `must name a folder and not a whole bucket, ${example}`;
}

/** What is wrong with the base address of an HTTP service, or undefined. */
export function httpUrlProblem(url: string): string | undefined {
  if (!URL.canParse(url)) return "must be a URL, for example 'http://mlflow.ml.svc:5000'";
  const { protocol, username, password, search, hash } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') return 'must be an http or https URL';
  if (username !== '' || password !== '') return 'must not carry credentials: give them as a secret reference';
  if (search !== '' || hash !== '') return 'must be a base address, without query or fragment';
  return url.endsWith('/') ? 'must not end with a slash' : undefined;
}

/** What is wrong with a port, or undefined. */
export function portProblem(port: number): string | undefined {
  return Number.isInteger(port) && port >= 1 && port <= 65535 ? undefined : 'must be a port, 1 to 65535';
}

const IPV4 = /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$/;

/** What is wrong with a range of addresses, or undefined. */
export function cidrProblem(cidr: string): string | undefined {
  const [address = '', prefix = '', ...rest] = cidr.split('/');
  const isIpv6 = address.includes(':') && URL.canParse(`http://[${address}]`);
  const longest = IPV4.test(address) ? 32 : isIpv6 ? 128 : -1;
  const valid = rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= longest;
  return valid ? undefined : "must be a range of addresses, for example '10.0.0.0/16'";
}
