import { DrawbridgeError } from "../errors.ts";
import type { AgentGoal } from "../journal/agent-rows.ts";
import type { Queryable } from "../postgres/connect.ts";
import { quoteIdent, quoteLiteral } from "../postgres/identifier.ts";
import type { AgentContext } from "./context.ts";
import type { LocalServer } from "./local-postgres.ts";
import { adminRole, replicationRole } from "./server-config.ts";
import { readPosition } from "./standby.ts";

/** How long PostgreSQL may take to promote. */
const promoteTimeoutSeconds = 60;

/**
 * Promotes the standby while the goal's row is locked, unless it is a primary already. `false`: the goal was changed first.
 * @throws DrawbridgeError `DB_BRIDGE` when replay is paused (promoting would shut the server down) or promotion fails.
 */
export async function promoteServer(context: AgentContext, goal: AgentGoal, session: Queryable): Promise<boolean> {
  if (!(await readPosition(session)).inRecovery) return true;
  const promoted = await context.deps.journal.withGoalLocked(goal.epoch, async () => {
    const before = await readPosition(session);
    if (!before.inRecovery) return true;
    if (before.replayPaused) {
      throw new DrawbridgeError(
        "DB_BRIDGE",
        "replay is paused: the source's limits were raised; the standby is started again first",
      );
    }
    const [row] = await session.query<{ done: boolean }>(`select pg_promote(true, ${promoteTimeoutSeconds}) as done`);
    if (row?.done !== true) {
      throw new DrawbridgeError("DB_BRIDGE", `the standby did not promote within ${promoteTimeoutSeconds} s`);
    }
    return true;
  });
  return promoted === true;
}

/**
 * What the worker logs in with from now on, made from SCRAM verifiers; then every other superuser of the source's host
 * loses its login, except the one of the local socket, which has no TCP line. May be called again.
 */
export async function prepareRoles(goal: AgentGoal, server: LocalServer, session: Queryable): Promise<void> {
  const { adminVerifier, replVerifier } = goal.params;
  if (adminVerifier !== undefined) await makeRole(session, adminRole, "superuser", adminVerifier);
  if (replVerifier !== undefined) await makeRole(session, replicationRole, "replication", replVerifier);
  const others = await session.query<{ name: string }>(
    `select rolname as name from pg_roles where rolsuper and rolcanlogin and rolname <> all ($1::text[])`,
    [[server.role, adminRole]],
  );
  for (const { name } of others) await session.query(`alter role ${quoteIdent(name)} nologin`);
}

async function makeRole(session: Queryable, name: string, attribute: string, verifier: string): Promise<void> {
  if (!verifier.startsWith("SCRAM-SHA-256$")) {
    throw new DrawbridgeError("DB_BAD_INPUT", `the goal's verifier for ${name} is no SCRAM verifier`);
  }
  const [present] = await session.query("select 1 from pg_roles where rolname = $1", [name]);
  const verb = present ? "alter" : "create";
  await session.query(`${verb} role ${quoteIdent(name)} login ${attribute} password ${quoteLiteral(verifier)}`);
}
