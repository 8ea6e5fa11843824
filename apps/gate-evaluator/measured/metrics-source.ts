import { MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type Measured } from '../gates/evaluate-gates';
import { type RegisteredVersion, type Registry } from '../registry/registry';
import { readNumberFile } from './number-file';

/** Metrics, and what they belong to. */
export interface MeasuredSource extends Measured {
  /** The registry's run; a file belongs to none. */
  readonly runId?: string;
  /** The version, where one was named. */
  readonly version?: RegisteredVersion;
  /** SHA-256 of a file. */
  readonly fileDigest?: string;
}

/** What a source is asked from. */
export interface SourceOptions {
  readonly model: string;
  /** Absent when none was named: then only files can be read. */
  readonly registry?: Registry;
}

/**
 * Metrics by their address: a file, `runs:/ID`, `models:/NAME/VERSION` or `models:/NAME@ALIAS`, as MLflow writes them.
 *
 * @throws Failure when there is nothing at the address
 */
export async function openMetrics(uri: string, options: SourceOptions): Promise<MeasuredSource> {
  const [, run] = /^runs:\/+([^/]+)\/?$/.exec(uri) ?? [];
  if (run !== undefined) return metricsOfRun(needRegistry(uri, options), run);
  if (/^(runs|models):/.test(uri)) {
    const [, name, version, alias] = /^models:\/+([^/@]+)(?:\/(\d+)|@([^/@]+))$/.exec(uri) ?? [];
    if (name === undefined) {
      throw Failure.configuration(
        `'${uri}' is not an address: expected runs:/ID, models:/NAME/VERSION or models:/NAME@ALIAS`,
      );
    }
    if (name !== options.model)
      throw Failure.configuration(`'${uri}' is a version of '${name}', not of '${options.model}'`);
    const registry = needRegistry(uri, options);
    const found =
      alias === undefined ? await registry.version(name, version!) : await registry.versionByAlias(name, alias);
    if (!found) throw Failure.configuration(`there is no '${uri}' in ${registry.address}`);
    return metricsOfVersion(registry, options.model, found);
  }
  const file = await readNumberFile(uri, 'the metrics');
  if (!file) throw Failure.configuration(`there are no metrics at '${uri}': the evaluate step must write them there`);
  return { source: uri, metrics: file.values, fileDigest: file.digest };
}

/** Metrics of a version: those of the run that it came from. */
export async function metricsOfVersion(
  registry: Registry,
  model: string,
  version: RegisteredVersion,
): Promise<MeasuredSource> {
  if (!version.ready) {
    throw Failure.configuration(
      `version ${version.version} of '${model}' is still pending in ${registry.address}: try again when it is registered`,
    );
  }
  const source = `models:/${model}/${version.version}`;
  if (version.runId === undefined) return { source, metrics: {}, version };
  return { ...(await metricsOfRun(registry, version.runId)), source, version };
}

/** Metrics of a run. */
export async function metricsOfRun(registry: Registry, runId: string): Promise<MeasuredSource> {
  const { metrics, tags } = await registry.runData(runId);
  return { source: `runs:/${runId}`, metrics, dataDigest: tags[MLFLOW_TAGS.evaluationDigest], runId };
}

function needRegistry(uri: string, { registry }: SourceOptions): Registry {
  if (registry) return registry;
  throw Failure.configuration(`'${uri}' is in a registry: name it with --registry or MLFLOW_TRACKING_URI`);
}
