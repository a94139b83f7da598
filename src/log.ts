import { pino } from "pino";
import { redactJson } from "./redact.ts";

/** Structured log: `log.info({ migrationId, step }, "caught up")`. One JSON object a line, on standard error. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
  /** A log whose every line also carries `facts`. */
  child(facts: object): Log;
}

/** Opens the log of one process. Every line passes through {@link redactJson} as its last act. */
export function openLog(role: string, level = "info"): Log {
  const sink = { write: (line: string) => void process.stderr.write(redactJson(line)) };
  return pino({ level, base: { role, pid: process.pid } }, sink);
}

/** A log that keeps nothing, for tests and for library use. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
