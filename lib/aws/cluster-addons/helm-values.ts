/** Values of a chart. */
export interface HelmValues {
  readonly [key: string]: unknown;
}

/** A range or `latest` would install something else tomorrow. */
export function chartVersionProblem(version: string): string | undefined {
  return /^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)
    ? undefined
    : "must be one version of the chart, for example '1.2.3', and no range";
}

/** Whether a value holds further values; an empty map is said as a whole: nothing may be in it. */
function isBranch(value: unknown): value is HelmValues {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The path of a value as `helm --set` writes it, where dots in a key are escaped. */
const join = (path: string, key: string): string => {
  const escaped = key.replaceAll('.', '\\.');
  return path === '' ? escaped : `${path}.${escaped}`;
};

/** A value that is at odds with one that the manifests rely on. */
export interface ValueConflict {
  readonly path: string;
  readonly got: unknown;
  readonly expected: unknown;
}

/** Where `given` would change what is said in `relied`. */
export function conflictsOf(relied: HelmValues, given: HelmValues, path = ''): ValueConflict[] {
  return Object.entries(given).flatMap(([key, got]) => {
    if (!Object.hasOwn(relied, key)) return [];
    const expected = relied[key];
    const here = join(path, key);
    if (isBranch(expected) && isBranch(got)) return conflictsOf(expected, got, here);
    return same(expected, got) ? [] : [{ path: here, got, expected }];
  });
}

/** The values of `over` laid over those of `base`: maps are merged, everything else is replaced. */
export function mergeValues(base: HelmValues, over: HelmValues): HelmValues {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isBranch(below) && isBranch(value) ? mergeValues(below, value) : value;
  }
  return merged;
}

/** The paths of all values that hold no further ones. */
export function pathsOf(values: HelmValues, path = ''): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const here = join(path, key);
    return isBranch(value) ? pathsOf(value, here) : [here];
  });
}
