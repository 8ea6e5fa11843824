import {
  cidrProblem,
  cidrsOverlap,
  cidrText,
  containsCidr,
  parseCidr,
  privateCidrProblem,
  subCidr,
} from '../../lib/validation/cidr';

test.each(['0.0.0.0/0', '10.0.0.0/8', '198.51.100.7/32', '255.255.255.254/31', '100.64.0.0/10'])(
  '%s is a block',
  (text) => {
    expect(cidrProblem(text)).toBeUndefined();
    expect(cidrText(parseCidr(text))).toBe(text);
  },
);

test.each([
  ['', "must be a block of IPv4 addresses, for example '10.0.0.0/16'"],
  ['10.0.0/16', "must be a block of IPv4 addresses, for example '10.0.0.0/16'"],
  ['10.0.0.256/16', "must be a block of IPv4 addresses, for example '10.0.0.0/16'"],
  ['10.0.0.0/33', "must be a block of IPv4 addresses, for example '10.0.0.0/16'"],
  ['fd00::/8', "must be a block of IPv4 addresses, for example '10.0.0.0/16'"],
  ['10.0.0.1', "must say how many bits are shared: '10.0.0.1/32' for this address alone"],
  ['10.0.0.1/16', "must begin at the block's first address: '10.0.0.0/16'"],
  ['255.255.255.255/1', "must begin at the block's first address: '128.0.0.0/1'"],
])('%j is none', (text, problem) => {
  expect(cidrProblem(text)).toBe(problem);
});

test.each([
  ['10.0.0.0/8', true],
  ['172.31.0.0/16', true],
  ['192.168.1.0/24', true],
  ['100.127.0.0/16', true],
  ['172.32.0.0/16', false],
  ['0.0.0.0/0', false],
  ['8.0.0.0/7', false],
])('%s is private: %s', (text, expected) => {
  expect(privateCidrProblem(text) === undefined).toBe(expected);
});

test('a problem of the block comes before whether it is private', () => {
  expect(privateCidrProblem('x')).toBe("must be a block of IPv4 addresses, for example '10.0.0.0/16'");
});

test.each([
  ['10.0.0.0/16', '10.0.255.0/24', true, true],
  ['10.0.0.0/16', '10.1.0.0/24', false, false],
  ['10.0.0.0/24', '10.0.0.0/16', false, true],
  ['10.0.0.0/16', '10.0.0.0/16', true, true],
  ['0.0.0.0/0', '255.255.255.255/32', true, true],
])('%s and %s: contained %s, overlapping %s', (one, other, contained, overlapping) => {
  expect(containsCidr(parseCidr(one), parseCidr(other))).toBe(contained);
  expect(cidrsOverlap(parseCidr(one), parseCidr(other))).toBe(overlapping);
});

test('a block is cut into smaller ones', () => {
  const cut = (bits: number, index: number): string => cidrText(subCidr(parseCidr('192.168.0.0/16'), bits, index));
  expect([cut(2, 0), cut(2, 3), cut(4, 15), cut(0, 0)]).toEqual([
    ...['192.168.0.0/18', '192.168.192.0/18', '192.168.240.0/20', '192.168.0.0/16'],
  ]);
});
