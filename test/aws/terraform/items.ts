import { type Fields, hasBindings, type Schema, schemaOf, type ValueType } from './bindings';
import { parseTemplate, type Reference } from './expressions';

export type Body = Record<string, unknown>;

/** One thing of a stack that others can refer to. */
export interface Item {
  readonly address: string;
  readonly kind: 'resource' | 'data' | 'provider' | 'module' | 'output' | 'local' | 'variable';
  readonly type: string;
  readonly body: Body;
  /** Undefined where no bindings know it. */
  readonly schema?: Schema;
}

/** What a reference refers to, or why it refers to nothing. */
export interface Resolved {
  readonly type?: ValueType;
  readonly problem?: string;
}

type Named<T> = Record<string, T>;

const BUILT_IN = ['path', 'terraform', 'each', 'count', 'self'];

/** Everything that is in a synthesized stack, by its address. */
export class Items {
  /** What is wrong with the list itself. */
  public readonly problems: string[] = [];
  private readonly items = new Map<string, Item>();

  constructor(stack: Named<unknown>) {
    for (const kind of ['resource', 'data'] as const) {
      for (const [type, named] of Object.entries((stack[kind] ?? {}) as Named<Named<Body>>)) {
        for (const [name, body] of Object.entries(named)) {
          this.add(kind, type, `${kind === 'data' ? 'data.' : ''}${type}.${name}`, body);
        }
      }
    }
    for (const [type, bodies] of Object.entries((stack.provider ?? {}) as Named<Body[]>)) {
      for (const body of [bodies].flat()) {
        const address = `provider.${type}${typeof body.alias === 'string' ? `.${body.alias}` : ''}`;
        if (this.items.has(address)) this.problems.push(`${address}: there are two; give one of them an alias`);
        this.add('provider', type, address, body);
      }
    }
    for (const kind of ['module', 'output', 'variable'] as const) {
      for (const [name, body] of Object.entries((stack[kind] ?? {}) as Named<Body>)) {
        this.add(kind, kind, `${kind === 'variable' ? 'var' : kind}.${name}`, body);
      }
    }
    for (const [name, value] of Object.entries((stack.locals ?? {}) as Body)) {
      this.add('local', 'local', `local.${name}`, { value });
    }
  }

  public get all(): readonly Item[] {
    return [...this.items.values()];
  }

  public has(address: string): boolean {
    return this.items.has(address);
  }

  public resolve(reference: Reference): Resolved {
    const [root = ''] = reference;
    if (BUILT_IN.includes(root)) return {};
    const item = this.items.get(addressOf(reference));
    if (!item)
      return { problem: reference.length === 1 ? 'is nothing that can be referred to' : 'is not in the stack' };
    let path = reference.slice(root === 'data' ? 3 : 2);
    if (item.kind === 'module') return path.length === 0 ? { problem: 'names no output' } : {};
    if (!item.schema) return {};
    const several = 'count' in item.body || 'for_each' in item.body;
    const indexed = path[0]?.startsWith('[') ?? false;
    if (indexed && !several) return { problem: 'has an index, and there is one' };
    if (several && !indexed && path.length > 0) return { problem: 'needs an index: there are several' };
    if (indexed) path = path.slice(1);
    return path.length === 0 ? {} : follow(item.schema.attributes, path);
  }

  /** Circles of what needs each other. @see https://developer.hashicorp.com/terraform/internals/graph */
  public circles(): string[] {
    const done = new Set<string>();
    const problems: string[] = [];
    const visit = (address: string, way: readonly string[]): void => {
      if (way.includes(address)) {
        problems.push(`${address}: is in a circle: ${[...way.slice(way.indexOf(address)), address].join(' -> ')}`);
        return;
      }
      if (done.has(address)) return;
      for (const next of this.needs(address)) visit(next, [...way, address]);
      done.add(address);
    };
    for (const address of this.items.keys()) visit(address, []);
    return problems;
  }

  private add(kind: Item['kind'], type: string, address: string, body: Body): void {
    let schema: Schema | undefined;
    if (kind === 'resource' || kind === 'data' || kind === 'provider') {
      const provider = providerOf(type);
      if (hasBindings(provider)) {
        schema = schemaOf(kind, type);
        if (!schema) this.problems.push(`${address}: the provider has no ${kind} '${type}'`);
      } else if (provider !== 'terraform') {
        this.problems.push(`${address}: there are no bindings of the provider '${provider}'`);
      }
    }
    this.items.set(address, { address, kind, type, body, schema });
  }

  private needs(address: string): string[] {
    const { kind, type, body } = this.items.get(address)!;
    const named = texts(body).flatMap((text) => parseTemplate(text).references.map(addressOf));
    const dependsOn = kind === 'provider' ? [] : ((body.depends_on ?? []) as string[]);
    const provider = typeof body.provider === 'string' ? body.provider : providerOf(type);
    const configured = kind === 'resource' || kind === 'data' ? [`provider.${provider}`] : [];
    return [...named, ...dependsOn, ...configured].filter((each) => this.items.has(each));
  }
}

/** The provider of a type: the word that it begins with. */
export function providerOf(type: string): string {
  return type.split('_')[0]!;
}

/** Every text within a value, keys among them; what cdktf notes for itself is left out. */
export function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => (key === '//' ? [] : [key, ...texts(each)]));
}

/** Follows a path through arguments or attributes. */
export function follow(fields: Fields, path: readonly string[]): Resolved {
  let type: ValueType = { kind: 'object', block: false, fields };
  for (const step of path) {
    const index = step.startsWith('[');
    if (type.kind === 'any') return {};
    if (type.kind === 'object' && !index) {
      const field = type.fields.get(step);
      if (!field) return { problem: `has no attribute '${step}'` };
      type = field.type;
    } else if (type.kind === 'map') type = type.of;
    else if (type.kind === 'list' && index) type = step === '[*]' ? { kind: 'any' } : type.of;
    else if (type.kind === 'set') return step === '[*]' ? {} : { problem: `is a set, which has no '${step}'` };
    else if (type.kind === 'list') return { problem: `is a list, which needs an index before '${step}'` };
    else return { problem: `is ${type.kind === 'object' ? 'an object' : `a ${type.kind}`}, which has no '${step}'` };
  }
  return { type };
}

function addressOf(reference: Reference): string {
  return reference.slice(0, reference[0] === 'data' ? 3 : 2).join('.');
}
