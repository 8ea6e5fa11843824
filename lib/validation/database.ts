import { dnsSubdomainProblem } from './names';

/** What is wrong with the host of a server, or undefined. */
export function hostProblem(host: string): string | undefined {
  if (/^[^:]+:\d*$/.test(host)) return 'must be a host without a port';
  return dnsSubdomainProblem(host) === undefined ? undefined : "must be a host, for example 'db.acme.example'";
}

/** What is wrong with the name of a database of PostgreSQL, or undefined. */
export function databaseNameProblem(name: string): string | undefined {
  return /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(name)
    ? undefined
    : 'must be the name of a database: at most 63 letters, digits, hyphens and underscores, with a letter first';
}

/** https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access.html; RDS puts an exclamation mark into its names. */
const SECRET_ARN = /^arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:[A-Za-z0-9/_+=.@!-]+$/;

/** What is wrong with the ARN of a secret, or undefined. */
export function secretArnProblem(arn: string): string | undefined {
  const example = "for example 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1a2b-Xy7Zab'";
  return SECRET_ARN.test(arn) ? undefined : `must be the ARN of a secret of Secrets Manager, ${example}`;
}

/** Region of the ARN of a secret. */
export function regionOfSecret(arn: string): string {
  return SECRET_ARN.exec(arn)?.[1] ?? '';
}

/** What is wrong with the ARN of a role, or undefined. */
export function roleArnProblem(arn: string): string | undefined {
  return /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(arn)
    ? undefined
    : "must be the ARN of a role, for example 'arn:aws:iam::123456789012:role/mlflow-database'";
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----\s+[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/;

/** What is wrong with a bundle of certificates, or undefined. */
export function certificatesProblem(pem: string): string | undefined {
  if (pem.includes('PRIVATE KEY')) return 'must not have a private key in it';
  if (!CERTIFICATE.test(pem)) return 'must be certificates as PEM, -----BEGIN CERTIFICATE----- and so on';
  // https://kubernetes.io/docs/concepts/configuration/configmap/#motivation
  return Buffer.byteLength(pem) > 1024 * 1024
    ? 'must fit into a ConfigMap, 1 MiB: take the bundle of one region'
    : undefined;
}
