import pino, { type Logger } from 'pino';

export type Log = Logger;

/** Structured logs, one JSON object a line, on standard error: standard output belongs to the result. */
export function createLog(app: string, level = 'info'): Log {
  return pino(
    {
      name: app,
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
