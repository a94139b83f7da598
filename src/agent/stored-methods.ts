import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeOwned } from "../archive/server/owned-file.ts";
import type { AgentGoal, BridgeLogin } from "../journal/agent-rows.ts";
import type { Queryable } from "../postgres/connect.ts";
import type { AgentContext } from "./context.ts";
import { pgHbaConf } from "./server-config.ts";
import { ensureServerTls } from "./server-tls.ts";

/**
 * Lets each of the goal's roles in by the method that fits what is stored for it, and writes `pg_hba.conf` anew where that
 * changes it. The source's owner cannot read what is stored, so the goal says md5, which takes both; here we can. A role that
 * is stored as md5 could not log in under a SCRAM line; a superuser has no line at all, whatever the goal says.
 */
export async function agreeMethods(context: AgentContext, goal: AgentGoal, session: Queryable): Promise<void> {
  const { paths, user } = context;
  const wanted = (goal.params.logins ?? []).map(({ role }) => role);
  const logins = await session.query<BridgeLogin & Record<string, unknown>>(
    `select rolname as role, case when rolpassword like 'SCRAM-SHA-256$%' then 'scram-sha-256' else 'md5' end as method
       from pg_authid where rolname = any($1::text[]) and rolcanlogin and not rolsuper
      order by array_position($1::text[], rolname::text)`,
    [wanted],
  );
  const { database } = goal.params;
  const content = pgHbaConf({ logins, database, tls: await ensureServerTls(context) });
  const path = join(paths.dataDir, "pg_hba.conf");
  if ((await readFile(path, "utf8")) === content) return;
  await writeOwned(path, content, user.owner);
  await session.query("select pg_reload_conf()");
}
