import { checkNames } from './name-limits';
import { checkStack } from './provider-schema';
import { exampleStacks } from './terraform/examples';

type Tree = Record<string, unknown>;

describe('the stacks of the examples', () => {
  const stacks = exampleStacks();

  test.each(stacks)('$name is what the provider takes', ({ json }) => {
    expect(checkStack(json, { complete: true })).toEqual([]);
  });

  test.each(stacks)('$name has names that AWS takes', ({ json }) => {
    expect(checkNames(json)).toEqual([]);
  });

  test('there are some, with resources in them', () => {
    const sizes = Object.fromEntries(
      stacks.map(({ name, json }) => {
        const { resource } = JSON.parse(json) as { resource: Record<string, object> };
        return [name, Object.values(resource).reduce((sum, each) => sum + Object.keys(each).length, 0)];
      }),
    );
    expect(sizes).toMatchObject({
      'aws-platform/demand-production': expect.any(Number),
      'fraud-detection/fraud-staging': expect.any(Number),
      'fraud-detection/fraud-production': expect.any(Number),
    });
    expect(Math.min(...Object.values(sizes))).toBeGreaterThan(20);
  });

  // So nothing of these stacks is passed over.
  test.each(stacks)('of $name, a fault in any resource is found', ({ json }) => {
    const { resource, ...rest } = JSON.parse(json) as { resource: Record<string, Record<string, Tree>> };
    for (const [type, named] of Object.entries(resource)) {
      for (const name of Object.keys(named)) {
        const broken = { ...rest, resource: { ...resource, [type]: { ...named, [name]: { 'no-argument': 1 } } } };
        expect(checkStack(JSON.stringify(broken))).toContain(`${type}.${name}: 'no-argument' is no argument`);
      }
    }
  });
});
