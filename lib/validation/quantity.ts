const QUANTITY = /^(\d+(?:\.\d*)?|\.\d+)(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei|[eE][+-]?\d+)?$/;

const FACTORS: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * The number that a Kubernetes quantity stands for, or undefined when it is none.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function quantityValue(quantity: string): number | undefined {
  const match = QUANTITY.exec(quantity);
  if (!match?.[1]) return undefined;
  const suffix = match[2] ?? '';
  const factor = suffix === '' ? 1 : (FACTORS[suffix] ?? Number(`1${suffix}`));
  return Number(match[1]) * factor;
}

/** What is wrong with a CPU quantity, or undefined. */
export function cpuProblem(quantity: string): string | undefined {
  const value = quantityValue(quantity);
  if (value === undefined || /i$|[kMGTPE]$/.test(quantity)) return "must be a CPU quantity, for example '2' or '500m'";
  return value > 0 ? undefined : 'must be more than 0';
}

/** What is wrong with a memory or storage quantity, or undefined. */
export function bytesProblem(quantity: string): string | undefined {
  const value = quantityValue(quantity);
  if (value === undefined) return "must be a quantity of bytes, for example '512Mi' or '10Gi'";
  if (quantity.endsWith('m')) return `is in thousandths of a byte: did you mean '${quantity.slice(0, -1)}Mi'?`;
  if (value > 0 && value < 2 ** 20) return `is ${value} bytes: did you mean '${quantity}Gi'?`;
  return value > 0 ? undefined : 'must be more than 0';
}
