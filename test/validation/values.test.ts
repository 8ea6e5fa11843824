import { cronProblem, timeZoneProblem } from '../../lib/validation/cron';
import { imageProblem } from '../../lib/validation/image';
import {
  dnsLabelProblem,
  dnsSubdomainProblem,
  environmentNameProblem,
  labelKeyProblem,
  labelValueProblem,
} from '../../lib/validation/names';
import { bytesProblem, cpuProblem, quantityValue } from '../../lib/validation/quantity';
import { secretLiteralProblem } from '../../lib/validation/secrets';
import { cidrProblem, httpUrlProblem, objectStoreUriProblem, portProblem } from '../../lib/validation/uri';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('cron schedules', () => {
  test.each([
    '0 2 * * 0',
    '*/15 * * * *',
    '0 0 1,15 * *',
    '5-50/5 1-3 * JAN-MAR mon,FRI',
    '0 0 29 2 *',
    '0 0 31 2 1',
    '0 0 30 2 */2',
    '10/20 * ? * ?',
    '@weekly',
  ])('%s is accepted', (schedule) => expect(cronProblem(schedule)).toBeUndefined());

  test.each([
    ['', /five fields .* got 0/],
    ['0 2 * *', /five fields .* got 4/],
    ['0 0 2 * * 0', /five fields .* got 6/],
    ['60 2 * * 0', /'60' as minute, .* within 0 to 59/],
    ['0 24 * * *', /'24' as hour, .* within 0 to 23/],
    ['0 0 0 * *', /'0' as day of month, .* within 1 to 31/],
    ['0 0 * 13 *', /'13' as month, .* within 1 to 12/],
    ['0 0 * * 7', /'7' as day of week, .* within 0 to 6/],
    ['0 0 * * sunday', /'sunday' as day of week/],
    ['*/0 * * * *', /at most one step/],
    ['1/2/3 * * * *', /at most one step/],
    ['50-10 * * * *', /a range that rises/],
    ['1-2-3 * * * *', /within 0 to 59/],
    ['0 0 31 2 *', /never fires/],
    ['0 0 31 4,6,9,11 *', /never fires/],
    ['@fortnightly', /one of @yearly/],
    ['@every 1h', /one of @yearly/],
    ['TZ=Europe/Berlin 0 2 * * 0', /set 'timeZone'/],
    ['CRON_TZ=Europe/Berlin 0 2 * * 0', /set 'timeZone'/],
  ])('%j is refused', (schedule, reason) => expect(cronProblem(schedule)).toMatch(reason));
});

describe('time zones', () => {
  test.each(['Etc/UTC', 'UTC', 'GMT', 'Europe/Berlin', 'America/Argentina/Ushuaia'])('%s is accepted', (zone) =>
    expect(timeZoneProblem(zone)).toBeUndefined(),
  );
  test.each(['', 'Local', 'CET', 'Europe/Bielefeld', 'utc+2'])('%j is refused', (zone) =>
    expect(timeZoneProblem(zone)).toMatch(/IANA time zone/),
  );
});

test('a time zone is written as it stands in the database', () => {
  expect(timeZoneProblem('europe/berlin')).toBe("must be written 'Europe/Berlin'");
});

test('all fields of a schedule are reported at once', () => {
  const problem = cronProblem('61 25 * * *');
  expect(problem).toContain("'61' as minute");
  expect(problem).toContain("'25' as hour");
});

describe('quantities', () => {
  test.each([
    ['500m', 0.5],
    ['2', 2],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1Ki', 1024],
    ['10Gi', 10 * 2 ** 30],
    ['1k', 1000],
    ['2e3', 2000],
    ['0', 0],
  ])('%s is %d', (quantity, value) => expect(quantityValue(quantity)).toBe(value));

  test.each(['', 'abc', '1 Gi', '1GiB', '-1', '1gi', '1.2.3'])('%j is none', (quantity) =>
    expect(quantityValue(quantity)).toBeUndefined(),
  );

  test('a CPU quantity is more than 0', () => {
    expect(cpuProblem('250m')).toBeUndefined();
    expect(cpuProblem('0')).toBe('must be more than 0');
    expect(cpuProblem('two')).toMatch(/CPU quantity/);
    expect(cpuProblem('4Gi')).toMatch(/CPU quantity/);
  });

  test('bytes are more than 0 and not in thousandths', () => {
    expect(bytesProblem('512Mi')).toBeUndefined();
    expect(bytesProblem('0')).toBe('must be more than 0');
    expect(bytesProblem('16')).toBe("is 16 bytes: did you mean '16Gi'?");
    expect(bytesProblem('512MB')).toMatch(/quantity of bytes/);
    expect(bytesProblem('512m')).toBe("is in thousandths of a byte: did you mean '512Mi'?");
  });
});

describe('images', () => {
  test.each([
    'train:1.4.2',
    'registry.example/team/train:1.4.2',
    'localhost:5000/train:1',
    `registry.example/train@${DIGEST}`,
    `registry.example:443/a/b/c__d-e.f:1@${DIGEST}`,
  ])('%s is pinned', (image) => expect(imageProblem(image)).toBeUndefined());

  test.each([
    ['train', /pinned by a tag or digest/],
    ['localhost:5000/train', /pinned by a tag or digest/],
    ['train:latest', /moving tag 'latest'/],
    ['train:main', /moving tag 'main'/],
    ['', /image reference/],
    ['Train:1', /image reference/],
    ['train:1 ', /image reference/],
    ['https://registry.example/train:1', /image reference/],
    ['train@sha256:abc', /image reference/],
  ])('%j is refused', (image, reason) => expect(imageProblem(image)).toMatch(reason));

  test('a moving tag is taken when it is allowed, a broken reference never', () => {
    expect(imageProblem('train:latest', true)).toBeUndefined();
    expect(imageProblem('train', true)).toBeUndefined();
    expect(imageProblem('Train:1', true)).toMatch(/image reference/);
  });
});

describe('names', () => {
  test('DNS labels', () => {
    expect(dnsLabelProblem('ml-1')).toBeUndefined();
    for (const name of ['', '-ml', 'ml-', 'ML', 'm_l', 'm.l']) expect(dnsLabelProblem(name)).toMatch(/lower-case/);
    expect(dnsLabelProblem('a'.repeat(64))).toBe('must have at most 63 characters, has 64');
  });

  test('DNS subdomains', () => {
    expect(dnsSubdomainProblem('a.b-c.d')).toBeUndefined();
    for (const name of ['', 'a..b', '.a', 'A']) expect(dnsSubdomainProblem(name)).toMatch(/separated by dots/);
    expect(dnsSubdomainProblem('a'.repeat(254))).toMatch(/253/);
  });

  test('labels', () => {
    expect(labelKeyProblem('team')).toBeUndefined();
    expect(labelKeyProblem('acme.example/team')).toBeUndefined();
    for (const key of ['', '/team', 'a/b/c', 'ACME.example/team', '-x'])
      expect(labelKeyProblem(key)).toMatch(/label key/);
    expect(labelValueProblem('')).toBeUndefined();
    expect(labelValueProblem('v1.2_3')).toBeUndefined();
    for (const value of ['a b', 'x/y', 'a'.repeat(64)]) expect(labelValueProblem(value)).toMatch(/label value/);
  });

  test('environment variables', () => {
    expect(environmentNameProblem('_A1')).toBeUndefined();
    for (const name of ['', '1A', 'A-B', 'A B']) expect(environmentNameProblem(name)).toMatch(/digits and underscores/);
  });
});

describe('addresses', () => {
  test('folders in an object store', () => {
    expect(objectStoreUriProblem('s3://acme-models')).toBeUndefined();
    expect(objectStoreUriProblem('gs://acme/models/x')).toBeUndefined();
    expect(objectStoreUriProblem('abfss://runs@account.dfs.core.windows.net/x')).toBeUndefined();
    expect(objectStoreUriProblem('s3://acme/')).toBe('must not end with a slash');
    expect(objectStoreUriProblem('/models')).toMatch(/folder in an object store/);
    expect(objectStoreUriProblem('https://acme/models')).toMatch(/one of the schemes s3/);
    expect(objectStoreUriProblem('s3://key:secret@acme/models')).toMatch(/must not carry credentials/);
  });

  test('HTTP services', () => {
    expect(httpUrlProblem('http://mlflow.ml.svc:5000')).toBeUndefined();
    expect(httpUrlProblem('https://mlflow.example/base')).toBeUndefined();
    expect(httpUrlProblem('mlflow:5000')).toMatch(/http or https/);
    expect(httpUrlProblem('mlflow')).toMatch(/must be a URL/);
    expect(httpUrlProblem('http://a:b@mlflow')).toMatch(/must not carry credentials/);
    expect(httpUrlProblem('http://mlflow?x=1')).toMatch(/without query/);
    expect(httpUrlProblem('http://mlflow/')).toBe('must not end with a slash');
  });

  test('ports', () => {
    expect(portProblem(1)).toBeUndefined();
    expect(portProblem(65535)).toBeUndefined();
    for (const port of [0, 65536, 1.5, NaN]) expect(portProblem(port)).toMatch(/1 to 65535/);
  });

  test('ranges of addresses', () => {
    for (const cidr of ['10.0.0.0/8', '0.0.0.0/0', '1.2.3.4/32', '::/0', 'fd00:ec2::23/128']) {
      expect(cidrProblem(cidr)).toBeUndefined();
    }
    for (const cidr of [
      '10.0.0.0',
      '10.0.0.0/33',
      '10.0.0/8',
      '10.0.0.256/8',
      'fd00::/129',
      'x/8',
      '',
      '1.2.3.4/8/8',
    ]) {
      expect(cidrProblem(cidr)).toMatch(/range of addresses/);
    }
  });
});

describe('secrets in plain text', () => {
  test.each([
    ['DATABASE_URL', 'postgresql://user:hunter2@db/x', /a URL with a password/],
    ['ANYTHING', 'AKIAIOSFODNN7EXAMPLE', /an AWS access key/],
    ['KEY_FILE', '-----BEGIN RSA PRIVATE KEY-----', /a private key/],
    ['GIT', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789', /an access token/],
    ['WANDB_API_KEY', 'abc', /has the name of a secret/],
    ['db_password', 'abc', /has the name of a secret/],
  ])('%s is refused', (name, value, reason) => {
    const problem = secretLiteralProblem(name, value);
    expect(problem).toMatch(reason);
    expect(problem).not.toContain(value);
  });

  test.each([
    ['EPOCHS', '20'],
    ['TOKENIZER', 'bert'],
    ['DATABASE_URL', 'postgresql://db:5432/x'],
    ['MAX_TOKENS', '512'],
    ['API_KEY', ''],
    ['GOOGLE_APPLICATION_CREDENTIALS', '/etc/gcp/config.json'],
    ['PAD_TOKEN', '[PAD]'],
  ])('%s is none', (name, value) => expect(secretLiteralProblem(name, value)).toBeUndefined());
});
