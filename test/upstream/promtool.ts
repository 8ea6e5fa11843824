import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { binary, type Manifest, type Verdict } from './judges';

interface PrometheusRule extends Manifest {
  readonly spec: object;
}

/** Prometheus 3's own check of the rules of every PrometheusRule. */
export function promtool(objects: readonly Manifest[]): Verdict[] {
  const directory = mkdtempSync(join(tmpdir(), 'promtool-'));
  try {
    return objects
      .filter((object): object is PrometheusRule => object.kind === 'PrometheusRule')
      .map(({ kind, metadata, spec }) => {
        const path = join(directory, 'rules.yaml');
        writeFileSync(path, stringify(spec));
        const { status, stdout, stderr, error } = spawnSync(binary('promtool'), ['check', 'rules', path], {
          encoding: 'utf8',
        });
        if (error) throw new Error(`promtool gave no verdict: ${error.message}`);
        const problems = status === 0 ? [] : [`${stdout}${stderr}`.trim()];
        return { judge: 'promtool', object: `${kind} ${metadata.namespace}/${metadata.name}`, problems };
      });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
