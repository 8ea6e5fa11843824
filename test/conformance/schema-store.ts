import { readdirSync, readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { basename, join } from 'node:path';
import Ajv, { type ErrorObject, type ValidateFunction } from 'ajv';
import { loadAll } from 'js-yaml';
import { type Schema, strict, strictDefinitions } from './strict-schema';

/** A validator of one kind, with the name of the schema that it comes from. */
export interface KindValidator {
  /** For example `v1.32` or `argoproj.io/WorkflowTemplate.yaml`. */
  readonly source: string;
  /** Finds what is wrong; empty when nothing is. */
  readonly validate: (value: unknown) => string[];
}

interface Crd {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

interface OpenApi {
  readonly info: { readonly version: string };
  readonly definitions: Record<string, Schema>;
}

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const FORMATS = {
  int32: { type: 'number', validate: (value: number) => Number.isInteger(value) && Math.abs(value) < 2 ** 31 },
  int64: { type: 'number', validate: (value: number) => Number.isInteger(value) },
  double: true,
  byte: /^[A-Za-z0-9+/]*={0,2}$/,
  ipv4: isIPv4,
  ipv6: isIPv6,
  'date-time': (value: string) => !Number.isNaN(Date.parse(value)),
} as const;

const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const POD_SPEC = 'io.k8s.api.core.v1.PodSpec';

/** Go's patterns may switch to ignoring case within, and escape characters that JavaScript's unicode mode forbids. */
function goPattern(pattern: string): RegExp {
  return new RegExp(pattern.replaceAll('(?i)', ''), pattern.includes('(?i)') ? 'i' : '');
}
goPattern.code = 'goPattern';

function newAjv(): Ajv {
  return new Ajv({ strict: false, allErrors: true, verbose: true, formats: FORMATS, code: { regExp: goPattern } });
}

function* filesUnder(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}

/**
 * The upstream schemas found in a directory: CustomResourceDefinitions as YAML, Kubernetes as OpenAPI documents
 * (`swagger*.json`), in any layout. Files are read only when a kind of theirs is asked for.
 */
export class SchemaStore {
  private readonly crdFiles: readonly { readonly path: string; readonly text: string }[];
  private readonly openApis: readonly {
    readonly name: string;
    readonly ajv: Ajv;
    readonly kinds: Map<string, string>;
  }[];
  private readonly validators = new Map<string, KindValidator[]>();

  constructor(directory: string) {
    const files = [...filesUnder(directory)].sort();
    this.crdFiles = files
      .filter((path) => /\.ya?ml$/.test(path))
      .map((path) => ({ path, text: readFileSync(path, 'utf8') }))
      .filter(({ text }) => /^kind: CustomResourceDefinition$/m.test(text));
    this.openApis = files.filter((path) => /^swagger.*\.json$/.test(basename(path))).map((path) => readOpenApi(path));
    if (this.crdFiles.length === 0 && this.openApis.length === 0) {
      throw new Error(`no schemas in '${directory}': expected CustomResourceDefinitions (*.yaml) or swagger*.json`);
    }
  }

  /** The validators of a kind, one for each version of Kubernetes or each CRD file that knows it. */
  public of(apiVersion: string, kind: string): KindValidator[] {
    const key = `${apiVersion}/${kind}`;
    const cached = this.validators.get(key);
    if (cached) return cached;
    const found = [...this.builtIn(key), ...this.custom(apiVersion, kind)];
    this.validators.set(key, found);
    return found;
  }

  /** Validators of a part that has a definition of its own, for example a pod's metadata. */
  public ofDefinition(name: typeof OBJECT_META | typeof POD_SPEC): KindValidator[] {
    return this.openApis.map(({ name: source, ajv }) => ({
      source,
      validate: run(ajv, `openapi#/definitions/${name}`),
    }));
  }

  /** Validators of a merge patch of a pod: the fields of a PodSpec, none of them required. */
  public ofPodSpecPatch(): KindValidator[] {
    return this.ofDefinition(POD_SPEC).map(({ source, validate }) => ({
      source,
      validate: (value) => validate(value).filter((problem) => !problem.includes('must have required')),
    }));
  }

  private builtIn(key: string): KindValidator[] {
    return this.openApis.flatMap(({ name, ajv, kinds }) => {
      const definition = kinds.get(key);
      return definition ? [{ source: name, validate: run(ajv, `openapi#/definitions/${definition}`) }] : [];
    });
  }

  private custom(apiVersion: string, kind: string): KindValidator[] {
    const [group = '', version] = apiVersion.split('/');
    const isKind = new RegExp(`^    kind: ${kind}$`, 'm');
    const isGroup = new RegExp(`^  group: ${group.replaceAll('.', '\\.')}$`, 'm');
    const files = this.crdFiles.filter(({ text }) => isKind.test(text) && isGroup.test(text));
    return files.flatMap(({ path, text }) =>
      (loadAll(text) as Crd[])
        .filter((crd) => crd.kind === 'CustomResourceDefinition' && crd.spec.names.kind === kind)
        .flatMap((crd) => crd.spec.versions.filter(({ name }) => name === version))
        .map(({ schema }) => this.customValidator(`${group}/${basename(path)}`, schema.openAPIV3Schema)),
    );
  }

  /** CRDs say of metadata only that it is an object. */
  private customValidator(source: string, schema: Schema): KindValidator {
    const validate = newAjv().compile(strict(schema));
    const metadata = this.ofDefinition(OBJECT_META).at(-1);
    return {
      source,
      validate: (value) => [
        ...problems(validate, value),
        ...(metadata?.validate((value as { metadata?: unknown }).metadata) ?? []).map((each) => `metadata${each}`),
      ],
    };
  }
}

function readOpenApi(path: string): { name: string; ajv: Ajv; kinds: Map<string, string> } {
  const { definitions } = JSON.parse(readFileSync(path, 'utf8')) as OpenApi;
  const ajv = newAjv();
  ajv.addSchema({ $id: 'openapi', definitions: strictDefinitions(definitions) });
  const kinds = new Map<string, string>();
  for (const [name, definition] of Object.entries(definitions)) {
    const gvks = (definition['x-kubernetes-group-version-kind'] ?? []) as GroupVersionKind[];
    for (const { group, version, kind } of gvks) kinds.set(`${group ? `${group}/` : ''}${version}/${kind}`, name);
  }
  return { name: /v\d+\.\d+/.exec(basename(path))?.[0] ?? basename(path), ajv, kinds };
}

function run(ajv: Ajv, ref: string): (value: unknown) => string[] {
  return (value) => {
    const validate = ajv.getSchema(ref);
    if (!validate) throw new Error(`no schema ${ref}`);
    return problems(validate as ValidateFunction, value);
  };
}

function problems(validate: ValidateFunction, value: unknown): string[] {
  return validate(value) ? [] : (validate.errors ?? []).map(describe);
}

function describe({ instancePath, message, params, data }: ErrorObject): string {
  const path = instancePath.replaceAll('/', '.');
  const unknown = (params as { additionalProperty?: string }).additionalProperty;
  if (unknown !== undefined) return `${path} has the unknown field '${unknown}'`;
  const { allowedValues } = params as { allowedValues?: string[] };
  const got = typeof data === 'object' ? '' : `, got ${JSON.stringify(data)}`;
  return `${path} ${message}${allowedValues ? ` (${allowedValues.join(', ')})` : ''}${got}`;
}
