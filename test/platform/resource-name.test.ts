import { resourceName } from '../../lib/platform/resource-name';
import { problemsOf } from '../support/synth';

const LONG = 'a-model-with-a-name-that-is-much-longer-than-any-role-may-be';

test('a name that fits is its parts', () => {
  expect(resourceName(63, 'acme', 'models')).toBe('acme-models');
  expect(resourceName(11, 'acme', 'models')).toBe('acme-models');
  expect(resourceName(63, 'acme')).toBe('acme');
});

test('a longer one is cut, and ends in a hash of the whole', () => {
  expect(resourceName(16, 'production', 'models')).toBe('product-094b3fdc');
  for (const limit of [10, 24, 63, 64, 100]) {
    const name = resourceName(limit, 'production', LONG, LONG);
    expect(name).toHaveLength(limit);
    expect(name.endsWith(resourceName(10, 'production', LONG, LONG).slice(2))).toBe(true);
  }
});

test('two long names stay two, whichever end tells them apart', () => {
  expect(resourceName(40, 'staging', LONG, 'a')).not.toBe(resourceName(40, 'staging', LONG, 'b'));
  expect(resourceName(40, 'a', LONG)).not.toBe(resourceName(40, 'b', LONG));
});

test('the same parts give the same name', () => {
  expect(resourceName(40, 'staging', LONG)).toBe(resourceName(40, 'staging', LONG));
});

test.each(['acme--models-of-the-year', 'acme-_models-of-the-year', 'acme/.models-of-the-year'])(
  'the cut of %s leaves no two separators in a row',
  (name) => {
    expect(resourceName(15, name)).toMatch(/^acme-[0-9a-f]{8}$/);
  },
);

test('nothing is left of a name that begins with separators only', () => {
  expect(resourceName(10, '---', LONG)).toMatch(/^[0-9a-f]{8}$/);
});

test('what is no name', () => {
  expect(problemsOf(() => resourceName(9, 'acme'))).toEqual([
    "'limit' (9) must be a whole number from 10 on: one character, a hyphen and the hash",
  ]);
  expect(problemsOf(() => resourceName(20.5, 'acme'))).toHaveLength(1);
  expect(problemsOf(() => resourceName(NaN, 'acme'))).toHaveLength(1);
  expect(problemsOf(() => resourceName(63))).toEqual(["'parts' ([]) must be words, none of them empty"]);
  expect(problemsOf(() => resourceName(63, 'acme', ''))).toHaveLength(1);
  expect(problemsOf(() => resourceName(63, '${TfToken[TOKEN.1]}'))).toEqual([
    '\'parts\' (["${TfToken[TOKEN.1]}"]) must be known at synthesis: choose the name, and give it to both sides',
  ]);
  expect(problemsOf(() => resourceName(0, ''))).toHaveLength(2);
});
