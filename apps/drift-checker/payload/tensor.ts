import { binaryTensors, isObject } from './json-body';
import { PayloadError, shown } from './payload-error';

/** A tensor of the Open Inference Protocol (V2), its data in row-major order. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: unknown[];
}

/** Whether a list is one of tensors: V1 calls may name a list of instances the same. */
export function areTensors(list: readonly unknown[]): boolean {
  const [first] = list;
  return isObject(first) && typeof first.name === 'string' && (Array.isArray(first.shape) || Array.isArray(first.data));
}

/**
 * Reads a tensor; nested data are flattened.
 *
 * @throws PayloadError when it is none, its data are binary, or their number isn't its shape's
 */
export function readTensor(value: unknown, index: number): Tensor {
  if (!isObject(value) || typeof value.name !== 'string') {
    throw new PayloadError(`tensor ${index} is ${shown(value)}; expected an object with name, shape, datatype, data`);
  }
  const { name, shape, data, parameters } = value;
  if (isObject(parameters) && parameters.binary_data_size !== undefined) throw binaryTensors(`tensor '${name}'`);
  if (!isShape(shape)) {
    throw new PayloadError(`tensor '${name}' has the shape ${shapeText(shape)}; expected one or more sizes`);
  }
  if (!Array.isArray(data)) throw new PayloadError(`tensor '${name}' has ${shown(data)} as data; expected a list`);
  const flat: unknown[] = Array.isArray(data[0]) ? data.flat(MOST_DIMENSIONS) : data;
  const size = sizeOf(shape);
  if (flat.length !== size) {
    throw new PayloadError(
      `tensor '${name}' has ${flat.length} values; expected ${size} of its shape [${shape.join(', ')}]`,
    );
  }
  return { name, shape, data: flat };
}

/** More than models have; the stack would end with lists that are nested deep enough. */
const MOST_DIMENSIONS = 32;

function isShape(shape: unknown): shape is number[] {
  return (
    Array.isArray(shape) &&
    shape.length > 0 &&
    shape.length <= MOST_DIMENSIONS &&
    (shape as unknown[]).every(isDimension)
  );
}

function shapeText(shape: unknown): string {
  const isFlat =
    Array.isArray(shape) && shape.length <= MOST_DIMENSIONS && shape.every((each) => typeof each !== 'object');
  return isFlat || typeof shape !== 'object' ? String(JSON.stringify(shape)) : shown(shape);
}

function isDimension(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}

/** One entry per index of the first dimension: a value, or a list of them where there is more than one. */
export function firstDimension(tensor: Tensor): unknown[] {
  const { shape, data } = tensor;
  if (data.length === shape[0]) return data;
  if (shape[0] === 1) return [data];
  const width = sizeOf(shape.slice(1));
  return Array.from({ length: shape[0] ?? 0 }, (_, row) => data.slice(row * width, (row + 1) * width));
}
