import { Duration } from 'cdk8s';
import { certificatesProblem, databaseNameProblem, hostProblem, secretArnProblem } from '../validation/database';
import { Problems } from '../validation/problems';
import { portProblem } from '../validation/uri';
import { ExternalSecretStore } from './external-secret-store';
import { type PlatformOutputs } from './platform-outputs';
import { type SecretReference } from './secret-reference';

/** Options of {@link MlflowDatabaseConnection.uri}. */
export interface UriConnectionOptions {
  /**
   * Port of the database, opened in the network policy.
   *
   * @default 5432
   */
  readonly port?: number;
}

/** What every connection with a password in AWS Secrets Manager has. */
export interface ManagedConnectionOptions {
  /**
   * Where External Secrets reads the password, and as whom.
   *
   * @default ExternalSecretStore.podIdentity()
   */
  readonly store?: ExternalSecretStore;

  /**
   * How often the password is read anew. After a rotation new connections fail for as long as this and another minute or so, until
   * the kubelet brings the file into the pod.
   *
   * @default Duration.minutes(1)
   */
  readonly refreshInterval?: Duration;

  /**
   * The certificates, as PEM, of the authorities that may have signed that of the database, for example the RDS bundle of a region.
   * With them the server must prove that it is the one (`sslmode=verify-full`).
   *
   * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
   * @default - the connection is encrypted, but nobody checks who is at the other end (`sslmode=require`)
   */
  readonly certificateAuthorities?: string;
}

/** Options of {@link MlflowDatabaseConnection.secretsManager}. */
export interface SecretsManagerConnectionOptions extends ManagedConnectionOptions {
  /** Host of the database, without a port. */
  readonly host: string;

  /**
   * Port of the database, opened in the network policy.
   *
   * @default 5432
   */
  readonly port?: number;

  /** Name of the database on its server. */
  readonly name: string;

  /** ARN of the secret, a JSON object with `username` and `password`, as RDS keeps them. */
  readonly secretArn: string;
}

/** A database whose password lies in AWS Secrets Manager and rotates. @internal */
export interface ManagedDatabase {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly secretArn: string;
  readonly store: ExternalSecretStore;
  readonly refreshInterval: Duration;
  readonly certificateAuthorities?: string;
}

const DEFAULT_PORT = 5432;

/** How MLflow reaches its PostgreSQL database. Immutable data. */
export class MlflowDatabaseConnection {
  /**
   * By a URI with the password in it. Pods read it when they start: after a change of the password restart MLflow.
   *
   * @param uri `postgresql+psycopg2://user:password@host:5432/name`, as a secret
   * @throws ValidationError when the port is none.
   */
  public static uri(uri: SecretReference, options: UriConnectionOptions = {}): MlflowDatabaseConnection {
    const { port = DEFAULT_PORT } = options;
    const problems = new Problems('MlflowDatabaseConnection.uri');
    problems.check('port', port, portProblem(port));
    problems.throwIfAny();
    return new MlflowDatabaseConnection(port, uri, undefined, undefined);
  }

  /**
   * With user and password from AWS Secrets Manager, which may rotate them: every new connection takes those of the moment. Needs
   * External Secrets in the cluster.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static secretsManager(options: SecretsManagerConnectionOptions): MlflowDatabaseConnection {
    return MlflowDatabaseConnection.managed('secretsManager', options);
  }

  /**
   * To the database of the cloud half, whose password RDS rotates every seven days: every new connection takes that of the moment.
   * Needs External Secrets in the cluster.
   *
   * While the outputs are pending the server of MLflow is left out of the manifests.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static fromOutputs(
    outputs: PlatformOutputs,
    options: ManagedConnectionOptions = {},
  ): MlflowDatabaseConnection {
    const { mlflowDatabase } = outputs;
    if (mlflowDatabase) return MlflowDatabaseConnection.managed('fromOutputs', { ...options, ...mlflowDatabase });
    const problems = new Problems('MlflowDatabaseConnection.fromOutputs');
    checkManaged(options, problems);
    problems.throwIfAny();
    return new MlflowDatabaseConnection(undefined, undefined, undefined, outputs._remedy);
  }

  private static managed(factory: string, options: SecretsManagerConnectionOptions): MlflowDatabaseConnection {
    const { host, port = DEFAULT_PORT, name, secretArn, certificateAuthorities } = options;
    const problems = new Problems(`MlflowDatabaseConnection.${factory}`);
    problems.check('host', host, hostProblem(host));
    problems.check('port', port, portProblem(port));
    problems.check('name', name, databaseNameProblem(name));
    problems.check('secretArn', secretArn, secretArnProblem(secretArn));
    checkManaged(options, problems);
    problems.throwIfAny();
    const { store = ExternalSecretStore.podIdentity(), refreshInterval = Duration.minutes(1) } = options;
    const database = { host, port, name, secretArn, store, refreshInterval, certificateAuthorities };
    return new MlflowDatabaseConnection(port, undefined, database, undefined);
  }

  private constructor(
    /** Port of the database; undefined while it is not known. @internal */
    public readonly _port: number | undefined,
    /** @internal */
    public readonly _uri: SecretReference | undefined,
    /** @internal */
    public readonly _managed: ManagedDatabase | undefined,
    /** What is to be done before the database is known. @internal */
    public readonly _pending: string | undefined,
  ) {}
}

function checkManaged(options: ManagedConnectionOptions, problems: Problems): void {
  const { refreshInterval, certificateAuthorities: pem } = options;
  problems.checkDuration('refreshInterval', refreshInterval, 1);
  const problem = pem === undefined ? undefined : certificatesProblem(pem);
  if (problem !== undefined) problems.addText(`'certificateAuthorities' ${problem}`);
}
