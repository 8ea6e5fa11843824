import {
  also,
  amount,
  atLeast,
  exactly,
  type FilePath,
  isMapping,
  list,
  type Mapping,
  mapping,
  number,
  oneOf,
  type Report,
  type Shape,
  text,
  within,
} from './gate-file-shapes';

/** One thing that is wrong in a gate file. */
export interface GateFileProblem {
  /** Keys and indexes from the top of the file, for example `['metrics', 'accuracy', 'minimum']`. */
  readonly path: FilePath;
  readonly message: string;
}

const SLICE = mapping({ name: text, metric: text, minimum: number, maximum: number, minSamples: atLeast(1) }, [
  'name',
  'metric',
]);

const DISPARITY = also(
  mapping({ maxDifference: atLeast(0), minRatio: within(0, 1) }),
  { minProperties: 1 },
  (value, path, report) => {
    if (isMapping(value) && value['maxDifference'] === undefined && value['minRatio'] === undefined) {
      report(path, 'must have maxDifference, minRatio or both: it would pass anything');
    }
  },
);

const SIGNIFICANCE = mapping(
  { test: oneOf('mcnemar', 'bootstrap'), alpha: within(0, 0.5), margin: atLeast(0), predictions: text },
  ['test'],
);

const SPEARMAN = mapping({ candidate: text, baseline: text }, ['candidate', 'baseline']);

const METRIC_KEYS = mapping({
  minimum: number,
  maximum: number,
  comparison: oneOf('gt', 'gte', 'lt', 'lte', 'noFarther'),
  tolerance: amount,
  improveBy: amount,
  suspiciousAbove: amount,
  ideal: number,
  maxDistance: atLeast(0),
  significance: SIGNIFICANCE,
  slices: list(SLICE),
  disparity: DISPARITY,
  derive: mapping({ spearman: SPEARMAN }, ['spearman']),
  severity: oneOf('block', 'warn'),
});

const RULES = ['minimum', 'maximum', 'comparison', 'maxDistance', 'significance', 'slices'];
const NEED_COMPARISON = ['tolerance', 'improveBy', 'suspiciousAbove'];

/** Rules that hold between the bounds of one gate or slice. */
function checkBounds(gate: Mapping, path: FilePath, report: Report): void {
  const { minimum, maximum } = gate;
  if (typeof minimum === 'number' && typeof maximum === 'number' && minimum > maximum) {
    report(path, `has a minimum (${minimum}) above its maximum (${maximum}): nothing could pass`);
  }
}

/** Names that checks of a metric have: a slice of that name could not be told from them. */
const RESERVED_SLICES = new Set<unknown>([
  'distance',
  'comparison',
  'significance',
  'disparity.difference',
  'disparity.ratio',
]);

function checkSlices(gate: Mapping, path: FilePath, report: Report): void {
  const slices = gate['slices'];
  const all = Array.isArray(slices) ? slices.filter(isMapping) : [];
  all.forEach((slice, index) => checkBounds(slice, [...path, 'slices', index], report));
  const names = all.map(({ name }) => name);
  for (const name of new Set(names.filter((each, index) => names.indexOf(each) < index))) {
    report([...path, 'slices'], `has two slices with the name ${JSON.stringify(name)}`);
  }
  for (const { name } of all.filter((slice) => RESERVED_SLICES.has(slice['name']))) {
    report(
      [...path, 'slices'],
      `has a slice with the name ${JSON.stringify(name)}, which is that of a check: give it another`,
    );
  }
  if (gate['disparity'] !== undefined && all.length < 2) {
    report([...path, 'disparity'], 'needs at least two slices to lie between');
  }
}

function checkDirection(gate: Mapping, path: FilePath, report: Report): void {
  const { comparison, minimum, maximum } = gate;
  const wantsHigher = comparison === 'gt' || comparison === 'gte';
  const wantsLower = comparison === 'lt' || comparison === 'lte';
  if (minimum !== undefined && maximum === undefined && wantsLower) {
    report([...path, 'comparison'], `(${comparison}) asks for lower values but minimum says that higher is better`);
  }
  if (maximum !== undefined && minimum === undefined && wantsHigher) {
    report([...path, 'comparison'], `(${comparison}) asks for higher values but maximum says that lower is better`);
  }
}

function checkIdeal(gate: Mapping, path: FilePath, report: Report): void {
  const measuresDistance = gate['maxDistance'] !== undefined || gate['comparison'] === 'noFarther';
  if (measuresDistance && gate['ideal'] === undefined) {
    report(path, 'must have an ideal value: maxDistance and noFarther measure the distance from it');
  }
  if (gate['ideal'] !== undefined && !measuresDistance) {
    report([...path, 'ideal'], 'has no effect without maxDistance or `comparison: noFarther`');
  }
}

const METRIC = also(
  METRIC_KEYS,
  {
    anyOf: RULES.map((rule) => ({ required: [rule] })),
    dependentRequired: {
      ...Object.fromEntries(NEED_COMPARISON.map((key) => [key, ['comparison']])),
      maxDistance: ['ideal'],
      disparity: ['slices'],
    },
  },
  (value, path, report) => {
    if (!isMapping(value)) return;
    checkBounds(value, path, report);
    checkSlices(value, path, report);
    if (!RULES.some((rule) => value[rule] !== undefined)) {
      report(path, `has no rule and would pass anything: give one of ${RULES.join(', ')}`);
    }
    for (const key of NEED_COMPARISON) {
      if (value[key] !== undefined && value['comparison'] === undefined) {
        report([...path, key], 'has no effect without a comparison: add one, for example `comparison: gte`');
      }
    }
    checkDirection(value, path, report);
    checkIdeal(value, path, report);
  },
);

const METRICS_OF_FILE: Shape = {
  schema: { type: 'object', additionalProperties: METRIC.schema, minProperties: 1 },
  check(value, path, report) {
    if (!isMapping(value)) return report(path, `must be a mapping of metric names, got ${JSON.stringify(value)}`);
    const entries = Object.entries(value);
    if (entries.length === 0) report(path, 'must name at least one metric: a file without checks passes nothing');
    for (const [metric, gate] of entries) METRIC.check(gate, [...path, metric], report);
  },
};

const FROM = also(
  mapping({ alias: text, version: text, run: text, file: text }),
  { minProperties: 1, maxProperties: 1 },
  (value, path, report) => {
    if (isMapping(value) && Object.keys(value).length !== 1) {
      report(path, `must name exactly one of alias, version, run and file, got ${JSON.stringify(value)}`);
    }
  },
);

const FILE = mapping(
  {
    version: exactly(1, 'the only version of the format'),
    baseline: mapping({ from: FROM, whenMissing: oneOf('absoluteOnly', 'pass', 'fail') }),
    defaults: mapping({ sameDataset: oneOf('ignore', 'warn', 'fail') }),
    metrics: METRICS_OF_FILE,
  },
  ['metrics'],
);

/** JSON Schema (2020-12) of the gate file, for editors. {@link checkGateFile} finds more, and explains it. */
export const GATE_FILE_JSON_SCHEMA: object = FILE.schema;

/** Everything that is wrong with `value` as a gate file; empty when it is one. */
export function checkGateFile(value: unknown): GateFileProblem[] {
  const problems: GateFileProblem[] = [];
  FILE.check(value, [], (path, message) => problems.push({ path, message }));
  return problems;
}
