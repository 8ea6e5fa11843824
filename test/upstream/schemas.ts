/** Where the runner found the CustomResourceDefinitions: `npm run test:upstream -- --schemas DIR` hands it over. */
export const SCHEMAS_VARIABLE = 'CDK8S_MLOPS_SCHEMAS';

/** @throws Error that says how the tests are run. */
export function schemasDirectory(): string {
  const directory = process.env[SCHEMAS_VARIABLE];
  if (directory === undefined) throw new Error('run these tests by: npm run test:upstream -- --schemas DIR');
  return directory;
}
