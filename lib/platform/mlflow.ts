import { imageProblem } from '../validation/image';
import { dnsSubdomainProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { bytesProblem } from '../validation/quantity';
import { httpUrlProblem, objectStoreUriProblem, portProblem } from '../validation/uri';
import { type MlflowDatabaseConnection } from './mlflow-database-connection';
import { type SecretReference } from './secret-reference';
import { ServiceAddress } from './service-address';

/** The MLflow image that is rendered unless another is asked for. The `-full` variants bring database and S3 drivers. */
export const DEFAULT_MLFLOW_IMAGE = 'ghcr.io/mlflow/mlflow:v3.15.2-full';

/** What every rendered MLflow server has. */
export interface MlflowServerOptions {
  /**
   * Image of the server. It needs the drivers of the database and object store, which only the `-full` variants have.
   *
   * @default ghcr.io/mlflow/mlflow:v3.15.2-full
   */
  readonly image?: string;

  /**
   * Names, with port where it is not the scheme's own, by which the server is reached beside those of its Service, for
   * example `mlflow.acme.example`. MLflow answers 403 to any other Host header.
   *
   * @default - none
   */
  readonly allowedHosts?: readonly string[];

  /**
   * Worker processes.
   *
   * @default 2
   */
  readonly workers?: number;

  /**
   * Annotations of the service account, for example `eks.amazonaws.com/role-arn`.
   *
   * @default - none: EKS Pod Identity needs none
   */
  readonly serviceAccountAnnotations?: { readonly [key: string]: string };
}

/** Options of {@link Mlflow.postgres}. */
export interface PostgresMlflowOptions extends MlflowServerOptions {
  /** How the database is reached. */
  readonly database: MlflowDatabaseConnection;

  /** Folder in the object store for artifacts, for example `s3://acme-mlflow/artifacts`. Clients need no access to it. */
  readonly artifactsDestination: string;
}

/** Options of {@link Mlflow.sqlite}. */
export interface SqliteMlflowOptions extends MlflowServerOptions {
  /**
   * Size of the volume.
   *
   * @default 10Gi
   */
  readonly volumeSize?: string;

  /**
   * Class of the volume.
   *
   * @default - the cluster's default storage class
   */
  readonly storageClassName?: string;

  /**
   * Folder in the object store for artifacts.
   *
   * @default - artifacts lie on the same volume
   */
  readonly artifactsDestination?: string;
}

/** Options of {@link Mlflow.existing}. */
export interface ExistingMlflowOptions {
  /**
   * Bearer token of the server.
   *
   * @default - no token is sent
   */
  readonly token?: SecretReference;

  /**
   * Port of the server's pods, opened in the network policy, where its Service maps another to it.
   *
   * @default - the port of the address
   */
  readonly podPort?: number;
}

/** How a rendered server stores its data. @internal */
export interface MlflowServerConfig {
  readonly image: string;
  readonly allowedHosts: readonly string[];
  readonly workers: number;
  readonly serviceAccountAnnotations: Readonly<Record<string, string>>;
  readonly database: MlflowDatabaseConnection | { readonly volumeSize: string };
  readonly storageClassName?: string;
  readonly artifactsDestination?: string;
}

/** Which tracking server and model registry the platform uses. Immutable data. */
export class Mlflow {
  /**
   * A server of the platform's own on PostgreSQL and an object store.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static postgres(options: PostgresMlflowOptions): Mlflow {
    const problems = new Problems('Mlflow.postgres');
    const { database, artifactsDestination } = options;
    problems.check('artifactsDestination', artifactsDestination, objectStoreUriProblem(artifactsDestination));
    const common = Mlflow.common(options, problems);
    problems.throwIfAny();
    return Mlflow.rendered({ ...common, database, artifactsDestination });
  }

  /**
   * A server of the platform's own on SQLite on a volume: for a trial cluster, one pod and no backup.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static sqlite(options: SqliteMlflowOptions = {}): Mlflow {
    const problems = new Problems('Mlflow.sqlite');
    const { volumeSize = '10Gi', storageClassName, artifactsDestination } = options;
    problems.check('volumeSize', volumeSize, bytesProblem(volumeSize));
    if (storageClassName !== undefined) {
      problems.check('storageClassName', storageClassName, dnsSubdomainProblem(storageClassName));
    }
    if (artifactsDestination !== undefined) {
      problems.check('artifactsDestination', artifactsDestination, objectStoreUriProblem(artifactsDestination));
    }
    const common = Mlflow.common(options, problems);
    problems.throwIfAny();
    return Mlflow.rendered({ ...common, database: { volumeSize }, storageClassName, artifactsDestination });
  }

  /**
   * A server that exists; nothing is rendered for it.
   *
   * @param trackingUri base address, for example `http://mlflow.shared.svc:5000`
   * @throws ValidationError when the address is none.
   */
  public static existing(trackingUri: string, options: ExistingMlflowOptions = {}): Mlflow {
    const problems = new Problems('Mlflow.existing');
    problems.check('trackingUri', trackingUri, httpUrlProblem(trackingUri));
    if (options.podPort !== undefined) problems.check('podPort', options.podPort, portProblem(options.podPort));
    problems.throwIfAny();
    return new Mlflow(undefined, new ServiceAddress(trackingUri, options.podPort), options.token);
  }

  private static rendered(config: MlflowServerConfig): Mlflow {
    return new Mlflow(config, undefined, undefined);
  }

  private static common(
    options: MlflowServerOptions,
    problems: Problems,
  ): Pick<MlflowServerConfig, 'image' | 'allowedHosts' | 'workers' | 'serviceAccountAnnotations'> {
    const { image = DEFAULT_MLFLOW_IMAGE, allowedHosts = [], workers = 2 } = options;
    problems.check('image', image, imageProblem(image));
    if (!Number.isInteger(workers) || workers < 1) problems.add('workers', workers, 'must be a whole number from 1 on');
    allowedHosts.forEach((host, index) => {
      if (!/^[A-Za-z0-9*_.-]+(:(\d+|\*))?$/.test(host)) {
        const example = "for example 'mlflow.acme.example' or 'mlflow.acme.example:8443'";
        problems.add(`allowedHosts[${index}]`, host, `must be a host, with its port if need be, ${example}`);
      }
    });
    const serviceAccountAnnotations = { ...options.serviceAccountAnnotations };
    return { image, allowedHosts: [...allowedHosts], workers, serviceAccountAnnotations };
  }

  private constructor(
    /** @internal */
    public readonly _server: MlflowServerConfig | undefined,
    /** @internal */
    public readonly _existing: ServiceAddress | undefined,
    /** @internal */
    public readonly _token: SecretReference | undefined,
  ) {}
}
