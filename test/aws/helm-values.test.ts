import { conflictsOf, mergeValues, pathsOf } from '../../lib/aws/cluster-addons/helm-values';

describe('values of charts', () => {
  test('maps are merged, lists and everything else are replaced', () => {
    const base = { a: { b: 1, c: [1, 2] }, d: 'x', e: {} };
    expect(mergeValues(base, { a: { c: [3] }, d: null, e: { f: 0 } })).toEqual({
      a: { b: 1, c: [3] },
      d: null,
      e: { f: 0 },
    });
    expect(base).toEqual({ a: { b: 1, c: [1, 2] }, d: 'x', e: {} });
    expect(mergeValues(base, {})).toEqual(base);
    expect(mergeValues({}, base)).toEqual(base);
  });

  test('a value is in conflict where another one is relied on, however deep', () => {
    const relied = { a: { b: false, c: ['x'] }, e: {} };
    expect(conflictsOf(relied, { a: { b: false, c: ['x'], d: 1 }, e: {}, g: { h: 1 } })).toEqual([]);
    expect(conflictsOf(relied, { a: { b: 0, c: ['x', 'y'] }, e: { f: 1 } })).toEqual([
      { path: 'a.b', got: 0, expected: false },
      { path: 'a.c', got: ['x', 'y'], expected: ['x'] },
      { path: 'e', got: { f: 1 }, expected: {} },
    ]);
    // A map in place of a value, and null in place of a map: Helm would drop what is there.
    expect(conflictsOf(relied, { a: null }).map(({ path }) => path)).toEqual(['a']);
    expect(conflictsOf({ a: 1 }, { a: { b: 1 } }).map(({ path }) => path)).toEqual(['a']);
  });

  test('names of objects, such as `constructor`, are keys as all others', () => {
    expect(conflictsOf({}, { constructor: 1, toString: 2 })).toEqual([]);
  });

  test('paths are those of `helm --set`', () => {
    expect(pathsOf({ a: { 'b.c/d': 1, e: {} }, f: [{ g: 1 }], h: null })).toEqual(['a.b\\.c/d', 'a.e', 'f', 'h']);
  });
});
