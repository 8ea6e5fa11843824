import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkObject, type Manifest } from './check-objects';
import { SchemaStore } from './schema-store';

const FIXTURES = join(__dirname, 'fixtures');
const store = new SchemaStore(FIXTURES);

const pod = (spec: object, metadata: object = { name: 'p' }): Manifest =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata, spec }) as Manifest;
const widget = (spec: object, metadata: object = { name: 'w', namespace: 'ml' }): Manifest =>
  ({ apiVersion: 'test.example/v1', kind: 'Widget', metadata, spec }) as Manifest;
const problems = (object: Manifest): string[] => checkObject(object, store).flatMap((report) => [...report.problems]);
const yamlOf = (spec: string): string => `apiVersion: v1\nkind: Pod\nmetadata: {name: inner}\nspec: ${spec}\n`;

test('what is right is found right, and says what it was held against', () => {
  const containers = [
    { name: 'c', image: 'x:1', port: 80, memory: '1Gi' },
    { name: 'd', port: 'http', memory: 1 },
  ];
  expect(checkObject(pod({ containers, restartPolicy: 'Never' }), store)).toEqual([
    { object: 'Pod p', schemas: ['v1.99'], problems: [] },
  ]);
  expect(checkObject(widget({ size: 1, colour: 'red', mode: 'ABORT', port: 'http', free: { b: 1 } }), store)).toEqual([
    { object: 'Widget ml/w', schemas: ['test.example/widget.yaml'], problems: [] },
  ]);
});

test.each<[string, Manifest, string]>([
  [
    'an unknown field',
    pod({ containers: [{ name: 'c', imagee: 'x' }] }),
    "v1.99: .spec.containers.0 has the unknown field 'imagee'",
  ],
  ['an unknown field of metadata', pod({ containers: [] }, { name: 'p', label: {} }), "has the unknown field 'label'"],
  ['a missing field', pod({}), "must have required property 'containers'"],
  ['a wrong type', pod({ containers: {} }), '.spec.containers must be array'],
  [
    'an enum that OpenAPI does not have',
    pod({ containers: [], restartPolicy: 'Sometimes' }),
    '(Always, OnFailure, Never), got "Sometimes"',
  ],
  ['a quantity that is none', pod({ containers: [{ name: 'c', memory: 'lots' }] }), 'must match pattern'],
  [
    'a label that is a number',
    pod({ containers: [] }, { name: 'p', labels: { a: 1 } }),
    '.metadata.labels.a must be string',
  ],
  ['an unknown field of a custom resource', widget({ size: 1, sise: 2 }), "has the unknown field 'sise'"],
  ['an unknown field in a list', widget({ size: 1, parts: [{ nam: 'x' }] }), "has the unknown field 'nam'"],
  [
    'an unknown field of its metadata',
    widget({ size: 1 }, { name: 'w', foo: 1 }),
    "metadata has the unknown field 'foo'",
  ],
  ['an enum of a custom resource', widget({ size: 1, colour: 'blue' }), '(red, green), got "blue"'],
  ["a value that does not match a pattern of Go's", widget({ size: 1, mode: 'x' }), 'must match pattern'],
  ['a number out of range', widget({ size: 0 }), 'must be >= 1, got 0'],
  ['a number that does not fit', widget({ size: 2 ** 31 }), 'format "int32"'],
  [
    'no spec',
    { apiVersion: 'test.example/v1', kind: 'Widget', metadata: { name: 'w' } },
    "must have required property 'spec'",
  ],
  [
    'a kind that no schema knows',
    { apiVersion: 'test.example/v2', kind: 'Widget', metadata: { name: 'w' } },
    'no schema knows',
  ],
  ['no name', pod({ containers: [] }, {}), 'metadata has no name'],
  ['a name that is none', pod({ containers: [] }, { name: 'My_Pod' }), 'is no DNS subdomain'],
])('%s', (_, object, expected) => expect(problems(object).join('\n')).toContain(expected));

describe('manifests within manifests', () => {
  test('in a string', () => {
    const reports = checkObject(widget({ size: 1, manifest: yamlOf('{containers: [], oops: 1}') }), store);
    expect(reports.map(({ object }) => object)).toEqual(['Widget ml/w', 'Pod inner in Widget ml/w.spec.manifest']);
    expect(reports[1]?.problems[0]).toContain("unknown field 'oops'");
  });

  test('in a string that is no YAML', () => {
    expect(problems(widget({ size: 1, manifest: yamlOf('{containers: [') })).join()).toContain('is no YAML');
  });

  test('in a string that is another file', () => {
    const file = `objects:\n  - ${JSON.stringify(pod({ containers: [], oops: 1 }))}\n`;
    const asYaml = file.replace('"apiVersion"', '\n    "apiVersion"');
    expect(problems(widget({ size: 1, manifest: asYaml })).join()).toContain("unknown field 'oops'");
  });

  test('in a string with a value that Argo fills in as JSON', () => {
    const manifest = yamlOf('{containers: [], oops: {{=toJson(workflow.parameters.reason)}}}');
    expect(problems(widget({ size: 1, manifest })).join()).toContain("unknown field 'oops'");
  });

  test('as a nested object', () => {
    const object = widget({ size: 1, free: { trigger: pod({ containers: [], oops: 1 }) } });
    expect(problems(object).join()).toContain("unknown field 'oops'");
  });

  test('a patch of a pod needs not be whole, but must be right', () => {
    const patch = (text: string): string[] => problems(widget({ size: 1, podSpecPatch: text }));
    expect(patch('initContainers: [{name: wait}]')).toEqual([]);
    expect(patch('containers: [{name: wait, imagee: x}]').join()).toContain("unknown field 'imagee'");
    expect(patch('containers: [').join()).toContain('is no YAML');
  });
});

describe('command line', () => {
  const root = join(__dirname, '../..');
  const directory = mkdtempSync(join(tmpdir(), 'conformance-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  const run = (...args: string[]): { status: number | null; output: string } => {
    const program = [join(root, 'node_modules/tsx/dist/cli.mjs'), join(__dirname, 'main.ts'), ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, program, { cwd: root, encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };
  const manifests = (text: string): string[] => {
    const path = join(directory, 'manifests.yaml');
    writeFileSync(path, text);
    return ['--schemas', FIXTURES, '--manifests', path];
  };

  test('prints a line for each object and succeeds when all are right', () => {
    const { status, output } = run(...manifests(`${yamlOf('{containers: []}')}---\n${yamlOf('{containers: []}')}`));
    expect(output.match(/^ok +.*Pod inner \[v1.99\]$/gm)).toHaveLength(2);
    expect(output).toContain('conformance: 2 passed, 0 failed');
    expect(status).toBe(0);
  });

  test('fails when one is wrong', () => {
    const { status, output } = run(...manifests(yamlOf('{containers: [], oops: 1}')), '--quiet');
    expect(output).toMatch(/FAIL .*Pod inner.*\n.*unknown field 'oops'/);
    expect(status).toBe(1);
  });

  test('fails when it saw nothing', () => {
    expect(run(...manifests('')).status).toBe(1);
  });

  test('a document that is no manifest fails', () => {
    expect(run(...manifests('a: 1\n')).output).toContain('has no apiVersion and kind');
  });

  test('explains its usage', () => {
    expect(run()).toMatchObject({ status: 2, output: expect.stringContaining('--schemas DIR') });
    expect(run('--schemas', '/no/such')).toMatchObject({
      status: 2,
      output: expect.stringContaining("'/no/such' does not exist"),
    });
  });

  test('a directory without schemas is refused', () => {
    expect(() => new SchemaStore(directory)).toThrow(/no schemas in/);
  });
});
