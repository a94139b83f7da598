import { readNamedSecrets } from "../config/secrets.ts";
import { DrawbridgeError } from "../errors.ts";
import { initJournal, type JournalLogin } from "../journal/init.ts";
import { scramVerifier } from "../postgres/scram.ts";
import { parseDatabaseUrl } from "../postgres/url.ts";
import { type Secret } from "../redact.ts";
import { environment } from "./environment.ts";

/** `drawbridge journal init`: schema, roles and grants, by an administrator of the journal's server. Safe to repeat. */
export async function journalInit(): Promise<void> {
  const names = [
    "DRAWBRIDGE_ADMIN_JOURNAL_URL",
    "DRAWBRIDGE_BOT_JOURNAL_URL",
    "DRAWBRIDGE_WORKER_JOURNAL_URL",
  ] as const;
  const urls = readNamedSecrets("journal init", names, environment());
  const { version, agentsMayLock } = await initJournal({
    adminUrl: urls.DRAWBRIDGE_ADMIN_JOURNAL_URL,
    bot: loginOf(urls.DRAWBRIDGE_BOT_JOURNAL_URL, "DRAWBRIDGE_BOT_JOURNAL_URL"),
    worker: loginOf(urls.DRAWBRIDGE_WORKER_JOURNAL_URL, "DRAWBRIDGE_WORKER_JOURNAL_URL"),
  });
  process.stdout.write(`journal is at schema version ${version}; bot and worker may log in\n`);
  if (agentsMayLock) {
    process.stdout.write(
      "note: DRAWBRIDGE_ADMIN_JOURNAL_URL is no superuser, so that PostgreSQL lets any login take advisory locks. A bridge's agent could keep workers from taking a lease; `select usename, l.* from pg_locks l join pg_stat_activity using (pid) where locktype = 'advisory'` shows who has one.\n",
    );
  }
}

/** The login that a URL names; only a verifier of its password is sent to the server. */
export function loginOf(url: Secret, name: string): JournalLogin {
  const { user, password } = parseDatabaseUrl(url);
  if (password === undefined) throw new DrawbridgeError("DB_CONFIG", `${name}: the URL names no password`);
  return { role: user, verifier: scramVerifier(password) };
}
