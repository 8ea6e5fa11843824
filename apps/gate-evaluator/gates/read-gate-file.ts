import { checkGateFile, type GateFile } from 'cdk8s-mlops/contract';
import { sha256 } from '../../common/data-digest';
import { located, parseValue, readYamlText } from '../../common/yaml-file';

/** A gate file as it was read. */
export interface ReadGateFile {
  readonly gates: GateFile;
  readonly path: string;
  readonly text: string;
  /** SHA-256 of its text. */
  readonly digest: string;
}

/**
 * Reads a gate file.
 *
 * @throws Failure naming everything that is wrong, each with its line and column
 */
export async function readGateFile(path: string): Promise<ReadGateFile> {
  const text = await readYamlText(path, 'the gate file');
  const value = parseValue(text, path);
  const problems = checkGateFile(value);
  if (problems.length > 0) {
    const explained = problems.map(({ path: keys, message }) => ({
      keys: keys.slice(0, -1),
      key: typeof keys.at(-1) === 'string' ? String(keys.at(-1)) : undefined,
      ...(typeof keys.at(-1) === 'number' && { keys }),
      message: `${keys.length === 0 ? 'the gate file' : `'${keys.join('.')}'`} ${message}`,
    }));
    throw located(text, path, explained);
  }
  return { gates: value as GateFile, path, text, digest: sha256(text) };
}
