import { join } from "node:path";
import { execa } from "execa";
import { DrawbridgeError } from "../errors.ts";
import { redact, type Secret } from "../redact.ts";
import { parseDatabaseUrl } from "./url.ts";

/** One run of a PostgreSQL client program. */
export interface ToolOptions {
  /** Directory of `pg_dump` and `pg_restore`. */
  readonly bindir: string;
  /** Where to connect; goes through the environment, never through argv. Absent for tools that read a file only. */
  readonly url?: Secret;
  readonly args: readonly string[];
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a program said. Standard error is redacted. */
export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** libpq's environment variables for a URL. */
function connectionEnvironment(url: Secret): Record<string, string> {
  const at = parseDatabaseUrl(url);
  return {
    PGHOST: at.host,
    PGPORT: String(at.port),
    PGUSER: at.user,
    PGDATABASE: at.database,
    PGAPPNAME: "drawbridge-tool",
    PGCONNECT_TIMEOUT: "10",
    PGSSLMODE: at.host.startsWith("/") ? "disable" : at.sslMode,
    ...(at.sslRootCert === undefined ? {} : { PGSSLROOTCERT: at.sslRootCert }),
    ...(at.password === undefined ? {} : { PGPASSWORD: at.password.reveal() }),
    // also while a fence of ours stands, and for hours
    PGOPTIONS: `${at.options ?? ""} -c statement_timeout=0 -c default_transaction_read_only=off`.trim(),
    // nothing of the caller's own files
    PGPASSFILE: "/nonexistent",
    PGSERVICEFILE: "/nonexistent",
  };
}

/**
 * Runs `pg_dump`, `pg_restore` …; the exit code is the caller's to judge. The program inherits nothing of our environment.
 * @throws DrawbridgeError `DB_BAD_INPUT` when there is no such program, `DB_WAIT_TIMEOUT` at the deadline, the signal's reason.
 */
export async function runTool(name: string, options: ToolOptions): Promise<ToolResult> {
  options.signal?.throwIfAborted();
  const result = await execa(join(options.bindir, name), [...options.args], {
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C", ...(options.url ? connectionEnvironment(options.url) : {}) },
    extendEnv: false,
    reject: false,
    timeout: options.deadlineMs,
    ...(options.signal ? { cancelSignal: options.signal } : {}),
    stdin: "ignore",
    maxBuffer: 50_000_000,
  });
  options.signal?.throwIfAborted();
  if (result.timedOut) throw new DrawbridgeError("DB_WAIT_TIMEOUT", `${name} ran longer than ${options.deadlineMs} ms`);
  if (result.code === "ENOENT" || result.code === "EACCES") {
    throw new DrawbridgeError("DB_BAD_INPUT", `no program ${name} in ${options.bindir}`, { cause: result });
  }
  return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: redact(result.stderr) };
}
