import { createHash } from 'node:crypto';
import { Problems } from '../validation/problems';

const HASH_DIGITS = 8;

/**
 * A name of something in the cloud, made of `parts` joined by hyphens and never longer than `limit` characters. One that fits is not
 * changed. Of one that does not, the beginning is kept, and it ends in 8 hexadecimal digits of the SHA-256 of the whole: so two long
 * names with one beginning stay two names, and the same parts give the same name in every program, the one that renders manifests and
 * the one that renders the cloud.
 *
 * @param limit Most characters, for example 64 for a role of IAM.
 * @param parts Words of the name, none of them empty. They must be known at synthesis: of a token, nobody knows how long it gets.
 * @throws ValidationError listing everything that is wrong.
 */
export function resourceName(limit: number, ...parts: string[]): string {
  const name = parts.join('-');
  const problems = new Problems('resourceName');
  if (!Number.isInteger(limit) || limit < HASH_DIGITS + 2) {
    problems.add('limit', limit, 'must be a whole number from 10 on: one character, a hyphen and the hash');
  }
  if (parts.length === 0 || parts.includes('')) problems.add('parts', parts, 'must be words, none of them empty');
  if (name.includes('${')) {
    problems.add('parts', parts, 'must be known at synthesis: choose the name, and give it to both sides');
  }
  problems.throwIfAny();
  if (name.length <= limit) return name;

  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_DIGITS);
  // RDS refuses two hyphens in a row, ECR two separators of any kind.
  const beginning = name.slice(0, limit - HASH_DIGITS - 1).replace(/[-._/]+$/, '');
  return beginning === '' ? hash : `${beginning}-${hash}`;
}
