import { k8s } from 'cdk8s-plus-29';
import { type Construct } from 'constructs';
import { COMPONENTS } from '../contract';
import { DatabaseSecret } from './database-secret';
import { type MlflowServerConfig } from './mlflow';
import { objectMetadata } from './object-metadata';

/** The variable under which MLflow finds its database. */
export const DATABASE_VARIABLE = 'MLFLOW_BACKEND_STORE_URI';

/** Where the volume is mounted, where there is one. */
export const DATA_FOLDER = '/mlflow';

/** Where the server keeps its data, as its pod sees it. @internal */
export interface BackendStore {
  readonly env: readonly k8s.EnvVar[];
  readonly mounts: readonly k8s.VolumeMount[];
  readonly volumes: readonly k8s.Volume[];
}

/**
 * Renders what the server keeps its data in or reaches it by.
 *
 * @returns undefined while the database is not known
 * @internal
 */
export function renderBackendStore(
  scope: Construct,
  name: string,
  namespace: string,
  { database, storageClassName }: Pick<MlflowServerConfig, 'database' | 'storageClassName'>,
): BackendStore | undefined {
  if ('volumeSize' in database) {
    new k8s.KubePersistentVolumeClaim(scope, 'Volume', {
      metadata: objectMetadata({ name, namespace, app: name, component: COMPONENTS.experimentTracking }),
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName,
        resources: { requests: { storage: k8s.Quantity.fromString(database.volumeSize) } },
      },
    });
    return {
      env: [{ name: DATABASE_VARIABLE, value: `sqlite:///${DATA_FOLDER}/mlflow.db` }],
      mounts: [{ name: 'data', mountPath: DATA_FOLDER }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }],
    };
  }
  if (database._uri) return { env: [database._uri._toEnvVar(DATABASE_VARIABLE)], mounts: [], volumes: [] };
  if (!database._managed) return undefined;
  const { volume } = new DatabaseSecret(scope, 'Database', { namespace, database: database._managed });
  return { env: DatabaseSecret.ENVIRONMENT, mounts: [DatabaseSecret.MOUNT], volumes: [volume] };
}
