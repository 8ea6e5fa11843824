import { STEP_ENVIRONMENT } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';
import { type Context } from '../../common/run-app';
import { parseLocation } from '../../common/uri';
import { FileRegistry } from '../registry/file-registry';
import { MlflowRegistry } from '../registry/mlflow-registry';
import { type Registry } from '../registry/registry';

/** The directory that is the registry where none is named: for trials. */
export const DEFAULT_REGISTRY = 'mlops-registry';

/** Help of the option, which is the same everywhere. */
export const REGISTRY_HELP = `address of the tracking server, or a directory; MLFLOW_TRACKING_URI where it is not given`;

/** The registry that the call, or the environment, names; `undefined` when neither does. */
export function namedRegistry({ call, env, signal }: Pick<Context, 'call' | 'env' | 'signal'>): Registry | undefined {
  const uri = call.text('registry') ?? env[STEP_ENVIRONMENT.mlflowTrackingUri];
  return uri ? openRegistry(uri, { env, signal }) : undefined;
}

/** The same, or a directory of that name where the program runs. */
export function registryOrDirectory(context: Pick<Context, 'call' | 'env' | 'signal'>): Registry {
  return namedRegistry(context) ?? new FileRegistry(DEFAULT_REGISTRY);
}

/** The registry at an address or in a directory. */
export function openRegistry(uri: string, { env, signal }: Pick<Context, 'env' | 'signal'>): Registry {
  if (/^https?:\/\//i.test(uri)) {
    if (!URL.canParse(uri))
      throw Failure.configuration(`'${uri}' is not an address, expected for example http://mlflow:5000`);
    return new MlflowRegistry({ trackingUri: uri, env, signal });
  }
  const location = /^[a-z][a-z0-9+.-]*:/i.test(uri) && !uri.startsWith('file:') ? undefined : parseLocation(uri);
  if (location?.kind === 'file') return new FileRegistry(location.path);
  throw Failure.configuration(
    `'${uri}' is no registry: expected the address of a tracking server (http:// or https://) or a directory`,
  );
}
