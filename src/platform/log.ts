import { destination, pino, stdSerializers, stdTimeFunctions } from 'pino';

/** Constant message, facts in fields. Never sample data, label values, payloads or credentials. */
export interface Log {
  error(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  debug(message: string, fields?: Record<string, unknown>): void;
}

export type LogLevel = keyof Log;

/** Where lines go. */
export type LogSink = { write(line: string): void };

/**
 * A log of JSON lines: `{"level":"info","time":"2026-01-02T03:04:05.678Z","message":"segment flushed", …fields}`.
 * An error in the field `error` is written with type, message, stack, code and details.
 *
 * Lines are written synchronously: the last one before a crash is the one that matters, and there are few per minute.
 */
export function createLog(level: LogLevel, sink: LogSink = destination({ fd: 2, sync: true })): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.errWithCause },
    },
    sink,
  );
  return {
    error: (message, fields = {}) => logger.error(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    debug: (message, fields = {}) => logger.debug(fields, message),
  };
}
