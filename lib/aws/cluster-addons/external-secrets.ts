import { type PolicyStatement } from '../access-policy';
import { type AddonContext, type AddonSpec, monitorValues } from './addon-spec';

const ACCOUNT = 'external-secrets';

/** What External Secrets may read with its own identity. */
export interface ReadableSecrets {
  readonly secretArns: readonly string[];
  readonly keyArns: readonly string[];
}

/** External Secrets: it makes Secrets of what AWS Secrets Manager holds, such as the password of MLflow's database. */
export function externalSecrets(context: AddonContext, readable: ReadableSecrets): AddonSpec {
  const statements = readStatements(context, readable);
  return {
    key: 'externalSecrets',
    after: ['nodeScaling', 'kubePrometheusStack'],
    releases: [
      {
        name: 'external-secrets',
        namespace: 'external-secrets',
        repository: 'https://charts.external-secrets.io',
        chart: 'external-secrets',
        version: '2.9.0',
        relied: {
          installCRDs: true,
          crds: { createSecretStore: true },
          processSecretStore: true,
          serviceAccount: { create: true, name: ACCOUNT },
        },
        defaults: { serviceMonitor: monitorValues(context, 'additionalLabels') },
      },
    ],
    ...(statements.length > 0 && {
      identity: {
        namespace: 'external-secrets',
        serviceAccountName: ACCOUNT,
        statements,
        annotations: (annotations) => ({ serviceAccount: { annotations } }),
      },
    }),
  };
}

/** @see https://external-secrets.io/latest/provider/aws-secrets-manager/#iam-policy */
function readStatements({ partition }: AddonContext, { secretArns, keyArns }: ReadableSecrets): PolicyStatement[] {
  if (secretArns.length === 0) return [];
  const suffix = partition === 'aws-cn' ? '.cn' : '';
  const via = { StringLike: { 'kms:ViaService': [`secretsmanager.*.amazonaws.com${suffix}`] } };
  return [
    {
      ...{ Sid: 'ReadSecrets', Effect: 'Allow' },
      Action: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'],
      Resource: secretArns,
    },
    ...(keyArns.length > 0
      ? [
          {
            ...{ Sid: 'DecryptSecrets', Effect: 'Allow' as const },
            Action: ['kms:Decrypt'],
            Resource: keyArns,
            Condition: via,
          },
        ]
      : []),
  ];
}
