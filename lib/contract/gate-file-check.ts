import { suggest } from './suggest';

/** One thing that is wrong in a gate file. */
export interface GateFileProblem {
  /** Keys and indexes from the top of the file, for example `['metrics', 'accuracy', 'minimum']`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

type Shape = (value: unknown, path: readonly (string | number)[], report: Report) => void;
type Report = (path: readonly (string | number)[], message: string) => void;
type Mapping = Readonly<Record<string, unknown>>;

const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON has no NaN, no infinities and no big integers. */
const show = (value: unknown): string =>
  typeof value === 'string' || (typeof value === 'object' && value !== null) ? JSON.stringify(value) : String(value);

const number: Shape = (value, path, report) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) report(path, `must be a finite number, got ${show(value)}`);
};

const within =
  (low: number, high: number): Shape =>
  (value, path, report) => {
    if (typeof value !== 'number' || !(value > low && value < high)) {
      report(path, `must be a number between ${low} and ${high}, got ${show(value)}`);
    }
  };

const atLeast =
  (low: number): Shape =>
  (value, path, report) => {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < low) {
      report(path, `must be a number of ${low} or more, got ${show(value)}`);
    }
  };

const text: Shape = (value, path, report) => {
  if (typeof value !== 'string' || value === '') report(path, `must be a text, got ${show(value)}`);
};

const oneOf =
  (...choices: string[]): Shape =>
  (value, path, report) => {
    if (typeof value === 'string' && choices.includes(value)) return;
    const near = typeof value === 'string' ? suggest(value, choices) : undefined;
    report(path, `must be one of ${choices.join(', ')}, got ${show(value)}${near ? `; did you mean ${near}?` : ''}`);
  };

/** A distance on the metric's scale, or a percentage of the baseline. */
const amount: Shape = (value, path, report) => {
  const absolute = typeof value === 'number' && Number.isFinite(value) && value >= 0;
  const relative = typeof value === 'string' && /^\d+(\.\d+)?%$/.test(value);
  if (!absolute && !relative) {
    report(path, `must be a number of 0 or more or a percentage like "0.5%", got ${show(value)}`);
  }
};

const mapping =
  (keys: Readonly<Record<string, Shape>>, required: readonly string[] = []): Shape =>
  (value, path, report) => {
    if (!isMapping(value)) return report(path, `must be a mapping, got ${show(value)}`);
    for (const [key, entry] of Object.entries(value)) {
      const shape = Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (shape) {
        if (entry !== undefined) shape(entry, [...path, key], report);
        continue;
      }
      const near = suggest(key, Object.keys(keys));
      const known = Object.keys(keys).join(', ');
      report([...path, key], `is not a key of the gate file${near ? `; did you mean ${near}?` : ` here: ${known}`}`);
    }
    for (const key of required) {
      if (value[key] === undefined) report(path, `must have the key ${key}`);
    }
  };

const list =
  (item: Shape): Shape =>
  (value, path, report) => {
    if (!Array.isArray(value)) return report(path, `must be a list, got ${show(value)}`);
    value.forEach((entry, index) => item(entry, [...path, index], report));
  };

const SLICE = mapping({ name: text, metric: text, minimum: number, maximum: number, minSamples: atLeast(1) }, [
  'name',
  'metric',
]);

const METRIC_KEYS = mapping({
  minimum: number,
  maximum: number,
  comparison: oneOf('gt', 'gte', 'lt', 'lte', 'noFarther'),
  tolerance: amount,
  improveBy: amount,
  suspiciousAbove: amount,
  ideal: number,
  maxDistance: atLeast(0),
  significance: mapping(
    { test: oneOf('mcnemar', 'bootstrap'), alpha: within(0, 1), margin: atLeast(0), predictions: text },
    ['test'],
  ),
  slices: list(SLICE),
  derive: mapping({ spearman: mapping({ candidate: text, baseline: text }, ['candidate', 'baseline']) }, ['spearman']),
  severity: oneOf('block', 'warn'),
});

const RULES = ['minimum', 'maximum', 'comparison', 'maxDistance', 'significance', 'slices'];
const NEED_COMPARISON = ['tolerance', 'improveBy', 'suspiciousAbove'];

/** Rules that hold between the keys of one gate. */
function checkBounds(gate: Mapping, path: readonly (string | number)[], report: Report): void {
  const { minimum, maximum } = gate;
  if (typeof minimum === 'number' && typeof maximum === 'number' && minimum > maximum) {
    report(path, `has a minimum (${minimum}) above its maximum (${maximum}): nothing could pass`);
  }
}

const METRIC: Shape = (value, path, report) => {
  METRIC_KEYS(value, path, report);
  if (!isMapping(value)) return;
  checkBounds(value, path, report);
  if (Array.isArray(value['slices'])) {
    value['slices'].filter(isMapping).forEach((slice, index) => checkBounds(slice, [...path, 'slices', index], report));
  }
  if (!RULES.some((rule) => value[rule] !== undefined)) {
    report(path, `has no rule and would pass anything: give one of ${RULES.join(', ')}`);
  }
  const comparison = value['comparison'];
  for (const key of NEED_COMPARISON) {
    if (value[key] !== undefined && comparison === undefined) {
      report([...path, key], 'has no effect without a comparison: add one, for example `comparison: gte`');
    }
  }
  const wantsHigher = comparison === 'gt' || comparison === 'gte';
  const wantsLower = comparison === 'lt' || comparison === 'lte';
  if (value['minimum'] !== undefined && value['maximum'] === undefined && wantsLower) {
    report([...path, 'comparison'], `(${comparison}) asks for lower values but minimum says that higher is better`);
  }
  if (value['maximum'] !== undefined && value['minimum'] === undefined && wantsHigher) {
    report([...path, 'comparison'], `(${comparison}) asks for higher values but maximum says that lower is better`);
  }
  const measuresDistance = value['maxDistance'] !== undefined || comparison === 'noFarther';
  if (measuresDistance && value['ideal'] === undefined) {
    report(path, 'must have an ideal value: maxDistance and noFarther measure the distance from it');
  }
  if (value['ideal'] !== undefined && !measuresDistance) {
    report([...path, 'ideal'], 'has no effect without maxDistance or `comparison: noFarther`');
  }
};

const METRICS_OF_FILE: Shape = (value, path, report) => {
  if (!isMapping(value)) return report(path, `must be a mapping of metric names, got ${show(value)}`);
  const entries = Object.entries(value);
  if (entries.length === 0) report(path, 'must name at least one metric: a file without checks passes nothing');
  for (const [metric, gate] of entries) METRIC(gate, [...path, metric], report);
};

const FROM: Shape = (value, path, report) => {
  mapping({ alias: text, version: text, run: text, file: text })(value, path, report);
  if (isMapping(value) && Object.keys(value).length !== 1) {
    report(path, `must name exactly one of alias, version, run and file, got ${show(value)}`);
  }
};

const VERSION: Shape = (value, path, report) => {
  if (value !== 1) report(path, `must be 1, the only version of the format, got ${show(value)}`);
};

const FILE = mapping(
  {
    version: VERSION,
    baseline: mapping({ from: FROM, whenMissing: oneOf('absoluteOnly', 'pass', 'fail') }),
    defaults: mapping({ sameDataset: oneOf('ignore', 'warn', 'fail') }),
    metrics: METRICS_OF_FILE,
  },
  ['metrics'],
);

/** Everything that is wrong with `value` as a gate file; empty when it is one. */
export function checkGateFile(value: unknown): GateFileProblem[] {
  const problems: GateFileProblem[] = [];
  FILE(value, [], (path, message) => problems.push({ path, message }));
  return problems;
}
