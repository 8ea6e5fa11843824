const DIGEST = /@sha256:[0-9a-f]{64}$/;
const HOST = '[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\\d+)?/';
const PATH = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const REFERENCE = new RegExp(`^(?:${HOST})?${PATH}(?:/${PATH})*(?::\\w[\\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`);
const MOVING_TAGS = ['latest', 'main', 'master', 'nightly', 'edge', 'dev', 'stable'];

/** The tag of an image reference, or undefined when it has none. */
function tagOf(image: string): string | undefined {
  const name = image.replace(DIGEST, '').split('/').pop() ?? '';
  return name.includes(':') ? name.slice(name.lastIndexOf(':') + 1) : undefined;
}

/**
 * What is wrong with an image reference, or undefined. An image is pinned by a digest, or by a tag whose name does not
 * say that it moves.
 *
 * @see https://github.com/distribution/reference (the grammar)
 */
export function imageProblem(image: string, allowMutableTag = false): string | undefined {
  if (!REFERENCE.test(image)) return "must be an image reference, for example 'registry.example/train:1.4.2'";
  if (allowMutableTag || DIGEST.test(image)) return undefined;
  const tag = tagOf(image);
  if (tag === undefined) return "must be pinned by a tag or digest, for example ':1.4.2' or '@sha256:…'";
  return MOVING_TAGS.includes(tag)
    ? `must not have the moving tag '${tag}': pin a version or digest, or set 'allowMutableTag'`
    : undefined;
}
