import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './server';

/** Name of the first user, who may do everything: a name that SQL needs no quotes for. */
const USER = 'mlops';

/** A real PostgreSQL, from Debian's package, that takes only TLS connections with a password. */
export class Postgres {
  /** Starts an empty server. */
  public static async start(password: string): Promise<Postgres> {
    const directory = mkdtempSync(join(tmpdir(), 'postgres-'));
    if (isRoot()) chownSync(directory, ...systemUser());
    chmodSync(directory, 0o711);
    const server = new Postgres(directory, await freePort());
    server.run('initdb', '--pgdata', server.data, '--username', USER, '--auth', 'trust', '--no-sync');
    writeFileSync(join(server.data, 'pg_hba.conf'), 'local all all trust\nhostssl all all all scram-sha-256\n');
    server.makeCertificate();
    const settings = {
      ...{ listen_addresses: '127.0.0.1', port: server.port, unix_socket_directories: directory },
      ...{ ssl: 'on', ssl_cert_file: `${directory}/server.pem`, ssl_key_file: `${directory}/server.key` },
      ...{ fsync: 'off', max_connections: 50 },
    };
    const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
    const log = join(directory, 'log');
    server.run('pg_ctl', 'start', '--pgdata', server.data, '--wait', '--log', log, '--options', options.join(' '));
    server.setPassword(password);
    return server;
  }

  /** The certificate of the authority that the server's is signed by. */
  public readonly authority: string;
  private readonly data: string;

  private constructor(
    private readonly directory: string,
    /** Port on the loopback address. */
    public readonly port: number,
  ) {
    this.data = join(directory, 'data');
    this.authority = join(directory, 'authority.pem');
  }

  /** Runs statements, past all passwords, and returns what they print. */
  public sql(statement: string, database = 'postgres'): string {
    const connection = `host=${this.directory} port=${this.port} user=${USER} dbname=${database}`;
    const args = ['--no-psqlrc', '--tuples-only', '--no-align', '--quiet', '--set', 'ON_ERROR_STOP=1', connection];
    return execFileSync('psql', args, { input: statement, encoding: 'utf8' }).trim();
  }

  /** What a rotation does: connections that are open stay so. */
  public setPassword(password: string): void {
    this.sql(`ALTER ROLE ${USER} PASSWORD '${password.replaceAll("'", "''")}'`);
  }

  /** What the secret holds, as RDS writes it. */
  public secret(password: string): { readonly username: string; readonly password: string } {
    return { username: USER, password };
  }

  /** Ends all connections to a database, as a failover does. */
  public endConnections(database: string): void {
    this.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`);
  }

  /** Ends the server and deletes its data. */
  public stop(): void {
    this.run('pg_ctl', 'stop', '--pgdata', this.data, '--mode', 'immediate', '--wait');
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** One for `localhost`, signed by an authority of its own. */
  private makeCertificate(): void {
    const file = (name: string): string => join(this.directory, name);
    const openssl = (...args: string[]): unknown => execFileSync('openssl', args, { stdio: 'pipe' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const authority = [
      '-subj',
      '/CN=authority',
      '-days',
      '2',
      '-keyout',
      file('authority.key'),
      '-out',
      this.authority,
    ];
    openssl('req', '-x509', ...key, ...authority);
    openssl('req', ...key, '-subj', '/CN=localhost', '-keyout', file('server.key'), '-out', file('server.csr'));
    writeFileSync(file('extensions'), 'subjectAltName=DNS:localhost\n');
    const signer = ['-CA', this.authority, '-CAkey', file('authority.key'), '-CAcreateserial', '-days', '2'];
    const request = ['-in', file('server.csr'), '-extfile', file('extensions'), '-out', file('server.pem')];
    openssl('x509', '-req', ...signer, ...request);
    chmodSync(file('server.key'), 0o600);
    if (isRoot()) for (const name of ['server.key', 'server.pem']) chownSync(file(name), ...systemUser());
  }

  /** Runs one of the server's programs, which refuse to run as root. */
  private run(program: string, ...args: string[]): void {
    const command = [join(binaries(), program), ...args];
    const [first = '', ...rest] = isRoot() ? ['runuser', '-u', 'postgres', '--', ...command] : command;
    execFileSync(first, rest, { stdio: 'ignore', cwd: this.directory });
  }
}

function isRoot(): boolean {
  return userInfo().uid === 0;
}

/** User and group that Debian's package makes. */
function systemUser(): [number, number] {
  const id = (option: string): number => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
  return [id('-u'), id('-g')];
}

/** Debian keeps the programs of every version apart, and not in the path. */
function binaries(): string {
  const root = '/usr/lib/postgresql';
  const version = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a))[0] : undefined;
  if (version === undefined) throw new Error('PostgreSQL is not there: run test/integration/setup.sh first');
  return join(root, version, 'bin');
}
