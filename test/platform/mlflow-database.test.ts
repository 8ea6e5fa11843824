import { Duration } from 'cdk8s';
import {
  ExternalSecretStore,
  Mlflow,
  MlflowDatabaseConnection,
  PlatformOutputs,
  SecretReference,
  type SecretsManagerConnectionOptions,
} from 'cdk8s-mlops';
import { find, identities, newChart, newPlatform, problemsOf, rendered, type Rendered } from '../support/synth';

const DATABASE: SecretsManagerConnectionOptions = {
  host: 'mlflow.abc123.eu-central-1.rds.amazonaws.com',
  port: 6432,
  name: 'mlflow_db',
  secretArn: 'arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:rds!db-1a2b3c4d-Xy7Zab',
};
const ROLE = 'arn:aws:iam::123456789012:role/mlops/mlflow-database';
const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

function synth(database: MlflowDatabaseConnection): Rendered[] {
  const chart = newChart();
  newPlatform(chart, { mlflow: Mlflow.postgres({ database, artifactsDestination: 's3://acme/mlflow' }) });
  return rendered(chart);
}

const managed = (options: Partial<SecretsManagerConnectionOptions> = {}): Rendered[] =>
  synth(MlflowDatabaseConnection.secretsManager({ ...DATABASE, ...options }));
const podOf = (objects: readonly Rendered[]): Rendered => find(objects, 'Deployment', 'mlflow').spec.template.spec;
const databaseRule = (objects: readonly Rendered[]): Rendered =>
  find(objects, 'NetworkPolicy', 'mlflow').spec.egress[0].ports;

describe('a URI in a Secret', () => {
  const uri = SecretReference.of('database', 'uri');

  test('is the variable of all containers, and renders nothing more', () => {
    const objects = synth(MlflowDatabaseConnection.uri(uri));
    const { initContainers, containers, volumes } = podOf(objects);
    const variable = {
      name: 'MLFLOW_BACKEND_STORE_URI',
      valueFrom: { secretKeyRef: { name: 'database', key: 'uri' } },
    };
    expect([initContainers[0].env[0], containers[0].env[0]]).toEqual([variable, variable]);
    expect(volumes.map(({ name }: Rendered) => name)).toEqual(['tmp']);
    expect(databaseRule(objects)).toEqual([{ port: 5432, protocol: 'TCP' }]);
    expect(identities(objects).filter((title) => /Secret|PersistentVolumeClaim/.test(title))).toEqual([]);
  });

  test('on another port', () => {
    expect(databaseRule(synth(MlflowDatabaseConnection.uri(uri, { port: 6432 })))[0].port).toBe(6432);
    expect(problemsOf(() => MlflowDatabaseConnection.uri(uri, { port: 0 }))).toEqual([
      "'port' (0) must be a port, 1 to 65535",
    ]);
  });
});

describe('a password in Secrets Manager', () => {
  test('is kept in a file that libpq reads at every connection', () => {
    const objects = managed();
    const { spec } = find(objects, 'ExternalSecret', 'mlflow-database');
    const { template, ...target } = spec.target;
    expect({ ...spec, target }).toEqual({
      refreshPolicy: 'Periodic',
      refreshInterval: '60s',
      secretStoreRef: { kind: 'SecretStore', name: 'mlflow-database' },
      target: { name: 'mlflow-database', creationPolicy: 'Owner', deletionPolicy: 'Retain', immutable: false },
      dataFrom: [{ extract: { key: DATABASE.secretArn } }],
    });
    expect(template).toMatchObject({ engineVersion: 'v2', mergePolicy: 'Replace' });
    expect(template.metadata.labels).toMatchObject({ 'app.kubernetes.io/name': 'mlflow' });
    expect(Object.keys(template.data)).toEqual(['pg_service.conf']);
    // What the template makes of a secret is tested with Go's templates, in test/upstream.
    expect(template.data['pg_service.conf'].split('\n').filter((line: string) => !line.startsWith('{{'))).toEqual([
      '[mlflow]',
      'host=mlflow.abc123.eu-central-1.rds.amazonaws.com',
      'port=6432',
      'dbname=mlflow_db',
      'user={{ .username }}',
      'password={{ .password }}',
      'sslmode=require',
      'connect_timeout=10',
      '',
    ]);
  });

  test('is in no variable of the pod, which has the whole folder, so that it changes', () => {
    const { initContainers, containers, volumes } = podOf(managed());
    for (const container of [...initContainers, ...containers]) {
      expect(container.env.slice(0, 2)).toEqual([
        { name: 'MLFLOW_BACKEND_STORE_URI', value: 'postgresql+psycopg2:///?service=mlflow' },
        { name: 'PGSERVICEFILE', value: '/etc/mlflow-database/pg_service.conf' },
      ]);
      expect(JSON.stringify(container.env)).not.toContain('secretKeyRef');
      const mount = container.volumeMounts.find(({ name }: Rendered) => name === 'database');
      expect(mount).toEqual({ name: 'database', mountPath: '/etc/mlflow-database', readOnly: true });
    }
    expect(volumes[1]).toEqual({
      name: 'database',
      projected: {
        defaultMode: 0o440,
        sources: [
          { secret: { name: 'mlflow-database', items: [{ key: 'pg_service.conf', path: 'pg_service.conf' }] } },
        ],
      },
    });
  });

  test('opens the port of the database', () => {
    expect(databaseRule(managed())).toEqual([{ port: 6432, protocol: 'TCP' }]);
    expect(databaseRule(managed({ port: undefined }))[0].port).toBe(5432);
  });

  test('is read as often as asked', () => {
    const { spec } = find(managed({ refreshInterval: Duration.hours(1) }), 'ExternalSecret', 'mlflow-database');
    expect(spec.refreshInterval).toBe('3600s');
  });

  test('with certificates the server must prove who it is', () => {
    const objects = managed({ certificateAuthorities: PEM });
    expect(find(objects, 'ConfigMap', 'mlflow-database').data).toEqual({ 'authorities.pem': PEM });
    const { sources } = podOf(objects).volumes[1].projected;
    expect(sources[1]).toEqual({
      configMap: { name: 'mlflow-database', items: [{ key: 'authorities.pem', path: 'authorities.pem' }] },
    });
    const file = find(objects, 'ExternalSecret', 'mlflow-database').spec.target.template.data['pg_service.conf'];
    expect(file).toContain('\nsslmode=verify-full\nsslrootcert=/etc/mlflow-database/authorities.pem\n');
  });
});

describe('the store', () => {
  const stored = (store?: ExternalSecretStore): Rendered[] => managed(store && { store });
  const reference = (objects: readonly Rendered[]): Rendered =>
    find(objects, 'ExternalSecret', 'mlflow-database').spec.secretStoreRef;

  test('is by default one that External Secrets reads as itself, in the region of the secret', () => {
    const objects = stored();
    expect(find(objects, 'SecretStore', 'mlflow-database').spec.provider).toEqual({
      aws: { service: 'SecretsManager', region: 'us-gov-west-1' },
    });
    expect(identities(objects)).not.toContain('ServiceAccount mlflow-database');
    expect(objects).toEqual(stored(ExternalSecretStore.podIdentity()));
  });

  test('can take on a role', () => {
    const { spec } = find(stored(ExternalSecretStore.podIdentity({ roleArn: ROLE })), 'SecretStore', 'mlflow-database');
    expect(spec.provider.aws).toEqual({ service: 'SecretsManager', region: 'us-gov-west-1', role: ROLE });
  });

  test('can be read as a service account of its own', () => {
    const objects = stored(ExternalSecretStore.serviceAccount({ roleArn: ROLE }));
    expect(find(objects, 'SecretStore', 'mlflow-database').spec.provider.aws).toEqual({
      service: 'SecretsManager',
      region: 'us-gov-west-1',
      auth: { jwt: { serviceAccountRef: { name: 'mlflow-database' } } },
    });
    const account = find(objects, 'ServiceAccount', 'mlflow-database');
    expect(account.metadata.annotations).toEqual({ 'eks.amazonaws.com/role-arn': ROLE });
    expect(account.automountServiceAccountToken).toBe(false);
  });

  test.each([
    [ExternalSecretStore.existing('vault'), { kind: 'SecretStore', name: 'vault' }],
    [ExternalSecretStore.existingForCluster('aws'), { kind: 'ClusterSecretStore', name: 'aws' }],
  ])('can be one that exists: %#', (store, expected) => {
    const objects = stored(store);
    expect(reference(objects)).toEqual(expected);
    expect(identities(objects).filter((title) => title.startsWith('SecretStore'))).toEqual([]);
  });

  test('bad names and roles', () => {
    for (const create of [
      () => ExternalSecretStore.podIdentity({ roleArn: 'mlflow' }),
      () => ExternalSecretStore.serviceAccount({ roleArn: '' }),
    ]) {
      expect(problemsOf(create)).toEqual([expect.stringMatching(/^'roleArn' \('.*'\) must be the ARN of a role/)]);
    }
    for (const create of [
      () => ExternalSecretStore.existing('My Store'),
      () => ExternalSecretStore.existingForCluster('My Store'),
    ]) {
      expect(problemsOf(create)).toEqual([expect.stringContaining("'name' ('My Store') must be labels")]);
    }
  });
});

describe('the database of the cloud half', () => {
  const { port, name, secretArn } = DATABASE;
  const values = {
    cluster_name: 'ml',
    mlflow_database_host: DATABASE.host,
    ...{ mlflow_database_port: port, mlflow_database_name: name, mlflow_database_secret_arn: secretArn },
  };
  const json = JSON.stringify(Object.fromEntries(Object.entries(values).map(([key, value]) => [key, { value }])));
  const outputs = PlatformOutputs.fromTerraform(json);

  test('is the same as one whose place and secret are given', () => {
    const options = { certificateAuthorities: PEM, refreshInterval: Duration.minutes(5) };
    expect(synth(MlflowDatabaseConnection.fromOutputs(outputs, options))).toEqual(managed(options));
  });

  test('is left out as long as it is not known, with what is to be done; all else is rendered', () => {
    const objects = synth(MlflowDatabaseConnection.fromOutputs(PlatformOutputs.pending('staging.json')));
    const titles = identities(objects);
    expect(identities(managed()).filter((title) => !titles.includes(title))).toEqual([
      'SecretStore mlflow-database',
      'ExternalSecret mlflow-database',
      'Deployment mlflow',
    ]);
    expect(find(objects, 'Service', 'mlflow').metadata.annotations).toEqual({
      'cdk8s-mlops.dev/pending':
        'MLflow is left out: apply the cloud half, then terraform output -json > staging.json, then synthesize again',
    });
    // No port is opened that is only guessed.
    expect(databaseRule(objects)).toEqual([{ port: 443, protocol: 'TCP' }]);
    expect(find(managed(), 'Service', 'mlflow').metadata).not.toHaveProperty('annotations');
  });

  test('bad options are found already while it is not known', () => {
    const bad = { refreshInterval: Duration.millis(500), certificateAuthorities: 'x' };
    const expected = [
      expect.stringContaining("'refreshInterval'"),
      expect.stringContaining("'certificateAuthorities'"),
    ];
    for (const each of [outputs, PlatformOutputs.pending()]) {
      expect(problemsOf(() => MlflowDatabaseConnection.fromOutputs(each, bad))).toEqual(expected);
    }
  });
});

describe('bad input', () => {
  test('is reported all at once', () => {
    const options = {
      host: 'db.example:5432',
      port: 70000,
      name: '',
      secretArn: 'mlflow',
      refreshInterval: Duration.seconds(0),
      certificateAuthorities: '-----BEGIN RSA PRIVATE KEY-----\nhunter2\n',
    };
    const problems = problemsOf(() => MlflowDatabaseConnection.secretsManager(options));
    expect(problems).toEqual([
      "'host' ('db.example:5432') must be a host without a port",
      "'port' (70000) must be a port, 1 to 65535",
      expect.stringContaining("'name' ('') must be the name of a database"),
      expect.stringContaining("'secretArn' ('mlflow') must be the ARN of a secret"),
      expect.stringContaining("'refreshInterval'"),
      "'certificateAuthorities' must not have a private key in it",
    ]);
    expect(problems.join()).not.toContain('hunter2');
  });

  test.each([
    ['', 'must be certificates as PEM'],
    ['global-bundle.pem', 'must be certificates as PEM'],
    [PEM.repeat(20_000), 'must fit into a ConfigMap'],
  ])('certificates that are none: %#', (certificateAuthorities, problem) => {
    const create = (): unknown => MlflowDatabaseConnection.secretsManager({ ...DATABASE, certificateAuthorities });
    expect(problemsOf(create)).toEqual([expect.stringContaining(problem)]);
  });

  test.each(['db', 'db.acme.example', '10.1.2.3'])('%s is a host', (host) => {
    expect(() => MlflowDatabaseConnection.secretsManager({ ...DATABASE, host })).not.toThrow();
  });

  test.each(['', 'db example', 'db\nhost=evil', 'DB.acme.example', '{{ .password }}'])('%j is no host', (host) => {
    const create = (): unknown => MlflowDatabaseConnection.secretsManager({ ...DATABASE, host });
    expect(problemsOf(create)).toEqual([expect.stringContaining("'host'")]);
  });
});
