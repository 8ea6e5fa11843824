import { spawnSync } from 'node:child_process';
import { ExternalSecretStore, type ManagedConnectionOptions, Mlflow, MlflowDatabaseConnection } from 'cdk8s-mlops';
import { newChart, newPlatform, rendered, type Rendered } from '../support/synth';
import { ApiServer } from './api-server';
import { binary, judge, JUDGES } from './judges';
import { schemasDirectory } from './schemas';

/*
 * What the platform renders for a database whose password External Secrets brings: before the API server with the real CRDs, and its
 * template before Go's own engine.
 */

const ROLE = 'arn:aws:iam::123456789012:role/mlflow-database';
const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

function objects(options: ManagedConnectionOptions = {}): Rendered[] {
  const chart = newChart();
  const database = MlflowDatabaseConnection.secretsManager({
    ...{ host: 'db.acme.example', name: 'mlflow', ...options },
    secretArn: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1a2b-Xy7Zab',
  });
  newPlatform(chart, { mlflow: Mlflow.postgres({ database, artifactsDestination: 's3://acme/mlflow' }) });
  return rendered(chart);
}

/** The file that External Secrets makes of a secret, or why it makes none. */
function serviceFile(secret: object, options: ManagedConnectionOptions = {}): { lines: string[]; problem: string } {
  const input = JSON.stringify(objects(options));
  const args = ['-secret', JSON.stringify(secret)];
  const { stdout, stderr } = spawnSync(binary('external-secrets'), args, { input, encoding: 'utf8' });
  const data = stdout === '' ? {} : (JSON.parse(stdout) as Record<string, string>);
  return { lines: data['pg_service.conf']?.split('\n') ?? [], problem: stderr };
}

describe('in the cluster', () => {
  let server: ApiServer;
  beforeAll(async () => (server = await ApiServer.start(schemasDirectory())), 120_000);
  afterAll(() => server?.stop());

  test.each<[string, ManagedConnectionOptions]>([
    ['read by External Secrets as itself', {}],
    ['with a role', { store: ExternalSecretStore.podIdentity({ roleArn: ROLE }) }],
    ['as a service account', { store: ExternalSecretStore.serviceAccount({ roleArn: ROLE }) }],
    ['from a store of the namespace', { store: ExternalSecretStore.existing('aws') }],
    [
      'from a store of the cluster, with certificates',
      {
        ...{ store: ExternalSecretStore.existingForCluster('aws'), certificateAuthorities: PEM },
      },
    ],
  ])('%s: every judge and the API server take it', async (_, options) => {
    const all = objects(options);
    const verdicts = JUDGES.flatMap((name) => judge(name, all));
    expect(verdicts.filter(({ problems }) => problems.length > 0)).toEqual([]);
    expect(verdicts.map(({ judge: name, object }) => `${name}: ${object}`)).toContain(
      'external-secrets: ExternalSecret ml/mlflow-database',
    );
    const known = all.filter((object) => /^(External|Secret)/.test(object.kind) && server.knows(object));
    expect(known.length).toBe(all.some(({ kind }) => kind === 'SecretStore') ? 2 : 1);
    for (const object of known) {
      const { status, body } = await server.apply(object, { fieldManager: 'kubectl' });
      await server.delete(object);
      expect([status, body.message]).toEqual([201, undefined]);
      // What the server fills in by itself shows as a difference for ever, in tools that compare. For a store that is
      // `sessionTagsPolicy`, which older versions do not have.
      if (object.kind === 'ExternalSecret') expect(body.spec).toEqual(object.spec);
      else expect(body.spec).toMatchObject(object.spec);
    }
  });
});

describe('the file', () => {
  const secret = { username: 'postgres', password: 'simple' };

  test('has user and password of the secret', () => {
    expect(serviceFile(secret)).toEqual({
      problem: '',
      lines: [
        ...['[mlflow]', 'host=db.acme.example', 'port=5432', 'dbname=mlflow', 'user=postgres', 'password=simple'],
        ...['sslmode=require', 'connect_timeout=10', ''],
      ],
    });
    expect(serviceFile(secret, { certificateAuthorities: PEM }).lines.slice(6, 8)).toEqual([
      'sslmode=verify-full',
      'sslrootcert=/etc/mlflow-database/authorities.pem',
    ]);
  });

  test.each([
    ['what RDS allows in a password', "!#$%&'()*+,-.0:;<=>?A[\\]^_`a{|}~"],
    ['a template', '{{ .username }}'],
    ['a comment', '#x'],
    ['spaces within', ' a b'],
    ['letters beyond ASCII', 'pässwörd'],
  ])('has %s as it is', (_, password) => {
    expect(serviceFile({ ...secret, password }).lines).toContain(`password=${password}`);
  });

  test.each([
    ['a line break', 'x\nhost=evil.example'],
    ['a carriage return', 'x\r'],
    ['a tab', 'a\tb'],
    ['a space at the end', 'x '],
    ['nothing', ''],
  ])('is not made of a password with %s', (_, password) => {
    const { lines, problem } = serviceFile({ ...secret, password });
    expect(lines).toEqual([]);
    expect(problem).toContain('the password is empty, has a control character or ends with white space');
  });

  test('is not made of such a user, either', () => {
    expect(serviceFile({ ...secret, username: 'x\ny' }).problem).toContain('the username is empty, has a control');
  });

  test.each(['username', 'password'])('is not made of a secret without %s', (key) => {
    expect(serviceFile({ ...secret, [key]: undefined }).problem).toContain(`map has no entry for key "${key}"`);
  });
});

test('the judge finds a template that does not run', () => {
  const all = objects();
  const object = all.find(({ kind }) => kind === 'ExternalSecret');
  object.spec.target.template.data['pg_service.conf'] = 'password={{ .passwort }}';
  const [verdict] = judge('external-secrets', all);
  expect(verdict?.problems.join()).toContain('map has no entry for key "passwort"');
});
