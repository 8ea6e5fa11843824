import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { ExternalSecret } from '../crds/external-secrets';
import { regionOfSecret } from '../validation/database';
import { type ManagedDatabase } from './mlflow-database-connection';
import { objectLabels, objectMetadata } from './object-metadata';

/** Name of the Secret with MLflow's database connection, and of all that keeps it, the service account of a store among them. */
export const MLFLOW_DATABASE_SECRET = 'mlflow-database';

const APP = 'mlflow';
const SERVICE = 'mlflow';
const VOLUME = 'database';
const FOLDER = '/etc/mlflow-database';
const SERVICE_FILE = 'pg_service.conf';
const AUTHORITIES_FILE = 'authorities.pem';

/** @internal */
export interface DatabaseSecretProps {
  readonly namespace: string;
  readonly database: ManagedDatabase;
}

/**
 * A connection whose password may change at any time: a file that libpq reads at every new connection, where a variable would stay
 * what it was when the pod started.
 *
 * @see https://www.postgresql.org/docs/current/libpq-pgservice.html
 * @internal
 */
export class DatabaseSecret extends Construct {
  /** Variables of the containers; the URI names no host and no password, so that it can stand in a manifest. */
  public static readonly ENVIRONMENT: readonly k8s.EnvVar[] = [
    { name: 'MLFLOW_BACKEND_STORE_URI', value: `postgresql+psycopg2:///?service=${SERVICE}` },
    { name: 'PGSERVICEFILE', value: `${FOLDER}/${SERVICE_FILE}` },
  ];

  /** Where the containers have the files: the whole folder, because a `subPath` would never change. */
  public static readonly MOUNT: k8s.VolumeMount = { name: VOLUME, mountPath: FOLDER, readOnly: true };

  /** The volume of the pod. */
  public readonly volume: k8s.Volume;

  constructor(scope: Construct, id: string, { namespace, database }: DatabaseSecretProps) {
    super(scope, id);
    const name = MLFLOW_DATABASE_SECRET;
    const metadata = objectMetadata({ name, namespace, app: APP });
    const { certificateAuthorities, secretArn } = database;
    const files: k8s.VolumeProjection[] = [{ secret: { name, items: [{ key: SERVICE_FILE, path: SERVICE_FILE }] } }];
    if (certificateAuthorities !== undefined) {
      new k8s.KubeConfigMap(this, 'Authorities', { metadata, data: { [AUTHORITIES_FILE]: certificateAuthorities } });
      files.push({ configMap: { name, items: [{ key: AUTHORITIES_FILE, path: AUTHORITIES_FILE }] } });
    }
    this.volume = { name: VOLUME, projected: { sources: files, defaultMode: 0o440 } };

    const store = { name, namespace, app: APP, region: regionOfSecret(secretArn) };
    new ExternalSecret(this, 'Resource', {
      metadata,
      spec: {
        refreshPolicy: 'Periodic',
        refreshInterval: `${database.refreshInterval.toSeconds()}s`,
        secretStoreRef: database.store._render(this, store),
        target: {
          name,
          creationPolicy: 'Owner',
          deletionPolicy: 'Retain',
          immutable: false,
          template: {
            engineVersion: 'v2',
            mergePolicy: 'Replace',
            metadata: { labels: objectLabels({ app: APP }) },
            data: { [SERVICE_FILE]: serviceFile(database) },
          },
        },
        dataFrom: [{ extract: { key: secretArn } }],
      },
    });
  }
}

/**
 * The template of the file. libpq takes a line as it is, from the equals sign to its end, and drops white space there: it knows no
 * quotes, and so no value with a line break in it. One that would not come out as it is makes the ExternalSecret fail.
 */
function serviceFile({ host, port, name, certificateAuthorities }: ManagedDatabase): string {
  const verified = certificateAuthorities !== undefined;
  return [
    ...['username', 'password'].map(refusal),
    `[${SERVICE}]`,
    `host=${host}`,
    `port=${port}`,
    `dbname=${name}`,
    'user={{ .username }}',
    'password={{ .password }}',
    `sslmode=${verified ? 'verify-full' : 'require'}`,
    ...(verified ? [`sslrootcert=${FOLDER}/${AUTHORITIES_FILE}`] : []),
    'connect_timeout=10',
    '',
  ].join('\n');
}

function refusal(key: string): string {
  const message = `the ${key} is empty, has a control character or ends with white space`;
  return `{{- if regexMatch "^$|[[:cntrl:]]|[[:space:]]$" .${key} }}{{ fail "${message}" }}{{ end -}}`;
}
