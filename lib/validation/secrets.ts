const NAME_OF_A_SECRET =
  /(^|_)(PASSWORD|PASSWD|PASSPHRASE|SECRET|SECRET_KEY|SECRET_ACCESS_KEY|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?|CONNECTION_STRING|DSN)$/;

const VALUES_OF_SECRETS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\b(AKIA|ASIA)[0-9A-Z]{16}\b/, 'an AWS access key'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]+:[^\s/@]+@/i, 'a URL with a password'],
  [/\b(ghp|gho|ghs|github_pat|glpat|xox[abp]|hf)[_-][A-Za-z0-9_-]{16,}\b/, 'an access token'],
  [/\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\./, 'a JSON web token'],
];

const REMEDY = "keep it in a Secret and name it under 'secrets' with SecretReference.of(name, key)";

/** What makes a plain text look like a secret, or undefined. The text itself is never repeated. */
export function secretValueProblem(value: string): string | undefined {
  const kind = VALUES_OF_SECRETS.find(([pattern]) => pattern.test(value))?.[1];
  return kind === undefined ? undefined : `carries ${kind} in plain text: ${REMEDY}`;
}

/** Values that no secret has: a path of a file, a special token of a vocabulary such as `[PAD]` or `<eos>`. */
const NO_SECRET = /^(\/.*|[[<].*[\]>])?$/;

/** What makes a variable look like a secret, or undefined. The value itself is never repeated. */
export function secretLiteralProblem(name: string, value: string): string | undefined {
  const problem = secretValueProblem(value);
  if (problem !== undefined) return problem;
  if (NAME_OF_A_SECRET.test(name.toUpperCase()) && !NO_SECRET.test(value)) {
    return `has the name of a secret but a value in plain text: ${REMEDY}`;
  }
  return undefined;
}
