/** A minor version of Kubernetes on EKS. */
interface VersionSupport {
  /** First day without standard support, in UTC: from then on the control plane costs six times as much. */
  readonly standardUntil: string;
  /** First day without any support, in UTC. */
  readonly extendedUntil: string;
}

/**
 * When this table was made. Versions are judged by it and never by the clock: a program must not stop synthesizing, or synthesize
 * something else, because a day has passed. What ends after that day and before you synthesize is AWS's to say: it refuses a version
 * that it no longer supports, and with `STANDARD` support it upgrades a cluster rather than charging more for it.
 */
const TABLE_DATE = '2026-11-21';

/** Days before the end of standard support from which on there is a warning; counted from {@link TABLE_DATE}. */
const WARNING_DAYS = 90;

/**
 * Kubernetes on EKS, oldest first: 14 months of standard support, then 12 of extended support.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
 */
const VERSIONS: Readonly<Record<string, VersionSupport>> = {
  '1.29': { standardUntil: '2025-03-23', extendedUntil: '2026-03-23' },
  '1.30': { standardUntil: '2025-07-23', extendedUntil: '2026-07-23' },
  '1.31': { standardUntil: '2025-11-26', extendedUntil: '2026-11-26' },
  '1.32': { standardUntil: '2026-03-23', extendedUntil: '2027-03-23' },
  '1.33': { standardUntil: '2026-07-29', extendedUntil: '2027-07-29' },
  '1.34': { standardUntil: '2026-12-02', extendedUntil: '2027-12-02' },
  '1.35': { standardUntil: '2027-03-27', extendedUntil: '2028-03-27' },
  '1.36': { standardUntil: '2027-08-02', extendedUntil: '2028-08-02' },
};

/**
 * The Kubernetes version that clusters get unless another is asked for: the newest in standard support against whose schemas the
 * manifests are checked.
 */
export const DEFAULT_KUBERNETES_VERSION = '1.36';

const minorOf = (version: string): number => Number(version.split('.')[1]);

/**
 * What is wrong with the Kubernetes version of a cluster, or undefined.
 *
 * @param extendedSupport whether the price of extended support is accepted
 */
export function kubernetesVersionProblem(version: string, extendedSupport: boolean): string | undefined {
  if (!/^1\.\d{2}$/.test(version)) return `must be '1.<minor>' in quotes, for example '${DEFAULT_KUBERNETES_VERSION}'`;
  const support = VERSIONS[version];
  const use = `use ${DEFAULT_KUBERNETES_VERSION}`;
  if (!support) {
    // A newer one may be released before the next version of this library.
    return minorOf(version) > minorOf(DEFAULT_KUBERNETES_VERSION) ? undefined : `is no longer supported by EKS: ${use}`;
  }
  const { standardUntil, extendedUntil } = support;
  if (extendedUntil <= TABLE_DATE) return `is no longer supported by EKS since ${extendedUntil}: ${use}`;
  if (standardUntil <= TABLE_DATE && !extendedSupport) {
    const dates = `since ${standardUntil}, and costs six times as much until support ends on ${extendedUntil}`;
    return `is out of standard support ${dates}: ${use}, or accept the price with 'extendedSupport'`;
  }
  return undefined;
}

/** What there is to know of a version that is not wrong, or undefined. */
export function kubernetesVersionWarning(version: string): string | undefined {
  const support = VERSIONS[version];
  if (!support)
    return `Kubernetes ${version} is newer than this version of the library, which knows ${DEFAULT_KUBERNETES_VERSION}`;
  const daysLeft = (Date.parse(support.standardUntil) - Date.parse(TABLE_DATE)) / 86_400_000;
  if (daysLeft > WARNING_DAYS) return undefined;
  return daysLeft > 0
    ? `Kubernetes ${version} leaves standard support on ${support.standardUntil}: plan the upgrade to ${DEFAULT_KUBERNETES_VERSION}`
    : `Kubernetes ${version} is in extended support, at six times the price, until ${support.extendedUntil}`;
}
