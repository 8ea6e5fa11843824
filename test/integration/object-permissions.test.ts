import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Duration } from 'cdk8s';
import {
  DriftAlerting,
  Mlflow,
  MlflowDatabaseConnection,
  ModelSource,
  type ObjectAccess,
  QualityGates,
  RolloutStrategy,
  SecretReference,
  ServedModel,
  ServingRuntime,
  StorageInitializer,
  TrainingPipeline,
  Workspace,
} from 'cdk8s-mlops';
import { archiveObjects, restoreObjects } from '../../apps/common/object-lifecycle';
import { objectsOf } from '../../apps/common/object-store';
import { CACHE } from '../support/cache';
import { newChart, newModel, newPlatform } from '../support/synth';
import { type Call, GateWorld } from './gate-evaluator-world';
import { GuardedStore, rolePolicies } from './guarded-store';
import { type RealServer, startMlflow, startMoto, storeEnvironment } from './real-servers';

/*
 * The commands of the loop with the permissions that the cloud half gives to their accounts, and no others: they must do, and no more may
 * be possible. The loop's own pods do the same in training-loop.test.ts.
 */

const BUCKETS = ['acme-models', 'acme-training', 'acme-predictions', 'acme-mlflow'];
const SERVING = 'churn-serving';
const TRAINING = 'churn-training';
const ROLLOUT = 'churn-rollout';
const CAPTURE = 'churn-capture';
const CHECK = 'churn-drift-check';
const PERFORMANCE = 'churn-performance';

const kept = { ...process.env };
let moto: RealServer;
let guard: GuardedStore;
let world: GateWorld;
/** Whoever may do everything. */
let admin: S3Client;
const clients: S3Client[] = [];

/** What the constructs of a model declare. */
function declared(): readonly ObjectAccess[] {
  const chart = newChart();
  const mlflow = Mlflow.postgres({
    database: MlflowDatabaseConnection.uri(SecretReference.of('mlflow-database', 'uri')),
    artifactsDestination: 's3://acme-mlflow/artifacts',
  });
  const platform = newPlatform(chart, { mlflow, storageInitializer: StorageInitializer.restricted() });
  const model = newModel({ labelDelay: Duration.days(7) });
  const servedModel = new ServedModel(chart, 'serving', {
    ...{ platform, model, runtime: ServingRuntime.sklearn(), rollout: RolloutStrategy.rolling() },
    source: ModelSource.uri('s3://acme-models/churn/v1'),
  });
  new TrainingPipeline(chart, 'training', {
    ...{ platform, model, schedule: '0 2 * * 0', workspace: Workspace.objectStore('s3://acme-training/runs') },
    steps: {
      extract: { image: 'registry.example/churn:1', command: ['extract'] },
      train: { image: 'registry.example/churn:1', command: ['train'] },
    },
    gates: QualityGates.fromObject({ metrics: { accuracy: { minimum: 0.8 } } }),
  });
  new DriftAlerting(chart, 'drift', { servedModel, reportsUri: 's3://acme-predictions/reports' });
  return platform.objectAccess;
}

function client(endpoint: string, accessKeyId: string, secretAccessKey = 'test'): S3Client {
  const made = new S3Client({
    ...{ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } },
    // moto answers with the checksum of the original for a copy of an object that was uploaded in parts.
    ...{ requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' },
  });
  clients.push(made);
  return made;
}

const as = (account: string): S3Client => client(guard.url, account);
const put = (Bucket: string, Key: string, Body: string | Buffer = 'x'): Promise<unknown> =>
  admin.send(new PutObjectCommand({ Bucket, Key, Body }));

async function tagsOf(key: string): Promise<Record<string, string>> {
  const { TagSet = [] } = await admin.send(new GetObjectTaggingCommand({ Bucket: 'acme-models', Key: key }));
  return Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]));
}

beforeAll(async () => {
  moto = await startMoto();
  guard = await GuardedStore.before(moto.url);
  guard.allow(declared());
  world = await GateWorld.start();
  admin = client(moto.url, 'admin');
  for (const Bucket of BUCKETS) await admin.send(new CreateBucketCommand({ Bucket }));
  // The client of this process is made when it is needed first.
  Object.assign(process.env, guard.credentials(ROLLOUT));
}, 180_000);

beforeEach(() => void guard.denials.splice(0));

afterAll(async () => {
  process.env = kept;
  for (const each of clients) each.destroy();
  await world?.stop();
  await guard?.stop();
  await moto?.server.stop();
});

describe('permissions suffice', () => {
  const call = (account: string, ...args: string[]): Promise<Call> => world.done(args, guard.credentials(account));

  test('for a run to register its artifact, large files among them', async () => {
    world.file('gates.yaml', 'metrics: { accuracy: { minimum: 0.8 } }');
    for (const run of ['run-1', 'run-2', 'run-3']) {
      const workspace = `s3://acme-training/runs/${run}`;
      await put('acme-training', `runs/${run}/model/model.bin`, randomBytes(6 << 20));
      await put('acme-training', `runs/${run}/model/config.json`, '{}');
      await put('acme-training', `runs/${run}/evaluation/metrics.json`, '{ "accuracy": 0.9 }');
      const judged = ['--metrics', `${workspace}/evaluation/metrics.json`, '--decisions', `${workspace}/decisions`];
      await call(TRAINING, 'evaluate', '--model', 'churn', '--run', run, '--gates', world.at('gates.yaml'), ...judged);
      const artifact = ['--artifact', `${workspace}/model`, '--store', 's3://acme-models/churn'];
      await call(TRAINING, 'register', '--model', 'churn', '--run', run, ...artifact, ...judged);
    }
    expect(guard.denials).toEqual([]);
    expect([...guard.used.get(TRAINING)!].sort()).toEqual([
      ...['kms:Decrypt', 'kms:GenerateDataKey', 's3:GetObject', 's3:ListBucket', 's3:PutObject'],
    ]);
    const { Contents = [] } = await admin.send(new ListObjectsV2Command({ Bucket: 'acme-models', Prefix: 'churn/' }));
    expect(Contents).toHaveLength(6);
  });

  test('for a roll-out to let artifacts expire, and to keep the one that it goes back to', async () => {
    for (const version of ['1', '2', '3']) {
      await call(ROLLOUT, 'promote', '--model', 'churn', '--version', version, '--to', 'production');
    }
    expect(await tagsOf('churn/run-1/model.bin')).toEqual({ lifecycle: 'archived' });
    await call(ROLLOUT, 'rollback', '--model', 'churn', '--to', '1');
    expect(await tagsOf('churn/run-1/model.bin')).toEqual({});
    expect(guard.denials).toEqual([]);
    expect([...guard.used.get(ROLLOUT)!].sort()).toEqual([
      ...['kms:Decrypt', 'kms:GenerateDataKey', 's3:DeleteObjectTagging', 's3:GetObject', 's3:GetObjectTagging'],
      ...['s3:ListBucket', 's3:PutObject', 's3:PutObjectTagging'],
    ]);
  });

  test('for artifacts that are archived in parts, beside tags of others', async () => {
    await put('acme-models', 'churn/large/model.bin', randomBytes(11 << 20));
    const tag = { TagSet: [{ Key: 'team', Value: 'risk' }] };
    const name = { Bucket: 'acme-models', Key: 'churn/large/model.bin' };
    await admin.send(new PutObjectTaggingCommand({ ...name, Tagging: tag }));
    const objects = await objectsOf('acme-models', 'churn/large');
    await archiveObjects(objects, { whole: 1 << 20, part: 5 << 20 });
    expect(await tagsOf(name.Key)).toEqual({ team: 'risk', lifecycle: 'archived' });
    await restoreObjects(objects);
    expect(await tagsOf(name.Key)).toEqual({ team: 'risk' });
    expect(guard.denials).toEqual([]);
  });

  test('to give up an upload that failed', async () => {
    const name = { Bucket: 'acme-training', Key: 'runs/run-9/model/model.bin' };
    const training = as(TRAINING);
    const { UploadId } = await training.send(new CreateMultipartUploadCommand(name));
    await training.send(new AbortMultipartUploadCommand({ ...name, UploadId }));
    expect(guard.used.get(TRAINING)).toContain('s3:AbortMultipartUpload');
  });

  test('for a server to be given its artifact, as the storage initializer of KServe loads it', async () => {
    const serving = as(SERVING);
    // It lists what begins with the address, and asks for each object before it reads it.
    const { Contents = [] } = await serving.send(
      new ListObjectsV2Command({ Bucket: 'acme-models', Prefix: 'churn/run-1' }),
    );
    expect(Contents.map(({ Key }) => Key)).toEqual(['churn/run-1/config.json', 'churn/run-1/model.bin']);
    for (const { Key } of Contents) {
      await serving.send(new HeadObjectCommand({ Bucket: 'acme-models', Key }));
      await serving.send(new GetObjectCommand({ Bucket: 'acme-models', Key }));
    }
    expect(guard.denials).toEqual([]);
  });

  test('for MLflow to keep artifacts, large ones among them, and to delete them', async () => {
    const args = ['--artifacts-destination', 's3://acme-mlflow/artifacts'];
    const env = { ...guard.credentials('mlflow'), MLFLOW_S3_ENDPOINT_URL: guard.url, PYTHONPATH: boto() };
    const { server, url } = await startMlflow(world.at('own-mlflow'), { args, env });
    try {
      const artifacts = `${url}/api/2.0/mlflow-artifacts/artifacts`;
      const ask = async (path: string, init?: RequestInit): Promise<unknown> => {
        const response = await fetch(`${artifacts}${path}`, init);
        const text = await response.text();
        expect([path, response.status, response.ok ? '' : text]).toEqual([path, 200, '']);
        return text;
      };
      const large = randomBytes(20 << 20);
      await ask('/0/run/artifacts/model.bin', { method: 'PUT', body: large });
      await ask('/0/run/artifacts/model.bin');
      const listed = JSON.parse((await ask('?path=0/run/artifacts')) as string) as { files: { path: string }[] };
      expect(listed.files.map(({ path }) => path)).toEqual(['model.bin']);
      await ask('/0/run/artifacts/model.bin', { method: 'DELETE' });
      await ask('?path=0/run/artifacts');
    } finally {
      await server.stop();
    }
    expect(guard.denials).toEqual([]);
    expect([...guard.used.get('mlflow')!].sort()).toEqual([
      ...['kms:Decrypt', 'kms:GenerateDataKey', 's3:DeleteObject', 's3:GetObject', 's3:ListBucket', 's3:PutObject'],
    ]);
  });

  test('to be told that something is not there, where one may look', async () => {
    const missing = new GetObjectCommand({ Bucket: 'acme-models', Key: 'churn/none/model.bin' });
    await expect(as(SERVING).send(missing)).rejects.toMatchObject({ name: 'NoSuchKey' });
    // The capture only puts: it is not told.
    const event = new GetObjectCommand({ Bucket: 'acme-predictions', Key: 'churn/_events/none' });
    await expect(as(CAPTURE).send(event)).rejects.toMatchObject({ name: 'AccessDenied' });
  });
});

describe('permissions are no wider', () => {
  const MODELS = 'acme-models';
  const LOG = 'acme-predictions';
  const RUNS = 'acme-training';
  type Ask = (client: S3Client) => Promise<unknown>;
  const get =
    (Bucket: string, Key: string): Ask =>
    (from) =>
      from.send(new GetObjectCommand({ Bucket, Key }));
  const write =
    (Bucket: string, Key: string): Ask =>
    (from) =>
      from.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
  const list =
    (Bucket: string, Prefix?: string): Ask =>
    (from) =>
      from.send(new ListObjectsV2Command({ Bucket, Prefix }));
  const remove =
    (Bucket: string, Key: string): Ask =>
    (from) =>
      from.send(new DeleteObjectCommand({ Bucket, Key }));
  const several =
    (Bucket: string, Key: string): Ask =>
    (from) =>
      from.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }));
  const tag =
    (Bucket: string, Key: string): Ask =>
    (from) =>
      from.send(
        new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet: [{ Key: 'lifecycle', Value: 'archived' }] } }),
      );

  test.each<readonly [account: string, action: string, what: string, ask: Ask]>([
    [SERVING, 's3:GetObject', 'the artifact of a model whose name begins alike', get(MODELS, 'churn-two/v1/model.bin')],
    [SERVING, 's3:ListBucket', 'the artifacts of that model', list(MODELS, 'churn-two')],
    [SERVING, 's3:ListBucket', 'the names of all models', list(MODELS, '')],
    [SERVING, 's3:ListBucket', 'the whole bucket, without a prefix', list(MODELS)],
    [SERVING, 's3:PutObject', 'its own artifact', write(MODELS, 'churn/run-1/model.bin')],
    [SERVING, 's3:PutObjectTagging', 'its own artifact', tag(MODELS, 'churn/run-1/model.bin')],
    [SERVING, 's3:GetObject', 'the prediction log', get(LOG, 'churn/_events/dt=2026-11-20/a')],
    [TRAINING, 's3:DeleteObject', 'a registered artifact', remove(MODELS, 'churn/run-1/model.bin')],
    [TRAINING, 's3:DeleteObject', 'registered artifacts, many at once', several(MODELS, 'churn/run-1/model.bin')],
    [TRAINING, 's3:PutObjectTagging', 'a registered artifact', tag(MODELS, 'churn/run-1/model.bin')],
    [TRAINING, 's3:PutObject', 'the artifact of another model', write(MODELS, 'churn-two/run-1/model.bin')],
    [TRAINING, 's3:GetObject', 'another workspace', get(RUNS, 'runs-of-others/x')],
    [TRAINING, 's3:GetObject', 'the prediction log', get(LOG, 'churn/dt=2026-11-20/part')],
    [ROLLOUT, 's3:DeleteObject', 'a registered artifact', remove(MODELS, 'churn/run-1/model.bin')],
    [ROLLOUT, 's3:PutObjectTagging', 'the artifact of another model', tag(MODELS, 'churn-two/run-1/model.bin')],
    [CAPTURE, 's3:PutObject', 'rows of the log', write(LOG, 'churn/dt=2026-11-20/part')],
    [CAPTURE, 's3:ListBucket', 'events', list(LOG, 'churn/_events')],
    [CAPTURE, 's3:DeleteObject', 'events', remove(LOG, 'churn/_events/a')],
    [CHECK, 's3:GetObject', 'an artifact', get(MODELS, 'churn/run-1/model.bin')],
    [CHECK, 's3:GetObject', 'its own reports', get(LOG, 'reports/churn/x/report.json')],
    [CHECK, 's3:PutObject', 'reports of another model', write(LOG, 'reports/churn-two/report.json')],
    [PERFORMANCE, 's3:PutObject', 'a report', write(LOG, 'reports/churn/report.json')],
    ['churn-training-admit', 's3:GetObject', 'anything, without a role', get(RUNS, 'runs/run-1/x')],
  ])('%s is denied %s of %s', async (account, action, _, ask) => {
    await expect(ask(as(account))).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(guard.denials).toEqual([expect.objectContaining({ account, action })]);
  });

  test('and what a check may do on its log is not denied to it', async () => {
    const check = as(CHECK);
    const Key = 'churn/dt=2026-11-20/part';
    for (const ask of [write(LOG, Key), get(LOG, Key), list(LOG, 'churn'), several(LOG, Key), remove(LOG, Key)]) {
      await ask(check);
    }
    await write(LOG, 'reports/churn/report.json')(check);
    await write(LOG, 'churn/_events/dt=2026-11-20/a')(as(CAPTURE));
    expect(guard.denials).toEqual([]);
  });

  test('a command that is denied says what it could not do', async () => {
    const args = ['evaluate', '--model', 'churn', '--run', 'run-1', '--gates', world.at('gates.yaml')];
    const { code, errors } = await world.run(
      [...args, '--metrics', 's3://acme-training/runs-of-others/metrics.json'],
      guard.credentials(TRAINING),
    );
    expect(code).toBe(2);
    expect(errors[0]).toContain("cannot read s3://acme-training/runs-of-others/metrics.json: access denied: the pod's");
  });
});

describe("moto's own IAM, which knows actions and resources but no condition,", () => {
  let own: RealServer;

  /** Asks its IAM, which does not look at the signature yet. */
  async function iam(Action: string, more: Readonly<Record<string, string>>): Promise<string> {
    const scope = 'Credential=admin/20261120/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0';
    const headers = { authorization: `AWS4-HMAC-SHA256 ${scope}`, 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ Action, Version: '2010-05-08', UserName: 'training', ...more }).toString();
    const response = await fetch(own.url, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(`${Action}: ${response.status} ${await response.text()}`);
    return response.text();
  }

  test('says the same of a training: what it does is allowed, and what it does not is denied', async () => {
    own = await startMoto();
    try {
      const open = client(own.url, 'admin');
      for (const Bucket of BUCKETS) await open.send(new CreateBucketCommand({ Bucket }));
      const metrics = (Key: string): Promise<unknown> =>
        open.send(new PutObjectCommand({ Bucket: 'acme-training', Key, Body: '{ "accuracy": 0.9 }' }));
      await metrics('runs/run-7/metrics.json');
      await metrics('runs-of-others/metrics.json');
      await iam('CreateUser', {});
      const PolicyDocument = withoutConditions(rolePolicies(declared())[TRAINING]!);
      await iam('PutUserPolicy', { PolicyName: 'access', PolicyDocument });
      const key = await iam('CreateAccessKey', {});
      const [, id = ''] = /<AccessKeyId>(.+?)<\/AccessKeyId>/.exec(key)!;
      const [, secret = ''] = /<SecretAccessKey>(.+?)<\/SecretAccessKey>/.exec(key)!;
      // From now on, it looks at signatures and policies.
      expect((await fetch(`${own.url}/moto-api/reset-auth`, { method: 'POST', body: '0' })).status).toBe(200);

      const env = { ...storeEnvironment(own.url), AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret };
      const evaluate = (folder: string, decisions: string): Promise<Call> =>
        world.run(
          [
            ...['evaluate', '--model', 'churn', '--run', 'run-7', '--gates', world.at('gates.yaml')],
            ...['--metrics', `s3://acme-training/${folder}/metrics.json`, '--decisions', `s3://${decisions}`],
          ],
          env,
        );
      const allowed = await evaluate('runs/run-7', 'acme-training/runs/run-7/decisions');
      expect([allowed.code, allowed.errors]).toEqual([0, []]);
      const read = await evaluate('runs-of-others', 'acme-training/runs/run-7/decisions');
      expect([read.code, read.errors[0]]).toEqual([2, expect.stringMatching(/^cannot read .*: access denied/)]);
      const written = await evaluate('runs/run-7', 'acme-predictions/decisions');
      expect([written.code, written.errors[0]]).toEqual([2, expect.stringMatching(/^cannot write .*: access denied/)]);
    } finally {
      await own.server.stop();
    }
  });
});

/** A folder with the S3 client of moto, which MLflow takes, and has not where it is tested. */
function boto(): string {
  const python = join(CACHE, 'moto-5.2.5/lib');
  const packages = join(python, readdirSync(python)[0]!, 'site-packages');
  const folder = world.at('boto');
  mkdirSync(folder);
  for (const name of ['boto3', 'botocore', 's3transfer', 'jmespath'])
    symlinkSync(join(packages, name), join(folder, name));
  return folder;
}

/** moto denies what has a condition, whatever it is. */
function withoutConditions(policy: string): string {
  const document = JSON.parse(policy) as { Statement: { Condition?: unknown }[] };
  return JSON.stringify({
    ...document,
    Statement: document.Statement.map((each) => ({ ...each, Condition: undefined })),
  });
}
