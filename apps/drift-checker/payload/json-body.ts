import { PayloadError, shown } from './payload-error';

/** A JSON object. */
export type JsonObject = Record<string, unknown>;

/** A body of a call: as it was sent, as text, or parsed already. */
export type Body = Uint8Array | string | { readonly [name: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A property of the object itself: names such as `constructor` are no features of every object. */
export function property(object: JsonObject, name: string): unknown {
  const value = object[name];
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
    return Object.hasOwn(object, name) ? value : undefined;
  }
  return value;
}

/** Tensors as raw bytes after the JSON: their length is in a header that the logger doesn't keep. */
export function binaryTensors(what: string): PayloadError {
  return new PayloadError(
    `${what} uses the binary tensor extension (binary_data_size), which is not supported: send JSON tensors ('data') ` +
      'and ask for them (binary_data_output: false)',
  );
}

/**
 * A body of a call as a JSON object. Python's bare `NaN` becomes null, its `Infinity` stays infinite.
 *
 * @param what how messages call the body
 * @throws PayloadError when it is empty, compressed, not JSON, or JSON but no object
 */
export function parseBody(body: Body, what: string): JsonObject {
  if (typeof body === 'object' && !ArrayBuffer.isView(body)) return body;
  if (typeof body === 'string' && body.length > 0) return objectOf(parseText(body, what), what);
  if (body.length === 0 || typeof body === 'string') throw new PayloadError(`${what} is empty; expected a JSON object`);
  if (body[0] === 0x1f && body[1] === 0x8b) {
    throw new PayloadError(`${what} is compressed (gzip); expected JSON: the logger keeps no Content-Encoding`);
  }
  const buffer = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return objectOf(parseText(buffer.toString('utf8'), what), what);
}

function objectOf(value: unknown, what: string): JsonObject {
  if (!isObject(value)) throw new PayloadError(`${what} is ${shown(value)}; expected a JSON object`);
  return value;
}

function parseText(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (text.includes('"binary_data_size"')) throw binaryTensors(what);
    const value = parsePython(text);
    if (value !== undefined) return value;
    throw new PayloadError(`${what} is not JSON: it starts with ${shown(text)}`, { cause });
  }
}

const STRING_OR_NOT_FINITE = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g;

/** What Python's `json.dumps` writes for numbers that JSON doesn't have. */
function parsePython(text: string): unknown {
  if (!/\b(?:NaN|Infinity)\b/.test(text)) return undefined;
  const json = text.replace(STRING_OR_NOT_FINITE, (token) => {
    if (token.startsWith('"')) return token;
    if (token.endsWith('NaN')) return 'null';
    // Too large for a number, which JSON.parse makes infinite.
    return token.startsWith('-') ? '-1e999' : '1e999';
  });
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
