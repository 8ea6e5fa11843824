import { sha256 } from '../../common/data-digest';
import { Failure } from '../../common/failure';
import { readText } from '../../common/object-store';
import { type FileProblem, located, parseValue } from '../../common/yaml-file';
import { type MetricValues } from '../gates/metric-values';

/** Numbers that were read from a file. */
export interface NumberFile {
  readonly values: MetricValues;
  readonly digest: string;
}

/** What Python and JavaScript write where JSON has no number. Quoted or not, none is a measurement. */
const NOT_FINITE: Readonly<Record<string, number>> = {
  NaN: NaN,
  nan: NaN,
  Infinity: Infinity,
  '-Infinity': -Infinity,
  inf: Infinity,
  '-inf': -Infinity,
};

/**
 * Reads a flat JSON object: name to number. `undefined` when there is no such file.
 *
 * @throws Failure naming everything that is no number, with its line and column
 */
export async function readNumberFile(uri: string, what: string): Promise<NumberFile | undefined> {
  const text = await readText(uri);
  return text === undefined ? undefined : { values: parseNumbers(text, uri, what), digest: sha256(text) };
}

/** The same for a text; `source` is only named in problems. */
export function parseNumbers(text: string, source: string, what: string): MetricValues {
  const value = parseValue(text, source);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw Failure.configuration(
      `${source}: ${what} must be a flat JSON object of names and numbers, for example {"accuracy": 0.93}, got ${JSON.stringify(value).slice(0, 60)}`,
    );
  }
  const problems: FileProblem[] = [];
  const entries = Object.entries(value as Record<string, unknown>).map(([name, each]): [string, number] => {
    const number = typeof each === 'string' ? NOT_FINITE[each] : each;
    if (typeof number === 'number') return [name, number];
    const got = JSON.stringify(each);
    const hint =
      typeof each === 'object' && each !== null ? `; write its parts as '${name}.<part>'` : '; write it without quotes';
    problems.push({
      keys: [],
      key: name,
      message: `'${name}' must be a number, got ${got.slice(0, 60)}${typeof each === 'object' ? (each ? hint : '') : typeof each === 'string' ? hint : ''}`,
    });
    return [name, NaN];
  });
  if (problems.length > 0) throw located(text, source, problems);
  return Object.fromEntries(entries);
}
