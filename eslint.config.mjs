import prettier from 'eslint-config-prettier';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const providerIndex = {
  regex: '^@cdktf/provider-[a-z]+$',
  message: "import the resource's own path, e.g. '@cdktf/provider-aws/lib/s3-bucket': the index costs 2.5 s and 500 MB",
};
const effects = {
  regex: '^(node:)?(fs|child_process|net|tls|http|https|http2|dgram|dns|worker_threads|cluster)(/.*)?$',
  message: 'lib/ touches no file, process or network; QualityGates.fromFile is the one exception',
};
const cloud = {
  regex: '(^cdktf($|/))|(^@cdktf/)|(/aws(/|$))',
  message: 'only lib/aws may import cdktf or the cloud half: the root entry must stay small',
};
const onlyItself = { regex: '^(?!\\./)', message: 'lib/contract imports nothing but its own files' };

export default tseslint.config(
  { ignores: ['build/', 'dist/', 'cdktf.out/', 'coverage/', 'node_modules/', 'test/consumer/', 'test/upstream/'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.mjs', '*.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { 'import-x': importX },
    rules: {
      '@typescript-eslint/member-ordering': ['error', { default: ['static-method', 'field', 'constructor', 'method'] }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      'import-x/no-duplicates': 'error',
      'import-x/order': [
        'error',
        {
          alphabetize: { order: 'asc' },
          'newlines-between': 'never',
          // Said by name: whether it resolves depends on whether the package has been built.
          pathGroups: [{ pattern: 'cdk8s-mlops{,/**}', group: 'external', position: 'after' }],
          pathGroupsExcludedImportTypes: [],
        },
      ],
      'max-lines': ['error', { max: 320, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-imports': ['error', { patterns: [effects, cloud, providerIndex] }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'pass settings as props: lib/ reads no environment' },
      ],
      'no-restricted-globals': ['error', 'fetch'],
    },
  },
  {
    files: ['lib/aws/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [effects, providerIndex] }] },
  },
  {
    files: ['lib/contract/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [onlyItself] }] },
  },
  {
    files: ['lib/model/quality-gates.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [cloud, providerIndex] }] },
  },
  {
    // Rendered manifests are read as the cluster reads them: without types.
    files: ['test/**/*.ts', '**/*.test.ts'],
    rules: {
      'max-lines': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  { files: ['**/*.js', '**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  { files: ['**/*.js'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  prettier,
);
