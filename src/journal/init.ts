import { readFile } from "node:fs/promises";
import { DrawbridgeError } from "../errors.ts";
import { openDatabase, type Queryable } from "../postgres/connect.ts";
import { quoteIdent, quoteLiteral } from "../postgres/identifier.ts";
import type { Secret } from "../redact.ts";
import { anyoneLocks, grantStatements, lockStatements, type Part } from "./grants.ts";
import { newerJournal, newestOf, schemaDir, schemaFiles, schemaVersion } from "./schema-version.ts";

/** A login of the journal: its name, and a SCRAM verifier in place of a password. */
export interface JournalLogin {
  readonly role: string;
  /** `SCRAM-SHA-256$…`; see `scramVerifier` of the postgres room. */
  readonly verifier: string;
}

/** How `initJournal` left the journal. */
export interface InitResult {
  /** The schema's version. */
  readonly version: number;
  /** Agents could take the advisory locks that leases are: only a superuser of the server can forbid it. */
  readonly agentsMayLock: boolean;
}

/** What `initJournal` needs. The administrator must own the database and may create roles. */
export interface InitOptions {
  readonly adminUrl: Secret;
  readonly bot: JournalLogin;
  readonly worker: JournalLogin;
}

/**
 * Creates the journal's schema or brings it up to date, and makes its two logins with exactly their rights. One
 * transaction under an advisory lock: all of it happens, or nothing. Safe to repeat, also with new names or passwords.
 * @throws DrawbridgeError `DB_JOURNAL_CONFLICT` when the schema is newer than this program.
 */
export async function initJournal(options: InitOptions): Promise<InitResult> {
  if (options.bot.role === options.worker.role) {
    throw new DrawbridgeError("DB_CONFIG", "bot and worker need journal roles of their own");
  }
  await using db = openDatabase(options.adminUrl, { applicationName: "drawbridge-journal-init", max: 1 });
  return await db.transaction(
    async (tx) => {
      await tx.query("select pg_advisory_xact_lock(7305, 0)");
      const version = await updateSchema(tx);
      const [place] = await tx.query<{ name: string }>("select current_database() as name");
      await tx.query("delete from journal.part");
      for (const part of ["bot", "worker"] as const) {
        await makeLogin(tx, part, options[part], place?.name ?? "");
      }
      for (const statement of lockStatements(options.worker.role)) await tx.query(statement);
      const [locks] = await tx.query<{ open: boolean }>(anyoneLocks);
      return { version, agentsMayLock: locks?.open !== false };
    },
    { statementTimeoutMs: 60_000, lockTimeoutMs: 30_000 },
  );
}

async function updateSchema(tx: Queryable): Promise<number> {
  const have = await schemaVersion(tx);
  const files = await schemaFiles();
  const newest = newestOf(files);
  if (have > newest) throw newerJournal(have, newest);
  for (const file of files.filter((name) => Number(name.slice(0, 3)) > have)) {
    await tx.query(await readFile(new URL(file, schemaDir), "utf8"));
    await tx.query(`create table if not exists journal.schema_version (
      version integer primary key, file text not null, at timestamptz not null default clock_timestamp())`);
    await tx.query("insert into journal.schema_version (version, file) values ($1, $2)", [
      Number(file.slice(0, 3)),
      file,
    ]);
  }
  return newest;
}

async function makeLogin(tx: Queryable, part: Part, login: JournalLogin, database: string): Promise<void> {
  if (!login.verifier.startsWith("SCRAM-SHA-256$")) {
    throw new DrawbridgeError("DB_CONFIG", `the journal's ${part} login needs a SCRAM verifier, not a password`);
  }
  const found = await tx.query("select rolname from pg_roles where rolname = $1", [login.role]);
  const name = quoteIdent(login.role);
  if (found.length === 0) await tx.query(`create role ${name} nologin`);
  await tx.query(`alter role ${name} login password ${quoteLiteral(login.verifier)}`);
  await tx.query("insert into journal.part (role_name, part) values ($1, $2)", [login.role, part]);
  for (const statement of grantStatements(part, login.role, database)) await tx.query(statement);
}
