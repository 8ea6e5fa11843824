import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as ts from 'typescript';

/*
 * What the provider's bindings know of its schema. They are generated from it:
 *  - index.d.ts says by `...Config` interfaces which arguments there are, which are required, and how they are called in Terraform
 *    (in the link to the registry of every one);
 *  - index.js says by the getters of its classes which attributes can be referred to, and by `synthesizeHclAttributes` whether a
 *    nested one is a list, a set or a single object.
 */

/** The type of an argument or attribute. `any` is whatever the bindings do not tell. */
export type ValueType =
  | { readonly kind: 'string' | 'number' | 'boolean' | 'any' }
  | { readonly kind: 'list' | 'set' | 'map'; readonly of: ValueType; readonly single?: boolean }
  | { readonly kind: 'object'; readonly block: boolean; readonly fields: Fields };

export interface Field {
  readonly type: ValueType;
  readonly required: boolean;
}

export type Fields = ReadonlyMap<string, Field>;

/** A resource, a data source or a provider. */
export interface Schema {
  /** What can be set. */
  readonly args: Fields;
  /** What can be referred to, arguments among it. */
  readonly attributes: Fields;
}

/** `list`, `set`, `struct` and so on, of an object's nested ones by name. */
type Nesting = ReadonlyMap<string, string>;

const ANY: ValueType = { kind: 'any' };
const PROVIDERS: Readonly<Record<string, string>> = {
  aws: '@cdktf/provider-aws',
  helm: '@cdktf/provider-helm',
};
const CLASSES = {
  resource: 'cdktf.TerraformResource',
  data: 'cdktf.TerraformDataSource',
  provider: 'cdktf.TerraformProvider',
};
const schemas = new Map<string, Schema | undefined>();

/** Whether there are bindings for a provider; without, nothing of it can be checked. */
export function hasBindings(provider: string): boolean {
  return provider in PROVIDERS;
}

/**
 * The schema of `aws_s3_bucket`, or undefined when the provider has no such thing.
 *
 * @param kind - where the block stands in Terraform
 * @param type - for a provider its name
 */
export function schemaOf(kind: 'resource' | 'data' | 'provider', type: string): Schema | undefined {
  const key = `${kind} ${type}`;
  if (!schemas.has(key)) schemas.set(key, read(kind, type));
  return schemas.get(key);
}

function read(kind: 'resource' | 'data' | 'provider', type: string): Schema | undefined {
  const provider = type.split('_')[0]!;
  const lib = join(dirname(require.resolve(`${PROVIDERS[provider]!}/package.json`)), 'lib');
  const name = type.slice(provider.length + 1).replaceAll('_', '-');
  // Types of AWS are in folders with or without the provider's name: data-aws-eks-cluster, data-helm-template.
  const folders = { provider: ['provider'], resource: [name], data: [`data-${provider}-${name}`, `data-${name}`] }[
    kind
  ];
  const folder = folders.map((each) => join(lib, each)).find((each) => existsSync(join(each, 'index.d.ts')));
  if (folder === undefined) return undefined;
  const source = (file: string): ts.SourceFile =>
    ts.createSourceFile(file, readFileSync(join(folder, file), 'utf8'), ts.ScriptTarget.ES2022, true);
  return new Bindings(source('index.d.ts'), source('index.js'), CLASSES[kind]).schema();
}

class Bindings {
  private readonly interfaces = new Map<string, ts.InterfaceDeclaration>();
  private readonly classes = new Map<string, ts.ClassDeclaration>();
  /** Of each object that is rendered as HCL: how its nested objects are held. */
  private readonly nesting = new Map<string, Nesting>();
  private readonly seen = new Map<string, ValueType>();
  private main?: ts.ClassDeclaration;

  constructor(declarations: ts.SourceFile, code: ts.SourceFile, base: string) {
    declarations.forEachChild((node) => {
      if (ts.isInterfaceDeclaration(node)) this.interfaces.set(node.name.text, node);
    });
    code.forEachChild((node) => {
      if (ts.isFunctionDeclaration(node) && node.name?.text.endsWith('ToHclTerraform')) {
        this.nesting.set(node.name.text.slice(0, -'ToHclTerraform'.length), nestingOf(node));
      }
      if (!ts.isClassDeclaration(node)) return;
      this.classes.set(node.name!.text, node);
      if (baseOf(node) === base) this.main = node;
    });
  }

  /** Undefined when the folder is not of the kind that was asked for. */
  public schema(): Schema | undefined {
    if (!this.main) return undefined;
    const name = this.main.name!.text;
    const hcl = this.main.members.find((each) => each.name?.getText() === 'synthesizeHclAttributes');
    const nesting: Nesting = hcl ? nestingOf(hcl) : new Map();
    // The one that takes depends_on and the like; that of a provider takes nothing of the kind.
    const all = [...this.interfaces.values()];
    const config = all.find((each) => baseOf(each) === 'cdktf.TerraformMetaArguments');
    const args = this.arguments(config ?? this.interfaces.get(`${name}Config`)!, nesting);
    return { args, attributes: new Map([...args, ...this.attributes(this.main, nesting)]) };
  }

  private arguments(config: ts.InterfaceDeclaration, nesting: Nesting): Fields {
    const fields = new Map<string, Field>();
    for (const member of config.members) {
      if (!ts.isPropertySignature(member)) continue;
      const docs = member.getFullText();
      // A sentence of the docs may link elsewhere; the link to the argument is the last one.
      const name = [...docs.matchAll(/\{@link https:\/\/registry\.terraform\.io\/[^\s#}]+#(\w+)/g)].at(-1)?.[1];
      if (name === undefined) throw new Error(`no Terraform name in the docs of ${config.name.text}: ${docs}`);
      const block = new RegExp(`\\* ${name} block\\n`).test(docs);
      const type = this.argumentType(member.type!, block, nesting.get(name));
      fields.set(name, { type, required: member.questionToken === undefined });
    }
    return fields;
  }

  private argumentType(node: ts.TypeNode, block: boolean, nesting: string | undefined): ValueType {
    if (ts.isUnionTypeNode(node)) return this.argumentType(node.types[0]!, block, nesting);
    if (ts.isArrayTypeNode(node)) {
      return { kind: nesting === 'set' ? 'set' : 'list', of: this.argumentType(node.elementType, block, 'struct') };
    }
    if (ts.isTypeLiteralNode(node)) {
      const [index] = node.members;
      if (!index || !ts.isIndexSignatureDeclaration(index)) return ANY;
      return { kind: 'map', of: this.argumentType(index.type, block, 'struct') };
    }
    if (ts.isTypeReferenceNode(node)) {
      const object = this.objectType(node.typeName.getText(), block);
      // At most one block, which Terraform holds as a list all the same.
      return nesting === 'list' || nesting === 'set' ? { kind: nesting, of: object, single: true } : object;
    }
    const text = node.getText();
    return text === 'string' || text === 'number' || text === 'boolean' ? { kind: text } : ANY;
  }

  private objectType(name: string, block: boolean): ValueType {
    const known = this.seen.get(name);
    if (known) return known;
    const config = this.interfaces.get(name);
    if (!config) return ANY;
    const fields = new Map<string, Field>();
    const type: ValueType = { kind: 'object', block, fields };
    // Before its fields: blocks may hold themselves.
    this.seen.set(name, type);
    for (const [key, field] of this.arguments(config, this.nestingOf(name))) fields.set(key, field);
    return type;
  }

  private nestingOf(objectName: string): Nesting {
    return this.nesting.get(objectName[0]!.toLowerCase() + objectName.slice(1)) ?? new Map();
  }

  private attributes(declaration: ts.ClassDeclaration, nesting: Nesting): Map<string, Field> {
    const fields = new Map<string, Field>();
    const visit = (node: ts.Node): void => {
      const found = this.attribute(node, nesting);
      if (found && !fields.has(found.name)) fields.set(found.name, { type: found.type, required: false });
      node.forEachChild(visit);
    };
    declaration.members.forEach(visit);
    return fields;
  }

  /** `this.getStringAttribute('arn')`, `cdktf.Fn.tolist(this.getListAttribute('ids'))` or `new XList(this, "x", false)`. */
  private attribute(node: ts.Node, nesting: Nesting): { name: string; type: ValueType } | undefined {
    if (ts.isCallExpression(node)) {
      const [, type] = /^this\.get(\w+)Attribute$/.exec(node.expression.getText()) ?? [];
      const name = node.arguments[0];
      if (type === undefined || !name || !ts.isStringLiteral(name)) return undefined;
      const isSet = ts.isCallExpression(node.parent) && node.parent.expression.getText() === 'cdktf.Fn.tolist';
      return { name: name.text, type: attributeType(type, isSet) };
    }
    if (!ts.isNewExpression(node) || node.arguments?.[0]?.kind !== ts.SyntaxKind.ThisKeyword) return undefined;
    const [, name, wrapsSet] = node.arguments;
    if (!name || !ts.isStringLiteral(name)) return undefined;
    const holder = node.expression.getText();
    if (holder.startsWith('cdktf.')) return { name: name.text, type: attributeType(holder.slice(6), false) };
    const of = this.outputType(holder.replace(/(List|OutputReference)$/, ''));
    const single = nesting.get(name.text);
    if (holder.endsWith('List')) {
      return { name: name.text, type: { kind: wrapsSet?.kind === ts.SyntaxKind.TrueKeyword ? 'set' : 'list', of } };
    }
    return { name: name.text, type: single === 'list' || single === 'set' ? { kind: single, of } : of };
  }

  private outputType(name: string): ValueType {
    const key = `output ${name}`;
    const known = this.seen.get(key);
    if (known) return known;
    const declaration = this.classes.get(`${name}OutputReference`);
    if (!declaration) return ANY;
    const fields = new Map<string, Field>();
    const type: ValueType = { kind: 'object', block: false, fields };
    this.seen.set(key, type);
    for (const [key, field] of this.attributes(declaration, this.nestingOf(name))) fields.set(key, field);
    return type;
  }
}

function baseOf(node: ts.ClassDeclaration | ts.InterfaceDeclaration): string {
  return node.heritageClauses?.[0]?.types[0]?.getText() ?? '';
}

function attributeType(getter: string, isSet: boolean): ValueType {
  const [, of, many] = /^(String|Number|Boolean|Any)?(List|Map)?$/.exec(getter) ?? [];
  const element = { kind: (of ?? 'any').toLowerCase() } as ValueType;
  if (many === undefined) return element;
  const items: ValueType = of === undefined ? { kind: 'string' } : element;
  return { kind: many === 'Map' ? 'map' : isSet ? 'set' : 'list', of: items };
}

/** How HCL has the nested objects of an object: `name: { ..., isBlock: true, type: "list", ... }`. */
function nestingOf(node: ts.Node): Nesting {
  const found = new Map<string, string>();
  const visit = (each: ts.Node): void => {
    if (ts.isPropertyAssignment(each) && ts.isObjectLiteralExpression(each.initializer)) {
      const type = each.initializer.properties.find((property) => property.name?.getText() === 'type');
      if (type && ts.isPropertyAssignment(type) && ts.isStringLiteral(type.initializer)) {
        found.set(each.name.getText().replaceAll(/["']/g, ''), type.initializer.text);
        return;
      }
    }
    each.forEachChild(visit);
  };
  visit(node);
  return found;
}
