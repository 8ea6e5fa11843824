import { readFileSync } from 'node:fs';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, stringify } from 'yaml';
import { checkGateFile, type GateFile, type GateFileProblem } from '../contract';
import { ValidationError } from '../validation/problems';

/**
 * The quality thresholds that a candidate must meet before it may be registered and rolled out: the content of a gate
 * file. Immutable data.
 */
export class QualityGates {
  /**
   * Gates written in the program, in the shape of the gate file.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static fromObject(file: GateFile): QualityGates {
    const problems = checkGateFile(file).map(({ path, message }) => `${quoted(path)} ${message}`);
    if (problems.length > 0) throw new ValidationError('QualityGates', problems);
    return new QualityGates(file);
  }

  /**
   * Gates from a YAML or JSON file. The one place where this library reads a file.
   *
   * @param path relative to the working directory
   * @throws ValidationError listing everything that is wrong, with line and column.
   */
  public static fromFile(path: string): QualityGates {
    const lines = new LineCounter();
    const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false });
    const place = (offset: number): string => {
      const { line, col } = lines.linePos(offset);
      return `${path}:${line}:${col}`;
    };
    const syntax = [...document.errors, ...document.warnings].map((error) => `${place(error.pos[0])} ${error.message}`);
    if (syntax.length > 0) throw new ValidationError(`QualityGates file '${path}'`, syntax);

    const content = toContent(document, path);
    const problems = checkGateFile(content).map(
      (problem) => `${place(offsetOf(document, problem))} ${quoted(problem.path)} ${problem.message}`,
    );
    if (problems.length > 0) throw new ValidationError(`QualityGates file '${path}'`, problems);
    return new QualityGates(content);
  }

  /** The gate file's content. */
  public readonly file: GateFile;

  private constructor(file: GateFile) {
    this.file = structuredClone(file);
  }

  /** Names of the metrics that are judged: what the evaluate step must bring. */
  public get metricNames(): string[] {
    return Object.keys(this.file.metrics);
  }

  /** The gate file as YAML. */
  public toYaml(): string {
    return stringify(this.file, { aliasDuplicateObjects: false });
  }
}

/** A place in the file; the file itself where there is none. */
function quoted(path: GateFileProblem['path']): string {
  return path.length === 0 ? 'the gate file' : `'${path.join('.')}'`;
}

/** The content; an alias without its anchor is found only here. */
function toContent(document: Document, path: string): GateFile {
  try {
    return document.toJS() as GateFile;
  } catch (cause) {
    throw new ValidationError(`QualityGates file '${path}'`, [(cause as Error).message]);
  }
}

/** Where the key (or the list item) that a problem speaks of starts in the text. */
function offsetOf(document: Document, { path }: GateFileProblem): number {
  const parent = document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === last) : undefined;
  const node = pair?.key ?? document.getIn(path, true);
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ValidationError('QualityGates', [`file '${path}' cannot be read: ${(cause as Error).message}`]);
  }
}
