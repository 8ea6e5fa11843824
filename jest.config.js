/** Types are checked by tsc; jest only strips them, which keeps a cold run short. */
const shared = {
  testEnvironment: 'node',
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  moduleNameMapper: {
    '^cdk8s-mlops$': '<rootDir>/lib/index.ts',
    '^cdk8s-mlops/(contract|aws)$': '<rootDir>/lib/$1/index.ts',
    // Modules that are imported when they are needed are named as ECMAScript wants it.
    '^(\\.\\./(?:measured|report)/[\\w-]+)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/build', '<rootDir>/dist', '<rootDir>/cdktf.out'],
};

module.exports = {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{test,examples,apps}/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/integration/', '<rootDir>/test/upstream/'],
    },
    {
      ...shared,
      displayName: 'integration',
      testMatch: ['<rootDir>/test/integration/**/*.test.ts'],
    },
    {
      ...shared,
      displayName: 'upstream',
      testMatch: ['<rootDir>/test/upstream/**/*.test.ts'],
    },
  ],
  testTimeout: 120_000,
};
