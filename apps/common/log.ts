import pino, { type Logger } from 'pino';

export type Log = Logger;

const LEVELS: readonly string[] = [...Object.keys(pino.levels.values), 'silent'];
const DEFAULT_LEVEL = 'info';

/** Structured logs, one JSON object a line, on standard error: standard output belongs to the result. */
export function createLog(app: string, level = DEFAULT_LEVEL): Log {
  const known = LEVELS.includes(level);
  const log = pino(
    {
      name: app,
      level: known ? level : DEFAULT_LEVEL,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  if (!known) log.warn(`LOG_LEVEL must be one of ${LEVELS.join(', ')}, got '${level}': '${DEFAULT_LEVEL}' is used`);
  return log;
}
