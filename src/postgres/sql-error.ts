import { DatabaseError } from "pg";
import { type Code, DrawbridgeError } from "../errors.ts";

/** The SQLSTATE of an error or of one of its causes (`42P01`), `undefined` when no server sent one. */
export function sqlState(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof DatabaseError && at.code !== undefined) return at.code;
  }
  return undefined;
}

// 08: connection exceptions; 57P01..57P05: the server or an administrator ended us; 53300: no free slot;
// 28: login refused, as when Heroku rotates its password.
const connectionStates = /^(08...|57P0[1-5]|53300|28...)$/;

/** The fault that stands for an error of `pg`; `place` is `host:port`. No statement is quoted: it may hold a password. */
export function asDatabaseFault(error: unknown, place: string): DrawbridgeError {
  if (error instanceof DrawbridgeError) return error;
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new DrawbridgeError(faultCode(error), `${place}: ${message}`, { cause: error });
}

function faultCode(error: unknown): Code {
  const state = sqlState(error);
  if (state === undefined) return "DB_CONNECTION";
  if (connectionStates.test(state)) return "DB_CONNECTION";
  // 57014: statement timeout or cancelled; 55P03: lock timeout
  if (state === "57014" || state === "55P03") return "DB_WAIT_TIMEOUT";
  return "DB_UNEXPECTED";
}

/** True for a broken or refused connection, as opposed to a statement that the server refused. */
export function isConnectionLoss(error: unknown): boolean {
  return error instanceof DrawbridgeError && error.code === "DB_CONNECTION";
}
