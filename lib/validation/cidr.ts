/** A block of IPv4 addresses. */
export interface Cidr {
  /** First address, as a number. */
  readonly base: number;
  /** Leading bits that all addresses share. */
  readonly prefix: number;
}

const sizeOf = ({ prefix }: Cidr): number => 2 ** (32 - prefix);

/** A block as it is written. */
export function cidrText({ base, prefix }: Cidr): string {
  const bytes = [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256);
  return `${bytes.join('.')}/${prefix}`;
}

/** What is wrong with a block of IPv4 addresses, or undefined. */
export function cidrProblem(text: string): string | undefined {
  const shape = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(\/(\d{1,2}))?$/.exec(text);
  const bytes = shape?.slice(1, 5).map(Number) ?? [];
  const prefix = Number(shape?.[6] ?? 32);
  if (!shape || bytes.some((byte) => byte > 255) || prefix > 32) {
    return "must be a block of IPv4 addresses, for example '10.0.0.0/16'";
  }
  if (shape[5] === undefined) return `must say how many bits are shared: '${text}/32' for this address alone`;
  const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const base = Math.floor(address / 2 ** (32 - prefix)) * 2 ** (32 - prefix);
  return base === address ? undefined : `must begin at the block's first address: '${cidrText({ base, prefix })}'`;
}

/** A block that {@link cidrProblem} found nothing wrong with. */
export function parseCidr(text: string): Cidr {
  const [address = '', prefix = ''] = text.split('/');
  return { base: address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0), prefix: Number(prefix) };
}

/** Whether all addresses of `inner` are in `outer`. */
export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return inner.prefix >= outer.prefix && inner.base >= outer.base && inner.base < outer.base + sizeOf(outer);
}

/** Whether two blocks share addresses. */
export function cidrsOverlap(one: Cidr, other: Cidr): boolean {
  return containsCidr(one, other) || containsCidr(other, one);
}

/** The block number `index` of those that `bits` more shared bits cut a block into. */
export function subCidr(whole: Cidr, bits: number, index: number): Cidr {
  const prefix = whole.prefix + bits;
  return { base: whole.base + index * 2 ** (32 - prefix), prefix };
}

// RFC 1918, and RFC 6598, which AWS allows in networks as well.
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'];

/** What is wrong with a block of a private network, or undefined. */
export function privateCidrProblem(text: string): string | undefined {
  const problem = cidrProblem(text);
  if (problem !== undefined) return problem;
  return PRIVATE.some((range) => containsCidr(parseCidr(range), parseCidr(text)))
    ? undefined
    : `must be private addresses, which are ${PRIVATE.join(', ')}`;
}
