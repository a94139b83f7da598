import { userInfo } from "node:os";
import { join } from "node:path";
import { pgIdentConf } from "../archive/server/conf-files.ts";
import { writeOwned } from "../archive/server/owned-file.ts";
import { writeWalScripts } from "../archive/wal/wal-scripts.ts";
import { DrawbridgeError } from "../errors.ts";
import type { AgentGoal } from "../journal/agent-rows.ts";
import { serverOf, type AgentContext } from "./context.ts";
import { spoolOf } from "./courier.ts";
import { readControlSettings, serverPid, startServer, type LocalServer } from "./local-postgres.ts";
import { listenHostOf, pgHbaConf, postgresqlConf } from "./server-config.ts";
import { ensureServerTls } from "./server-tls.ts";

/**
 * Sees to it that the server runs, with a configuration made for this start. Does not wait until it takes connections.
 * @returns the server, and whether it had to be started
 */
export async function ensureServer(
  context: AgentContext,
  goal: AgentGoal,
): Promise<{ server: LocalServer; started: boolean }> {
  const server = serverOf(context);
  if ((await serverPid(context.paths)) !== undefined) return { server, started: false };
  await writeConfiguration(context, goal, server);
  await startServer(server);
  return { server, started: true };
}

async function writeConfiguration(context: AgentContext, goal: AgentGoal, server: LocalServer): Promise<void> {
  const { deps, paths, user, record } = context;
  const scripts = await writeWalScripts(paths.dir, spoolOf(context));
  // the control file follows the WAL: it knows of limits that were raised after the goal was set
  const known = [goal.params.sourceSettings ?? {}, await readControlSettings(server)];
  const sourceSettings: Record<string, number> = {};
  for (const settings of known) {
    for (const [name, value] of Object.entries(settings)) {
      sourceSettings[name] = Math.max(value, sourceSettings[name] ?? 0);
    }
  }
  const tls = await ensureServerTls(context);
  if (record?.pgMajor === undefined)
    throw new DrawbridgeError("DB_UNEXPECTED", `${paths.recordFile} does not say of which PostgreSQL the bridge is`);
  const conf = postgresqlConf({
    pgMajor: record.pgMajor,
    listenHost: listenHostOf(deps),
    port: server.port,
    socketDir: paths.socketDir,
    ...scripts,
    tls,
    targetTimeline: record.foreign !== undefined && record.foreign.through > 0 ? record.foreign.ours : "latest",
    sourceSettings,
    extraSettings: deps.settings ?? {},
  });
  const hostUsers = [userInfo().username, user.name];
  const files: ReadonlyArray<readonly [string, string]> = [
    ["postgresql.conf", conf],
    ["pg_hba.conf", pgHbaConf({ logins: goal.params.logins ?? [], database: goal.params.database, tls })],
    ["pg_ident.conf", pgIdentConf(hostUsers, server.role)],
  ];
  for (const [name, content] of files) await writeOwned(join(paths.dataDir, name), content, user.owner);
}
