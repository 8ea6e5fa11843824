import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { MlModelPlatform, MlopsApp, type ObjectAccess } from 'cdk8s-mlops';
import { LABELS } from 'cdk8s-mlops/contract';
import { environments } from '../../examples/fraud-detection/config';
import { fraudDetection } from '../../examples/fraud-detection/fraud-detection';
import { bundleApp } from '../support/bundle';
import { type ApiReply, type ApiRequest, KubernetesFront, notFound } from '../support/kubernetes-front';
import { find, type Rendered } from '../support/synth';
import { GuardedStore } from './guarded-store';
import { type PodResult, runPod } from './pod';
import { startMlflow, startMoto } from './real-servers';
import { freePort, Server, untilReady } from './server';

const APPS = ['drift-checker', 'gate-evaluator'] as const;
const [config] = environments;

/**
 * The flagship example with the real object store, tracking server and Pushgateway where its manifests say that they are, and its pods
 * run as they were rendered, with the permissions that the cloud half gives to their accounts. Only the API server's answers are the test's; test/upstream asks the real one.
 */
export class FlagshipWorld {
  /** An address of this machine that nothing else listens on, so that the rendered ports can be taken. */
  public readonly host = '127.77.0.1';
  public readonly mlflow = `http://${this.host}:5000`;
  public readonly pushgateway = `http://${this.host}:9091`;
  public readonly directory = mkdtempSync(join(tmpdir(), 'flagship-'));
  public readonly objects: Rendered[];
  /** What its pods do with objects, as it is declared. */
  public readonly access: readonly ObjectAccess[];
  /** Workflows of the namespace, by name; a test may give them a status. */
  public readonly workflows = new Map<string, Rendered>();

  private readonly servers: Server[] = [];
  private front: KubernetesFront | undefined;
  private s3: S3Client | undefined;
  private guarded: GuardedStore | undefined;

  constructor() {
    const app = new MlopsApp({ outdir: join(this.directory, 'manifests') });
    fraudDetection(app, config!);
    this.objects = app.charts.flatMap((chart) => chart.toJson());
    this.access = app.node.findAll().find((each) => each instanceof MlModelPlatform)!.objectAccess;
  }

  /** Starts all servers, and bundles both programs. */
  public async start(): Promise<void> {
    for (const app of APPS) bundleApp(app, join(this.directory, app));
    const moto = await startMoto(this.host);
    this.guarded = await GuardedStore.before(moto.url, this.host);
    this.guarded.allow(this.access);
    const rendered = find(this.objects, 'Deployment', 'mlflow').spec.template.spec.containers[0].command as string[];
    const allowed = rendered[rendered.indexOf('--allowed-hosts') + 1]!;
    const args = ['--allowed-hosts', `${allowed},${this.host}:5000`];
    const mlflow = await startMlflow(join(this.directory, 'mlflow'), { host: this.host, port: 5000, args });
    const listen = [`--web.listen-address=${this.host}:9091`, `--persistence.file=${join(this.directory, 'pushed')}`];
    const gateway = await Server.start('prometheus-pushgateway', listen, {}, `${this.pushgateway}/-/ready`);
    this.servers.push(moto.server, mlflow.server, gateway);
    this.front = await KubernetesFront.start((request) => Promise.resolve(this.answer(request)), this.host);
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    this.s3 = new S3Client({ endpoint: moto.url, region: config!.region, credentials, forcePathStyle: true });
    const where = { LocationConstraint: 'eu-central-1' } as const;
    for (const Bucket of Object.values(config!.buckets))
      await this.s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: where }));
  }

  public async stop(): Promise<void> {
    this.s3?.destroy();
    await this.front?.stop();
    await this.guarded?.stop();
    for (const server of this.servers) await server.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Puts the result of a query, or a text, into a bucket. */
  public async upload(Bucket: string, Key: string, content: { readonly query: string } | string): Promise<void> {
    const Body = typeof content === 'string' ? content : await this.parquet(content.query);
    await this.s3!.send(new PutObjectCommand({ Bucket, Key, Body }));
  }

  public async read(Bucket: string, Key: string): Promise<string> {
    const { Body } = await this.s3!.send(new GetObjectCommand({ Bucket, Key }));
    return Body!.transformToString();
  }

  /** The object store's client. */
  public get store(): S3Client {
    return this.s3!;
  }

  /** What stands before the object store, and knows who asked for what. */
  public get guard(): GuardedStore {
    return this.guarded!;
  }

  /** Runs a container of a training's template in a run. */
  public trainingStep(
    name: string,
    { run, reason, status = '' }: { readonly run: string; readonly reason: string; readonly status?: string },
    objects = this.objects,
  ): Promise<PodResult> {
    const { templates, serviceAccountName } = find(objects, 'WorkflowTemplate', 'fraud-detector-training').spec;
    const text = JSON.stringify(templates.find((template: Rendered) => template.name === name));
    const expanded = text
      .replaceAll('{{workflow.name}}', run)
      .replaceAll('{{workflow.status}}', status)
      .replaceAll(/\{\{workflow\.parameters\.reason\}\}/g, reason);
    const template = JSON.parse(expanded);
    return this.pod({ serviceAccountName, ...template }, template.container);
  }

  /** Runs the drift check, or that of performance alone. */
  public driftCheck(name: 'drift-check' | 'performance' = 'drift-check'): Promise<PodResult> {
    const { spec } = find(this.objects, 'CronJob', `fraud-detector-${name}`).spec.jobTemplate.spec.template;
    return this.pod(spec, spec.containers[0]);
  }

  /** Runs a collector as long as it is asked, by its address; only its port is another, which may be taken. */
  public async collector(ask: (url: string) => Promise<void>): Promise<PodResult> {
    const { spec } = find(this.objects, 'Deployment', 'fraud-detector-capture').spec.template;
    const [{ args, ports, readinessProbe, ...container }] = spec.containers;
    const port = await freePort();
    const own = args.map((argument: string) => (argument === String(ports[0].containerPort) ? String(port) : argument));
    const url = `http://127.0.0.1:${port}`;
    return this.pod(spec, { ...container, args: own }, async () => {
      await untilReady(`${url}${readinessProbe.httpGet.path}`);
      await ask(url);
    });
  }

  private pod(pod: Rendered, container: Rendered, meanwhile?: () => Promise<void>): Promise<PodResult> {
    const app = APPS.find((each) => container.image.includes(each))!;
    const service = (name: string): string => `${name}.${config!.namespace}.svc`;
    return runPod({
      ...{ pod, container, objects: this.objects, meanwhile },
      env: { ...this.guard.credentials(pod.serviceAccountName), AWS_REGION: config!.region, ...this.front!.env },
      app: join(this.directory, app),
      dockerfile: readFileSync(join(__dirname, `../../apps/${app}/Dockerfile`), 'utf8'),
      hosts: { [service('mlflow')]: this.host, [service('pushgateway')]: this.host },
      serviceAccount: this.front!.serviceAccount,
    });
  }

  /** The API server's part: rendered ConfigMaps, Workflows by their label, and names that are taken once. */
  private answer({ method, path, body }: ApiRequest): ApiReply {
    if (method === 'POST') {
      const workflow = JSON.parse(body);
      if (this.workflows.has(workflow.metadata.name))
        return { status: 409, body: { reason: 'AlreadyExists', message: 'already exists' } };
      this.workflows.set(workflow.metadata.name, workflow);
      return { status: 201, body: workflow };
    }
    const { pathname, searchParams } = new URL(path, 'https://kubernetes');
    if (pathname.endsWith('/workflows')) {
      const selected = `${LABELS.model}=fraud-detector`;
      const items = searchParams.get('labelSelector')?.includes(selected) ? [...this.workflows.values()] : [];
      return { status: 200, body: { items } };
    }
    const name = pathname.split('/').at(-1)!;
    const found = this.objects.find((each) => each.kind === 'ConfigMap' && each.metadata.name === name);
    return found ? { status: 200, body: found } : notFound('configmaps', name);
  }

  /** Rows of the Parquet files under a prefix that a condition holds for. */
  public async rows(Bucket: string, Prefix: string, where: string): Promise<Rendered[]> {
    const { Contents = [] } = await this.s3!.send(new ListObjectsV2Command({ Bucket, Prefix }));
    const keys = Contents.map(({ Key }) => Key!).filter((key) => key.endsWith('.parquet'));
    const directory = mkdtempSync(join(this.directory, 'rows-'));
    for (const [index, Key] of keys.entries()) {
      const { Body } = await this.s3!.send(new GetObjectCommand({ Bucket, Key }));
      writeFileSync(join(directory, `${index}.parquet`), await Body!.transformToByteArray());
    }
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const files = `read_parquet('${directory}/*.parquet', union_by_name = true)`;
    const reader = await connection.runAndReadAll(`SELECT * FROM ${files} WHERE ${where}`);
    connection.closeSync();
    return reader.getRowObjectsJson();
  }

  private async parquet(query: string): Promise<Buffer> {
    const file = join(this.directory, 'upload.parquet');
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(`COPY (${query}) TO '${file}' (FORMAT parquet)`);
    connection.closeSync();
    return readFileSync(file);
  }
}
