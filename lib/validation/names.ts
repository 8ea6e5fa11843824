const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** What is wrong with a name that must be a DNS label (RFC 1123), or undefined. */
export function dnsLabelProblem(name: string, limit = 63): string | undefined {
  if (!DNS_LABEL.test(name)) {
    return 'must consist of lower-case letters, digits and hyphens, and start and end with a letter or digit';
  }
  return name.length <= limit ? undefined : `must have at most ${limit} characters, has ${name.length}`;
}

/** What is wrong with the name of an object that may have dots (DNS subdomain, RFC 1123), or undefined. */
export function dnsSubdomainProblem(name: string): string | undefined {
  if (name.length > 253) return `must have at most 253 characters, has ${name.length}`;
  return name.split('.').every((label) => DNS_LABEL.test(label))
    ? undefined
    : 'must be labels of lower-case letters, digits and hyphens, separated by dots';
}

const LABEL_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** What is wrong with a label's value, or undefined. */
export function labelValueProblem(value: string): string | undefined {
  return value === '' || LABEL_NAME.test(value)
    ? undefined
    : 'must be a label value: at most 63 letters, digits, hyphens, underscores and dots';
}

/** What is wrong with a label's key, or undefined. */
export function labelKeyProblem(key: string): string | undefined {
  const parts = key.split('/');
  const name = parts.pop() ?? '';
  const prefix = parts.pop();
  const valid =
    LABEL_NAME.test(name) && parts.length === 0 && (prefix === undefined || dnsSubdomainProblem(prefix) === undefined);
  return valid ? undefined : "must be a label key: 'name' or 'domain.example/name'";
}

/** What is wrong with the name of an environment variable, or undefined. */
export function environmentNameProblem(name: string): string | undefined {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
    ? undefined
    : 'must be letters, digits and underscores, and not start with a digit';
}

/**
 * Whether EKS takes a name for a cluster.
 *
 * @see https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
 */
export function isEksClusterName(name: string): boolean {
  return /^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/.test(name);
}
