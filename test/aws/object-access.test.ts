import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type App as ManifestApp, Chart, Testing as ManifestTesting } from 'cdk8s';
import { App, TerraformStack, Testing } from 'cdktf';
import { MlModelPlatform, type ObjectAccess, PlatformOutputs } from 'cdk8s-mlops';
import { PlatformIdentities } from 'cdk8s-mlops/aws';
import { environments as demandEnvironments } from '../../examples/aws-platform/config';
import { demandForecastLoop } from '../../examples/aws-platform/demand-forecast';
import { environments as creditEnvironments } from '../../examples/credit-risk/config';
import { creditRiskLoop } from '../../examples/credit-risk/credit-risk';
import { environments as fraudEnvironments } from '../../examples/fraud-detection/config';
import { fraudDetection } from '../../examples/fraud-detection/fraud-detection';
import { type NamedAddress, namedAddresses, podsOf } from '../support/object-addresses';
import { type Rendered } from '../support/synth';

/*
 * What is declared against what is rendered: a pod that names an address may do there what it has to, and nothing is allowed that no pod
 * asks for.
 */

interface Example {
  readonly objects: Rendered[];
  readonly access: readonly ObjectAccess[];
}

function synth(build: (app: ManifestApp) => void): Example {
  const app = ManifestTesting.app();
  build(app);
  const all = app.node.findAll();
  const platform = all.find((each) => each instanceof MlModelPlatform)!;
  const objects = all.filter((each) => each instanceof Chart).flatMap((chart) => ManifestTesting.synth(chart));
  return { objects, access: platform.objectAccess };
}

const outputs = PlatformOutputs.fromTerraform(
  readFileSync(join(__dirname, '../../examples/aws-platform/outputs/production.json'), 'utf8'),
);

const EXAMPLES = {
  'fraud-detection': [
    'fraud-detector',
    synth((app) => fraudDetection(app, fraudEnvironments[0]!)),
    'acme-fraud-staging',
    'acme-fraud-staging-predictions',
    'mlflow',
  ],
  'credit-risk': [
    'credit-risk',
    synth((app) => creditRiskLoop(app, creditEnvironments[0]!)),
    'acme-credit-staging',
    'acme-credit-staging-predictions',
    'mlflow',
  ],
  'aws-platform': [
    'demand-forecast',
    synth((app) => demandForecastLoop(app, demandEnvironments.at(-1)!, outputs)),
    'demand-production-123456789012',
    'demand-production-123456789012-predictions/logs',
    'artifacts',
  ],
} as const;

/** Whether an address is the other or within its folder. Written anew: the library's own must not judge itself. */
const within = (uri: string, folder: string): boolean => `${uri}/`.startsWith(`${folder}/`);

describe.each(Object.entries(EXAMPLES))('%s', (_, [model, { objects, access }, bucket, logs, artifacts]) => {
  const named = namedAddresses(objects);
  /** Addresses that are named as a whole by who works in a part of them, or shares a file with who does. */
  const PARTLY: Readonly<Record<string, string>> = {
    [`${model}-capture s3://${logs}/${model}`]: 'puts events and labels into folders of their own',
    [`${model}-drift-check s3://${bucket}-predictions/reports`]: 'has a folder of its own there',
    [`${model}-performance s3://${bucket}-predictions/reports`]: 'shares the file of the check, and writes no report',
    [`${model}-training-admit s3://${bucket}-training/runs/$(RUN_ID)`]:
      'has the environment of every step, and asks the API server',
  };

  const uncovered = (declared: readonly ObjectAccess[]): readonly NamedAddress[] =>
    named.filter(({ serviceAccountName, uri }) => {
      const own = declared.filter((each) => each.serviceAccountName === serviceAccountName);
      return !own.some((each) => within(uri, each.uri)) && !(`${serviceAccountName} ${uri}` in PARTLY);
    });

  test('every address that a pod names is declared for its account', () => {
    expect(uncovered(access)).toEqual([]);
  });

  test('a declaration that is missing is found', () => {
    const naming = access.filter((each) =>
      named.some(
        ({ serviceAccountName, uri }) => serviceAccountName === each.serviceAccountName && within(uri, each.uri),
      ),
    );
    expect(naming).toHaveLength(6);
    for (const missing of naming) expect(uncovered(access.filter((each) => each !== missing))).not.toEqual([]);
  });

  test('and these are all of them: the check finds what there is', () => {
    const found = new Set(named.map(({ serviceAccountName, uri }) => `${serviceAccountName} ${uri}`));
    expect([...found].sort()).toEqual(
      [
        ...Object.keys(PARTLY),
        `${model}-drift-check s3://${logs}/${model}`,
        `${model}-performance s3://${logs}/${model}`,
        `${model}-serving s3://${bucket}-models/${model}/v1`,
        `${model}-training s3://${bucket}-models/${model}`,
        `${model}-training s3://${bucket}-training/runs/$(RUN_ID)`,
        `mlflow s3://${bucket}-${artifacts}/artifacts`,
      ].sort(),
    );
  });

  test('nothing is declared that no pod of the account names', () => {
    const superfluous = access.filter(({ serviceAccountName, uri }) => {
      const uris = named.filter((each) => each.serviceAccountName === serviceAccountName).map((each) => each.uri);
      return !uris.some((each) => within(each, uri) || within(uri, each));
    });
    // Of a roll-out, the registry says at run time where the artifacts of a version lie.
    expect(superfluous.map(({ serviceAccountName, uri }) => `${serviceAccountName} ${uri}`)).toEqual([
      `${model}-rollout s3://${bucket}-models/${model}`,
    ]);
  });

  test('nothing is declared for an account that no object is, or that no pod has', () => {
    const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount');
    const known = accounts.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    const used = new Set(objects.flatMap(podsOf).map(({ serviceAccountName }) => serviceAccountName));
    for (const { namespace, serviceAccountName } of access) {
      expect(known).toContain(`${namespace}/${serviceAccountName}`);
      expect([...used]).toContain(serviceAccountName);
    }
  });

  test('roles may do what each account needs, action by action', () => {
    const [models, training] = [`${bucket}-models/${model}`, `${bucket}-training/runs`];
    const [log, reports] = [`${logs}/${model}`, `${bucket}-predictions/reports/${model}`];
    const list = (address: string): string => `s3:ListBucket ${address} ${address}/*`;
    const on = (address: string, ...actions: string[]): string[] => actions.map((action) => `s3:${action} ${address}`);
    const reads = (address: string): string[] => [
      ...[list(address)],
      ...[...on(address, 'GetObject'), ...on(`${address}/*`, 'GetObject')],
    ];
    const writes = (address: string): string[] => on(`${address}/*`, 'PutObject', 'AbortMultipartUpload');
    const deletes = (address: string): string[] => on(`${address}/*`, 'DeleteObject');
    const TAGS = ['GetObjectTagging', 'PutObjectTagging', 'DeleteObjectTagging'];
    const needed: Readonly<Record<string, string[]>> = {
      // It puts, in one request each, what it was sent.
      [`${model}-capture`]: [...writes(`${log}/_events`), ...writes(`${log}/_labels`)],
      // It reads events, writes rows, deletes events and what has expired; reports are only written.
      [`${model}-drift-check`]: [...reads(log), ...writes(log), ...deletes(log), ...writes(reports)],
      [`${model}-performance`]: [...reads(log), ...writes(log), ...deletes(log)],
      // It looks whether an artifact is there, copies it onto itself with the tag, and takes the tag away.
      [`${model}-rollout`]: [
        ...reads(models),
        ...writes(models),
        ...[...on(models, ...TAGS), ...on(`${models}/*`, ...TAGS)],
      ],
      // It downloads.
      [`${model}-serving`]: reads(models),
      // Its steps hand data over, and registration copies the artifact, never over one that is there.
      [`${model}-training`]: [
        ...[...reads(training), ...writes(training), ...deletes(training)],
        ...[...reads(models), ...writes(models)],
      ],
      // It keeps what clients log, and deletes runs.
      mlflow: [
        ...reads(`${bucket}-${artifacts}/artifacts`),
        ...[...writes(`${bucket}-${artifacts}/artifacts`), ...deletes(`${bucket}-${artifacts}/artifacts`)],
      ],
    };
    expect(allowed(access)).toEqual(
      Object.fromEntries(Object.entries(needed).map(([account, lines]) => [account, [...new Set(lines)].sort()])),
    );
  });
});

/** `action address`, for lists `action prefix prefix…`, by account: everything that its role may do, and nothing else. */
function allowed(access: readonly ObjectAccess[]): Record<string, string[]> {
  const stack = new TerraformStack(new App(), 'test');
  new PlatformIdentities(stack, 'identities', { clusterName: 'acme', access });
  const { resource } = JSON.parse(Testing.synth(stack));
  const account = ({ role }: Rendered): string => {
    const [, id] = /^\$\{aws_iam_role\.(.+)\.name\}$/.exec(role)!;
    return resource.aws_iam_role[id!].name.split('.').at(-1);
  };
  return Object.fromEntries(
    Object.values<Rendered>(resource.aws_iam_role_policy).map((made) => [account(made), lines(made.policy)]),
  );
}

function lines(policy: string): string[] {
  const { Statement } = JSON.parse(policy);
  const all = Statement.flatMap(({ Effect, Action, Resource, Condition }: Rendered) => {
    expect(Effect).toBe('Allow');
    const names = Resource.map((arn: string) => arn.replace(/^arn:aws:s3:::/, ''));
    if (!Condition) return Action.flatMap((action: string) => names.map((name: string) => `${action} ${name}`));
    expect([Object.keys(Condition), Object.keys(Condition.StringLike), Action]).toEqual([
      ...[['StringLike'], ['s3:prefix'], ['s3:ListBucket']],
    ]);
    const prefixes: string[] = Condition.StringLike['s3:prefix'];
    // One line for each folder: its name and what is in it.
    const folders = prefixes.filter((prefix) => !prefix.endsWith('/*'));
    expect(prefixes).toEqual(folders.flatMap((folder) => [folder, `${folder}/*`]));
    return folders.map((folder) => `${Action[0]} ${names[0]}/${folder} ${names[0]}/${folder}/*`);
  });
  return all.sort();
}
