import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DrawbridgeError } from "../errors.ts";
import type { Secret } from "../redact.ts";
import { ownSchemas } from "./tables.ts";
import { runTool } from "./tool.ts";
import { parseDatabaseUrl } from "./url.ts";

/** What to dump. */
export interface DumpOptions {
  /** Programs at least as new as the server. */
  readonly bindir: string;
  readonly url: Secret;
  /** The dump, in pg_dump's custom format. It holds no rows and no passwords. */
  readonly file: string;
  /** An exported snapshot, so that the schema is that of the copy. */
  readonly snapshot?: string;
  /** Besides our own and Heroku's schemas. */
  readonly excludeSchemas?: readonly string[];
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Dumps the schema without rows, publications and subscriptions; owners, grants and default privileges included. */
export async function dumpSchema(options: DumpOptions): Promise<string> {
  const schemas = [...ownSchemas, ...(options.excludeSchemas ?? [])];
  const result = await runTool("pg_dump", {
    ...options,
    args: [
      "--schema-only",
      "--format=custom",
      "--no-publications",
      "--no-subscriptions",
      "--no-security-labels",
      "--no-tablespaces",
      "--lock-wait-timeout=10s",
      `--file=${options.file}`,
      ...(options.snapshot === undefined ? [] : [`--snapshot=${options.snapshot}`]),
      // quoted: otherwise a pattern, folded to lower case
      ...schemas.map((schema) => `--exclude-schema="${schema.replaceAll('"', '""')}"`),
    ],
  });
  if (result.exitCode !== 0) throw new DrawbridgeError("DB_UNEXPECTED", `pg_dump: ${result.stderr.trim()}`);
  return options.file;
}

/** A part of a schema: before the rows, and after (indexes, constraints, triggers). */
export type Section = "pre-data" | "data" | "post-data";

/** What to load. */
export interface LoadOptions {
  readonly bindir: string;
  readonly url: Secret;
  readonly file: string;
  /** All unless told. */
  readonly sections?: readonly Section[];
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** One statement that the target refused. */
export interface LoadError {
  /** pg_restore's entry: `TABLE orders app`; empty where it named none. */
  readonly object: string;
  readonly message: string;
  readonly statement: string;
}

// Made before the load, by those who may: extensions and their comments. Event triggers need a superuser.
const leftOut =
  /^\d+; \d+ \d+ (EXTENSION|COMMENT - EXTENSION|EVENT TRIGGER|COMMENT - EVENT TRIGGER|PUBLICATION|SUBSCRIPTION) /;
// A server has this schema from the start.
const publicSchema = /^\d+; \d+ \d+ (SCHEMA|COMMENT) - (SCHEMA )?public /;

/**
 * Loads a dumped schema and goes on after errors; they are returned, one for each statement that failed. Extensions must
 * be there already.
 * @throws DrawbridgeError when nothing could be loaded at all (no connection, not a dump).
 */
export async function loadSchema(options: LoadOptions): Promise<LoadError[]> {
  const sections = (options.sections ?? []).map((section) => `--section=${section}`);
  const listing = await runTool("pg_restore", { ...withoutUrl(options), args: ["--list", ...sections, options.file] });
  if (listing.exitCode !== 0) throw new DrawbridgeError("DB_BAD_INPUT", `pg_restore --list: ${listing.stderr.trim()}`);
  const wanted = listing.stdout.split("\n").filter((line) => !leftOut.test(line) && !publicSchema.test(line));
  if (!wanted.some((line) => /^\d/.test(line))) return [];
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-load-"));
  try {
    const list = join(folder, "wanted.list");
    await writeFile(list, wanted.join("\n"));
    return await restore(options, [...sections, `--use-list=${list}`]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function restore(options: LoadOptions, choice: readonly string[]): Promise<LoadError[]> {
  const { database } = parseDatabaseUrl(options.url);
  // a conninfo text, since a bare name with "=" in it would be taken for one
  const dbname = `--dbname=dbname='${database.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  // verbose: otherwise it does not say which object failed
  const args = ["--verbose", "--no-tablespaces", dbname, ...choice, options.file];
  const result = await runTool("pg_restore", { ...options, args });
  const errors = parseRestoreErrors(result.stderr);
  if (result.exitCode !== 0 && errors.length === 0) {
    throw new DrawbridgeError("DB_CONNECTION", `pg_restore: ${result.stderr.trim()}`);
  }
  return errors;
}

function withoutUrl({
  bindir,
  deadlineMs,
  signal,
}: LoadOptions): Pick<LoadOptions, "bindir" | "deadlineMs" | "signal"> {
  return { bindir, deadlineMs, signal };
}

/**
 * Reads pg_restore's messages (`pg_backup_archiver.c`, `pg_backup_db.c`): an optional "from TOC entry …" line, then
 * "could not execute query: ERROR: …", then "Command was: …", which may go on over lines.
 */
export function parseRestoreErrors(stderr: string): LoadError[] {
  const errors: LoadError[] = [];
  let object = "";
  for (const part of stderr.split(/^pg_restore: /m)) {
    const entry = /^from TOC entry \d+; \d+ \d+ ([^\n]*)/.exec(part);
    if (entry) object = entry[1] ?? "";
    const failed = /^error: could not execute query: ([\s\S]*?)(?:\nCommand was: ([\s\S]*))?$/.exec(part);
    if (!failed) continue;
    errors.push({ object, message: (failed[1] ?? "").trim(), statement: (failed[2] ?? "").trim() });
  }
  return errors;
}
