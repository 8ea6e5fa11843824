interface Field {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly names: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const FIELDS: readonly Field[] = [
  { name: 'minute', low: 0, high: 59, names: [] },
  { name: 'hour', low: 0, high: 23, names: [] },
  { name: 'day of month', low: 1, high: 31, names: [] },
  { name: 'month', low: 1, high: 12, names: MONTHS },
  { name: 'day of week', low: 0, high: 6, names: DAYS },
];
const DAYS_OF_MONTH = 2;
const MONTH = 3;
const DAYS_OF_WEEK = 4;

const DESCRIPTORS = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const EXAMPLE = "for example '0 2 * * 0' for Sundays at two";

function value(text: string, field: Field): number | undefined {
  const named = field.names.indexOf(text.toLowerCase());
  if (named >= 0) return named + field.low;
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** The values that a field stands for, or what is wrong with it. */
function expand(text: string, field: Field): number[] | string {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [range = '', step, ...rest] = part.split('/');
    const bad = `has '${part}' as ${field.name}, which must be`;
    if (rest.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step)))
      return `${bad} a value with at most one step`;
    const [first = '', last, ...more] = range.split('-');
    const any = range === '*' || range === '?';
    const low = any ? field.low : value(first, field);
    const ends = any || (last === undefined && step !== undefined) ? field.high : low;
    const high = last === undefined ? ends : value(last, field);
    const valid = low !== undefined && high !== undefined && more.length === 0;
    if (!valid || low < field.low || high > field.high) return `${bad} within ${field.low} to ${field.high}`;
    if (low > high) return `${bad} a range that rises`;
    for (let each = low; each <= high; each += Number(step ?? 1)) values.add(each);
  }
  return [...values];
}

/**
 * What is wrong with a schedule, or undefined: the five fields and descriptors that Kubernetes' CronJob and Argo's
 * CronWorkflow both take, and that fire at least once.
 *
 * @see https://pkg.go.dev/github.com/robfig/cron/v3#hdr-CRON_Expression_Format
 */
export function cronProblem(schedule: string): string | undefined {
  if (/^(CRON_)?TZ=/.test(schedule)) return "must not name a time zone: set 'timeZone'";
  if (schedule.startsWith('@')) {
    return DESCRIPTORS.includes(schedule) ? undefined : `must be a cron expression or one of ${DESCRIPTORS.join(', ')}`;
  }
  const parts = schedule.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    const got = schedule.trim() === '' ? 0 : parts.length;
    return `must have five fields (minute, hour, day of month, month, day of week), got ${got}; ${EXAMPLE}`;
  }
  const expanded = FIELDS.map((field, index) => expand(parts[index] ?? '', field));
  const found = expanded.filter((field) => typeof field === 'string');
  if (found.length > 0) return `${found.join('; ')}; ${EXAMPLE}`;
  const [days, months] = [expanded[DAYS_OF_MONTH] as number[], expanded[MONTH] as number[]];
  // A weekday that is said fires as well as the day of the month; one in steps counts as said.
  const anyWeekday = /^[*?](\/1)?$/.test(parts[DAYS_OF_WEEK] ?? '');
  const fires = months.some((month) => days.some((day) => day <= (LONGEST_MONTH[month - 1] ?? 0)));
  return fires || !anyWeekday ? undefined : 'never fires: no such day in these months';
}

/** What is wrong with an IANA time zone, or undefined. */
export function timeZoneProblem(timeZone: string): string | undefined {
  const expectation = "must be an IANA time zone, for example 'Etc/UTC' or 'Europe/Berlin'";
  if (timeZone === 'UTC' || timeZone === 'GMT') return undefined;
  // Kubernetes refuses 'Local', and abbreviations mean different zones in different places.
  if (!/^[A-Za-z_]+(\/[A-Za-z0-9_+-]+)+$/.test(timeZone)) return expectation;
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    return expectation;
  }
  // Here case does not matter, on the controller's file system it does.
  const canonical = Intl.supportedValuesOf('timeZone').find((zone) => zone.toLowerCase() === timeZone.toLowerCase());
  return canonical === undefined || canonical === timeZone ? undefined : `must be written '${canonical}'`;
}
