import { createHmac } from 'node:crypto';
import { type FeatureSchema } from 'cdk8s-mlops/contract';
import { type FeatureRow, type FeatureValue } from '../payload/instances';
import { type FeatureProfile, type ReferenceProfile } from '../profile/reference-profile';
import { categoryOf, numberOf } from './feature-values';
import { numericBin } from './version-counts';

/** Characters of a hash: 64 bits tell a hundred million values apart. */
const HASH_LENGTH = 16;

/** Whether a feature's values must not be recorded as they are. */
export const isProtected = ({ recorded }: FeatureSchema): boolean => recorded !== undefined;

/** Whether the log has a feature in a form that can be compared with the reference. */
export const isComparable = ({ recorded }: FeatureSchema): boolean => recorded === undefined || recorded === 'bucketed';

/**
 * Rows as they may be recorded. A value that cannot be protected, for want of a profile or because it is of another type, is left out.
 *
 * @param key of the hashes; without it what should be hashed is left out
 */
export function recordedRows(
  rows: readonly FeatureRow[],
  features: readonly FeatureSchema[],
  profile: ReferenceProfile | undefined,
  key: string | undefined,
): FeatureRow[] {
  const profiles = new Map(profile?.features.map((feature) => [feature.name, feature]));
  const recorders = features.map((feature) => recorder(feature, profiles.get(feature.name), key));
  return rows.map((row) => row.map((value, index) => (value === null ? null : (recorders[index]?.(value) ?? null))));
}

type Recorder = (value: Exclude<FeatureValue, null>) => FeatureValue;

function recorder({ recorded }: FeatureSchema, profile: FeatureProfile | undefined, key: string | undefined): Recorder {
  if (recorded === undefined) return (value) => value;
  if (recorded === 'hashed' && key !== undefined) {
    return (value) => createHmac('sha256', key).update(categoryOf(value)).digest('hex').slice(0, HASH_LENGTH);
  }
  if (recorded === 'bucketed' && profile?.type === 'numeric') {
    const { edges, maximum = 0 } = profile;
    const last = edges.at(-1) ?? 0;
    // Any value of a bin will do, as long as it is always the same: of the last one, which has no upper bound, one beyond the bound.
    const above = maximum > last ? maximum : last + Math.max(1, Math.abs(last));
    return (value) => {
      const number = numberOf(value);
      return Number.isFinite(number) ? (edges[numericBin(edges, number)] ?? above) : null;
    };
  }
  return () => null;
}
