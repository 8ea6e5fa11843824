import { spawnSync } from 'node:child_process';

/** How the rival is installed; with a newer pandas this version of Evidently cannot be imported. */
const SETUP = `  python3 -m venv evidently-env
  evidently-env/bin/pip install evidently==0.7.21 'pandas<3' pyarrow
then say where it is: --python evidently-env/bin/python, or EVIDENTLY_PYTHON=evidently-env/bin/python`;

const IMPORT = `
from importlib.metadata import version
from evidently.presets import DataDriftPreset
print(', '.join(f'{name} {version(name)}' for name in ('evidently', 'pandas', 'numpy')))
`;

/** The interpreter that was asked for. */
export function pythonOf(option: string | undefined): string {
  return option ?? process.env.EVIDENTLY_PYTHON ?? 'python3';
}

/** @returns versions of the rival, or nothing, having said how it is installed */
export function evidentlyVersions(python: string): string | undefined {
  const { status, stdout, stderr, error } = spawnSync(python, ['-c', IMPORT], { encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  const why = error?.message ?? stderr.trim().split('\n').at(-1);
  process.stdout.write(`\nWithout Evidently: '${python}' cannot import it (${why}). To compare with it:\n${SETUP}\n`);
  return undefined;
}
