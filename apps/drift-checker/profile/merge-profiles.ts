import { createHash } from 'node:crypto';
import { Failure } from '../../common/failure';
import { SAMPLE_SIZE } from '../scan/sampler';
import {
  type CategoricalProfile,
  type FeatureProfile,
  type NumericProfile,
  type PredictionProfile,
  type ReferenceProfile,
} from './reference-profile';

/** A profile and where it was read. */
export interface NamedProfile {
  readonly source: string;
  readonly profile: ReferenceProfile;
}

/**
 * The profile of the union of several data sets. Counts and moments are those of the whole; the sample is the rows with the
 * lowest priorities of all parts. Bins must be the same in all parts, which `--edges-from` sees to.
 *
 * @throws Failure naming every part that cannot be merged, and why
 */
export function mergeProfiles(parts: readonly NamedProfile[]): ReferenceProfile {
  const [first, ...others] = parts;
  if (!first || others.length === 0) throw Failure.configuration('merging needs at least two profiles');
  const problems = others.flatMap((part) => mismatches(first, part));
  const digests = parts.map(({ profile }) => profile.data.digest);
  const repeated = parts.filter(({ profile }, index) => digests.indexOf(profile.data.digest) !== index);
  problems.push(
    ...repeated.map(({ source }) => `'${source}' is of the same data as another part: its rows would count twice`),
  );
  if (problems.length > 0) throw Failure.configuration(...problems);

  const profiles = parts.map(({ profile }) => profile);
  const kept = lowestPriorities(profiles);
  const predicted = profiles.flatMap(({ predictions }) => (predictions ? [predictions] : []));
  const sum = (select: (profile: ReferenceProfile) => number): number =>
    profiles.reduce((total, profile) => total + select(profile), 0);
  return {
    ...first.profile,
    rows: sum(({ rows }) => rows),
    data: {
      digest: combinedDigest(digests),
      files: sum(({ data }) => data.files),
      bytes: sum(({ data }) => data.bytes),
    },
    features: first.profile.features.map((_, index) =>
      mergeFeatures(
        profiles.map(({ features }) => features[index]!),
        kept,
      ),
    ),
    priorities: kept.map(({ priority }) => priority),
    predictions: predicted.length > 0 ? samePredictions(predicted, parts) : undefined,
  };
}

function mismatches(first: NamedProfile, part: NamedProfile): string[] {
  const against = `'${part.source}' cannot be merged with '${first.source}'`;
  const [a, b] = [first.profile, part.profile];
  if (a.model !== b.model) return [`${against}: it is of model '${b.model}', not '${a.model}'`];
  if (a.modelVersion !== b.modelVersion)
    return [`${against}: it is of version ${b.modelVersion}, not ${a.modelVersion}`];
  const names = (profile: ReferenceProfile): string => profile.features.map(({ name }) => name).join(', ');
  if (names(a) !== names(b)) return [`${against}: its features are ${names(b)}, not ${names(a)}`];
  return b.features.flatMap((feature, index) =>
    binsOf(feature) === binsOf(a.features[index]!)
      ? []
      : [`${against}: feature '${feature.name}' has other bins; profile every part with --edges-from the same profile`],
  );
}

const binsOf = (feature: FeatureProfile): string =>
  JSON.stringify(feature.type === 'numeric' ? [feature.type, feature.edges] : [feature.type, feature.categories]);

interface SampledRow {
  readonly priority: number;
  readonly part: number;
  readonly row: number;
}

function lowestPriorities(profiles: readonly ReferenceProfile[]): SampledRow[] {
  return profiles
    .flatMap(({ priorities }, part) => priorities.map((priority, row) => ({ priority, part, row })))
    .sort((a, b) => a.priority - b.priority || a.part - b.part || a.row - b.row)
    .slice(0, SAMPLE_SIZE);
}

function mergeFeatures(parts: readonly FeatureProfile[], kept: readonly SampledRow[]): FeatureProfile {
  const numeric = parts.filter((part): part is NumericProfile => part.type === 'numeric');
  return numeric.length === parts.length
    ? mergeNumeric(numeric, kept)
    : mergeCategorical(parts.filter((part): part is CategoricalProfile => part.type === 'categorical'));
}

const addCounts = (parts: readonly { readonly counts: readonly number[] }[]): number[] =>
  parts[0]!.counts.map((_, bin) => parts.reduce((sum, { counts }) => sum + counts[bin]!, 0));

function mergeNumeric(parts: readonly NumericProfile[], kept: readonly SampledRow[]): NumericProfile {
  const sum = (select: (part: NumericProfile) => number): number =>
    parts.reduce((total, part) => total + select(part), 0);
  const values = sum((part) => part.values);
  const mean = values > 0 ? sum((part) => part.mean * part.values) / values : 0;
  const squares = sum(
    (part) => part.standardDeviation ** 2 * Math.max(0, part.values - 1) + part.values * (part.mean - mean) ** 2,
  );
  const measured = parts.filter((part) => part.values > 0);
  return {
    ...parts[0]!,
    missing: sum((part) => part.missing),
    infinite: sum((part) => part.infinite),
    outOfRange: sum((part) => part.outOfRange),
    values,
    ...(measured.length > 0 && {
      minimum: Math.min(...measured.map(({ minimum }) => minimum!)),
      maximum: Math.max(...measured.map(({ maximum }) => maximum!)),
    }),
    mean,
    standardDeviation: values > 1 ? Math.sqrt(squares / (values - 1)) : 0,
    counts: addCounts(parts),
    sample: kept.map(({ part, row }) => parts[part]!.sample[row] ?? null),
  };
}

function mergeCategorical(parts: readonly CategoricalProfile[]): CategoricalProfile {
  const sum = (select: (part: CategoricalProfile) => number): number =>
    parts.reduce((total, part) => total + select(part), 0);
  return {
    ...parts[0]!,
    missing: sum((part) => part.missing),
    counts: addCounts(parts),
    other: sum((part) => part.other),
    rare: [...new Set(parts.flatMap(({ rare }) => rare))].sort(),
    complete: parts.every(({ complete }) => complete),
  };
}

/** The parts share one set of predictions, or only one of them has any: performance does not add up from parts. */
function samePredictions(predicted: readonly PredictionProfile[], parts: readonly NamedProfile[]): PredictionProfile {
  if (new Set(predicted.map(({ digest }) => digest)).size === 1) return predicted[0]!;
  const sources = parts.filter(({ profile }) => profile.predictions).map(({ source }) => `'${source}'`);
  throw Failure.configuration(
    `${sources.join(' and ')} have different predictions, which cannot be merged: give --predictions to one part only`,
  );
}

function combinedDigest(digests: readonly string[]): string {
  return `sha256:${createHash('sha256')
    .update([...digests].sort().join('\n'))
    .digest('hex')}`;
}
