import { workloadRoleName } from 'cdk8s-mlops';

describe('workloadRoleName', () => {
  test('says cluster, namespace and account', () => {
    expect(workloadRoleName('acme-staging', 'fraud', 'fraud-detector-serving')).toBe(
      'acme-staging.fraud.fraud-detector-serving',
    );
  });

  test('is that of one account: where one part ends and the next begins is told by a character that they cannot have', () => {
    expect(workloadRoleName('acme', 'ml', 'fraud-detector')).not.toBe(workloadRoleName('acme', 'ml-fraud', 'detector'));
  });

  test('has at most 64 characters, which of long names are a beginning and a hash', () => {
    const long = (account: string): string => workloadRoleName('c'.repeat(100), 'n'.repeat(63), account);
    expect(long('a')).toMatch(/^c{55}-[0-9a-f]{8}$/);
    expect(long('a')).not.toBe(long('b'));
    const fits = workloadRoleName('c'.repeat(30), 'n'.repeat(20), 'a'.repeat(12));
    expect([fits.length, fits.includes('.aaaaaaaaaaaa')]).toEqual([64, true]);
  });

  test('must be known when both sides are rendered', () => {
    expect(() => workloadRoleName('${TfToken[TOKEN.1]}', 'ml', 'mlflow')).toThrow(/must be known at synthesis/);
  });
});
