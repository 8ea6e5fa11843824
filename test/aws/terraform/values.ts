import { type Fields, type ValueType } from './bindings';
import { parseTemplate, type Reference, written } from './expressions';

/** Type of what a reference refers to; undefined when it is not known. */
export type TypeOf = (reference: Reference) => ValueType | undefined;

/** What is wrong with the arguments of a block, one text each. */
export function checkArguments(fields: Fields, block: object, typeOf: TypeOf): string[] {
  const problems: string[] = [];
  new Checker(typeOf, problems).object(fields, block, '');
  return problems;
}

class Checker {
  constructor(
    private readonly typeOf: TypeOf,
    private readonly problems: string[],
  ) {}

  public object(fields: Fields, block: object, path: string): void {
    const dynamic = 'dynamic' in block && !fields.has('dynamic') ? (block.dynamic as object) : {};
    for (const [name, value] of Object.entries(block)) {
      const field = fields.get(name);
      if (name === '//' || (name === 'dynamic' && !field) || value === null) continue;
      if (field) this.value(field.type, value, join(path, name));
      else this.problems.push(`'${join(path, name)}' is no argument${similar(name, fields)}`);
    }
    for (const [name, value] of Object.entries(dynamic)) this.dynamic(fields, name, value, join(path, name));
    for (const [name, { required }] of fields) {
      if (required && isMissing(block[name as keyof typeof block]) && !(name in dynamic)) {
        this.problems.push(`'${join(path, name)}' is required and missing`);
      }
    }
  }

  private value(type: ValueType, value: unknown, path: string): void {
    if (type.kind === 'any') return;
    const nested = type.kind === 'list' || type.kind === 'set' ? type.of : type;
    const block = nested.kind === 'object' && nested.block;
    if (typeof value === 'string' && parseTemplate(value).whole) {
      if (block) this.problems.push(`'${path}' is a block and cannot be given by an expression (${value})`);
      else this.reference(type, value, path);
      return;
    }
    switch (type.kind) {
      case 'string':
      case 'number':
      case 'boolean':
        return this.scalar(type.kind, value, path);
      case 'list':
      case 'set':
        return this.list(type, value, path);
      case 'map':
        if (!isObject(value)) return this.wrong('a map', value, path);
        for (const [key, each] of Object.entries(value)) this.value(type.of, each, `${path}[${JSON.stringify(key)}]`);
        return;
      case 'object':
        if (!isObject(value)) return this.wrong(block ? 'a block' : 'an object', value, path);
        return this.object(type.fields, value, path);
    }
  }

  /** Terraform turns numbers and booleans into strings by itself, and strings into them where they are written so. */
  private scalar(kind: 'string' | 'number' | 'boolean', value: unknown, path: string): void {
    if (typeof value === kind || (kind === 'string' && typeof value !== 'object')) return;
    const template = typeof value === 'string' && parseTemplate(value).references.length > 0;
    const asNumber = typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value));
    if (template || (kind === 'number' ? asNumber : value === 'true' || value === 'false')) return;
    this.wrong(`a ${kind}`, value, path);
  }

  private list(type: Extract<ValueType, { of: ValueType }>, value: unknown, path: string): void {
    // cdktf renders a block that can be given once as an object.
    if (type.single && isObject(value)) return this.value(type.of, value, path);
    if (!Array.isArray(value)) return this.wrong(`a ${type.kind}`, value, path);
    if (type.single && value.length > 1) this.problems.push(`'${path}' can be given once, not ${value.length} times`);
    value.forEach((each, index) => this.value(type.of, each, `${path}[${index}]`));
  }

  private reference(type: ValueType, text: string, path: string): void {
    const { sole } = parseTemplate(text);
    const found = sole && this.typeOf(sole);
    if (!sole || !found || found.kind === 'any' || family(found) === family(type)) return;
    this.problems.push(`'${path}' must be ${aOrAn(type.kind)}, and ${written(sole)} is ${aOrAn(found.kind)}`);
  }

  private dynamic(fields: Fields, name: string, value: unknown, path: string): void {
    const type = fields.get(name)?.type;
    const block = type && (type.kind === 'list' || type.kind === 'set') ? type.of : type;
    if (block?.kind !== 'object' || !block.block) this.problems.push(`'${path}' is no block that can be repeated`);
    else if (!isObject(value) || !('for_each' in value) || !('content' in value) || !isObject(value.content)) {
      this.problems.push(`'${path}' needs 'for_each' and 'content'`);
    } else this.object(block.fields, value.content, path);
  }

  private wrong(expected: string, value: unknown, path: string): void {
    this.problems.push(`'${path}' must be ${expected}, and is ${JSON.stringify(value)}`);
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A block that is required must be there at least once; a list may be empty, but none of AWS that is required does. */
function isMissing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** Types that Terraform converts into one another. */
function family({ kind }: ValueType): string {
  if (kind === 'list' || kind === 'set') return 'sequence';
  return kind === 'map' || kind === 'object' ? 'mapping' : 'scalar';
}

function aOrAn(kind: string): string {
  return `${kind === 'object' ? 'an' : 'a'} ${kind}`;
}

function similar(name: string, fields: Fields): string {
  const plain = (each: string): string => each.replaceAll('_', '').toLowerCase();
  const found = [...fields.keys()].find(
    (each) => plain(each) === plain(name) || plain(each).startsWith(plain(name)) || plain(name).startsWith(plain(each)),
  );
  return found === undefined ? '' : ` (is '${found}' meant?)`;
}
