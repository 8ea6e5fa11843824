import { type FeatureSchema, type ModelSchema } from 'cdk8s-mlops/contract';
import { type Body, isObject, type JsonObject, parseBody, property } from './json-body';
import { PayloadError, shown } from './payload-error';
import { areTensors, readTensor, type Tensor } from './tensor';

/** A feature's value; null when it is missing. */
export type FeatureValue = number | string | boolean | null;

/** One instance: a value for each of the schema's features, in their order. */
export type FeatureRow = FeatureValue[];

/** What a request asked. */
export interface DecodedRequest {
  /** The V2 protocol's own id. */
  readonly id?: string;
  readonly rows: FeatureRow[];
  /** Features that no instance has. */
  readonly missing: string[];
  /** Names that are no features; their values are left out. */
  readonly unknown: string[];
}

type Features = readonly FeatureSchema[];
type Instances = Omit<DecodedRequest, 'id'>;

/**
 * Decodes the body of a request. Read are
 * - V1 `{"instances": [...]}` (or `"inputs"`), with instances as objects by feature name, as lists in the schema's
 *   order or, where there is one feature, as values;
 * - V1 by column: `{"inputs": {"age": [...], ...}}`;
 * - V2 `{"inputs": [tensors]}`: one of shape [n, features] (or [features]) in the schema's order, or one of shape [n]
 *   or [n, 1] for each feature, by name.
 *
 * Values stay as they were sent, except in numeric features: texts such as 'NaN' become null and 'inf' a number.
 *
 * @throws PayloadError when the body is none of these, a list is of the wrong length, a value is no plain one, tensors
 * are binary, or there are names but none of a feature
 */
export function decodeRequest(body: Body, schema: Pick<ModelSchema, 'features'>): DecodedRequest {
  const request = parseBody(body, 'the request body');
  const { features } = schema;
  const decoded = decode(request, features);
  const { missing, unknown } = decoded;
  if (unknown.length > 0 && missing.length === features.length) {
    const names = features.map(({ name }) => name).join(', ');
    throw new PayloadError(`the request has ${unknown.join(', ')}, none of which is a feature; expected ${names}`);
  }
  return typeof request.id === 'string' ? { id: request.id, ...decoded } : decoded;
}

function decode(request: JsonObject, features: Features): Instances {
  const { inputs, instances } = request;
  if (Array.isArray(inputs))
    return areTensors(inputs) ? fromTensors(inputs, features) : fromInstances(inputs, features);
  if (isObject(inputs)) return fromColumns(new Map(Object.entries(inputs)), features, listColumn);
  if (Array.isArray(instances)) return fromInstances(instances, features);
  throw new PayloadError(
    `the request body is ${shown(request)}; expected a list 'instances' (V1) or 'inputs' (V1, V2)`,
  );
}

function fromInstances(instances: readonly unknown[], features: Features): Instances {
  const tally = new Tally(features);
  const rows = instances.map((instance, row) => {
    if (isObject(instance)) return objectRow(instance, row, features, tally);
    tally.hasList = true;
    if (Array.isArray(instance)) return listRow(instance, row, features);
    if (features.length === 1) return listRow([instance], row, features);
    throw new PayloadError(
      `instance ${row} is ${shown(instance)}; expected an object or a list of ${features.length} values`,
    );
  });
  return { rows, missing: rows.length === 0 ? [] : tally.missing(), unknown: [...tally.unknown] };
}

/** Which names the instances of a call had. */
class Tally {
  /** Lists have every feature. */
  public hasList = false;
  public readonly found: boolean[];
  public readonly unknown = new Set<string>();
  private names?: ReadonlySet<string>;

  constructor(private readonly features: Features) {
    this.found = new Array<boolean>(features.length).fill(false);
  }

  public collectUnknown(instance: JsonObject): void {
    this.names ??= new Set(this.features.map(({ name }) => name));
    for (const key of Object.keys(instance)) if (!this.names.has(key)) this.unknown.add(key);
  }

  public missing(): string[] {
    if (this.hasList) return [];
    return this.features.filter((_, index) => !this.found[index]).map(({ name }) => name);
  }
}

function objectRow(instance: JsonObject, row: number, features: Features, tally: Tally): FeatureRow {
  let present = 0;
  const values = features.map((feature, index) => {
    const value = property(instance, feature.name);
    if (value === undefined) return null;
    present++;
    tally.found[index] = true;
    return featureValue(value, feature, row);
  });
  if (present < Object.keys(instance).length) tally.collectUnknown(instance);
  return values;
}

/** The list itself, which nobody else keeps, once its values are checked. */
function listRow(values: unknown[], row: number, features: Features): FeatureRow {
  if (values.length !== features.length) {
    throw new PayloadError(`instance ${row} has ${values.length} values; expected ${features.length}, one per feature`);
  }
  features.forEach((feature, index) => {
    values[index] = featureValue(values[index], feature, row);
  });
  return values as FeatureRow;
}

function fromTensors(inputs: readonly unknown[], features: Features): Instances {
  const tensors = inputs.map(readTensor);
  const [first] = tensors;
  if (first && tensors.length === 1 && isMatrix(first, features)) {
    return { rows: matrixRows(first, features), missing: [], unknown: [] };
  }
  return fromColumns(new Map(tensors.map((tensor) => [tensor.name, tensor])), features, tensorColumn);
}

/** Whether a tensor that is alone has all features, and not just the one it is named after. */
function isMatrix({ name, shape }: Tensor, features: Features): boolean {
  return !features.some((feature) => feature.name === name) || (shape.length > 1 && shape.at(-1) === features.length);
}

function matrixRows({ name, shape, data }: Tensor, features: Features): FeatureRow[] {
  const width = features.length;
  const oneRow = shape.length === 1 && shape[0] === width;
  const values = shape.length === 1 && width === 1;
  if (!oneRow && !values && !(shape.length === 2 && shape[1] === width)) {
    throw new PayloadError(
      `tensor '${name}' has the shape [${shape.join(', ')}]; expected [n, ${width}], ` +
        'or one tensor per feature, named after it',
    );
  }
  // Most calls have one instance, whose values need no copy.
  if (data.length === width) return [listRow(data, 0, features)];
  return Array.from({ length: data.length / width }, (_, row) =>
    listRow(data.slice(row * width, (row + 1) * width), row, features),
  );
}

/** Columns by name, which is used up; those of no feature are not looked at. */
function fromColumns<Column>(
  columns: Map<string, Column>,
  features: Features,
  valuesOf: (column: Column, name: string) => readonly unknown[],
): Instances {
  const found = features.map(({ name }) => {
    const column = columns.get(name);
    return column === undefined ? undefined : valuesOf(column, name);
  });
  const length = found.find((values) => values)?.length ?? 0;
  const missing: string[] = [];
  features.forEach(({ name }, index) => {
    const values = found[index];
    columns.delete(name);
    if (!values) missing.push(name);
    else if (values.length !== length) {
      throw new PayloadError(
        `input '${name}' has ${values.length} values; expected ${length}, as the inputs before it`,
      );
    }
  });
  const rows = Array.from({ length }, (_, row) =>
    features.map((feature, index) => {
      const values = found[index];
      return values ? featureValue(values[row], feature, row) : null;
    }),
  );
  return { rows, missing, unknown: [...columns.keys()] };
}

function listColumn(column: unknown, name: string): readonly unknown[] {
  if (Array.isArray(column)) return column;
  throw new PayloadError(`input '${name}' is ${shown(column)}; expected a list of values`);
}

function tensorColumn(tensor: Tensor): unknown[] {
  const { name, shape } = tensor;
  if (shape.length === 1 || (shape.length === 2 && shape[1] === 1)) return tensor.data;
  throw new PayloadError(`tensor '${name}' has the shape [${shape.join(', ')}]; expected [n] or [n, 1] of a feature`);
}

/** A list of one value, as columns of tensors have them, is the value. */
function featureValue(value: unknown, feature: FeatureSchema, row: number): FeatureValue {
  if (typeof value === 'number' || value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return feature.type === 'numeric' ? numberOfText(value) : value;
  if (Array.isArray(value) && value.length === 1) return featureValue(innermost(value), feature, row);
  throw new PayloadError(
    `instance ${row}: '${feature.name}' is ${shown(value)}; expected a number, a text, true, false or null`,
  );
}

/** Not by recursion: callers choose how deep lists are nested. */
function innermost(list: readonly unknown[]): unknown {
  let value: unknown = list;
  while (Array.isArray(value) && value.length === 1) value = value[0] as unknown;
  return value;
}

const LONGEST_NOT_FINITE = '+Infinity'.length;

/** Numbers that JSON doesn't have and clients send as text; any other text is left for the check of the data to find. */
function numberOfText(text: string): FeatureValue {
  if (text.length > LONGEST_NOT_FINITE) return text;
  if (/^[+-]?nan$/i.test(text)) return null;
  if (!/^[+-]?inf(?:inity)?$/i.test(text)) return text;
  return text.startsWith('-') ? -Infinity : Infinity;
}
