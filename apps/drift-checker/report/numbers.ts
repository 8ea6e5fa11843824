/** Digits that a report keeps: more than anyone reads, fewer than what the order of a sum can change. */
const DIGITS = 12;

/** The report's file: numbers rounded, keys in the order of the type, the same bytes for the same report. */
export function serializeReport(report: object): string {
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;
  return `${JSON.stringify(report, rounded, 2)}\n`;
}

/** A number for people. */
export function show(value: number | undefined, digits = 3): string {
  if (value === undefined) return '–';
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 10 ** -digits)) return value.toExponential(1);
  return value.toFixed(Number.isInteger(value) ? 0 : digits);
}

/** A share for people. */
export function showPercent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
