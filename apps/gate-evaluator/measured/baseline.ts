import { dirname } from 'node:path';
import { type GateFile, MLFLOW_ALIASES } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { joinUri } from '../../common/uri';
import { metricsOfRun, metricsOfVersion, type MeasuredSource, openMetrics, type SourceOptions } from './metrics-source';
import { readNumberFile } from './number-file';

/** Options of {@link openBaseline}. */
export interface BaselineOptions extends SourceOptions {
  readonly gates: GateFile;
  /** Where files that the gate file names are found. */
  readonly gatesPath: string;
  /** Address that wins over the gate file. */
  readonly uri?: string;
}

/** What the candidate is compared with, or why there is nothing. */
export type Baseline = { readonly found: MeasuredSource } | { readonly found?: undefined; readonly why: string };

/**
 * The baseline that the gate file, or the call, names.
 *
 * @throws Failure when something is named that is not there: only an alias may be missing, and a file where the gate file says what
 *   that means (`whenMissing`)
 */
export async function openBaseline(options: BaselineOptions): Promise<Baseline> {
  const { gates, registry, model, uri, gatesPath } = options;
  if (uri !== undefined) return { found: await openMetrics(uri, options) };
  const { from, whenMissing } = gates.baseline ?? {};
  if (from?.file !== undefined) {
    const path = fileBeside(gatesPath, from.file);
    const file = await readNumberFile(path, "the baseline's metrics");
    if (file) return { found: { source: path, metrics: file.values, fileDigest: file.digest } };
    if (whenMissing !== undefined) return { why: `there is no baseline file '${path}'` };
    throw Failure.configuration(
      `there is no baseline file '${path}': write it, or say in the gate file what that means (baseline.whenMissing)`,
    );
  }
  if (!registry) {
    if (from === undefined) return { why: 'no registry was named, so there is no champion to compare with' };
    throw Failure.configuration(
      `the gate file's baseline is in a registry (${JSON.stringify(from)}): name it with --registry or MLFLOW_TRACKING_URI`,
    );
  }
  if (from?.run !== undefined) return { found: await metricsOfRun(registry, from.run) };
  if (from?.version !== undefined) return { found: await openMetrics(`models:/${model}/${from.version}`, options) };
  const alias = from?.alias ?? MLFLOW_ALIASES.champion;
  const version = await registry.versionByAlias(model, alias);
  if (!version) return { why: `'${model}' has no version with the alias '${alias}' yet` };
  return { found: await metricsOfVersion(registry, model, version) };
}

/** A path that a file names, beside that file. */
export function fileBeside(file: string, path: string): string {
  return /^(\/|[a-z][a-z0-9+.-]*:\/\/)/i.test(path) ? path : joinUri(dirname(file), path);
}
