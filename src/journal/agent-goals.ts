import type { Queryable } from "../postgres/connect.ts";
import type { AgentFacts, AgentGoal, AgentParams, AgentState } from "./agent-rows.ts";
import { encodeJson } from "./json.ts";

interface GoalRow {
  migration_id: string;
  epoch: string;
  goal: AgentGoal["goal"];
  params: AgentParams;
}

interface StateRow {
  migration_id: string;
  epoch: string;
  state: AgentState["state"];
  facts: AgentFacts;
  at: Date;
}

/** Worker: creates or renews the login of a bridge's agent from a SCRAM verifier. @returns the role's name. */
export async function mintAgent(db: Queryable, migrationId: string, verifier: string): Promise<string> {
  const [row] = await db.query<{ role: string }>("select journal.mint_agent($1, $2) as role", [migrationId, verifier]);
  return row?.role ?? "";
}

/** Worker: the agent's login ends; its rows stay. A role that never was is no error. */
export async function deleteMintedAgent(db: Queryable, migrationId: string): Promise<void> {
  await db.query("select journal.unmint_agent($1)", [migrationId]);
}

/**
 * Worker: says what the bridge should be, under the next epoch of its own (agents refuse lower ones). Waits while the
 * agent keeps the row locked, as it does during a promotion. The agent's role is the one that `mint_agent` makes.
 * @returns the new epoch.
 */
export async function setGoal(
  db: Queryable,
  migrationId: string,
  goal: AgentGoal["goal"],
  params: AgentParams,
): Promise<bigint> {
  const [row] = await db.query<{ epoch: string }>(
    `insert into journal.agent_goal as g (migration_id, agent_role, epoch, goal, params)
     values ($1, 'drawbridge_agent_' || $1, 1, $2, $3)
     on conflict (migration_id) do update set epoch = g.epoch + 1, goal = excluded.goal, params = excluded.params,
       set_at = clock_timestamp(), seen_at = null
     returning epoch`,
    [migrationId, goal, encodeJson(params)],
  );
  return BigInt(row?.epoch ?? 0);
}

/** The present goal. The agent sees only its own. */
export async function readGoal(db: Queryable, migrationId: string): Promise<AgentGoal | undefined> {
  const [row] = await db.query<GoalRow>(
    "select migration_id, epoch, goal, params from journal.agent_goal where migration_id = $1",
    [migrationId],
  );
  return row && goalFromRow(row);
}

/** The present goal, its row locked until the transaction ends; stamps that the agent has seen it. */
export async function lockGoal(tx: Queryable, migrationId: string): Promise<AgentGoal | undefined> {
  const [row] = await tx.query<GoalRow>(
    "select migration_id, epoch, goal, params from journal.agent_goal where migration_id = $1 for update",
    [migrationId],
  );
  if (!row) return undefined;
  await tx.query("update journal.agent_goal set seen_at = clock_timestamp() where migration_id = $1", [migrationId]);
  return goalFromRow(row);
}

function goalFromRow(row: GoalRow): AgentGoal {
  return { migrationId: row.migration_id, epoch: BigInt(row.epoch), goal: row.goal, params: row.params };
}

/** What the agent last said, as a reader finds it. */
export interface AgentReport extends AgentState {
  /** How long ago, by the journal's clock. */
  readonly ageMs: number;
  /** Tells one report from the next: the journal's clock in microseconds, since two may come within a millisecond. */
  readonly stamp: string;
}

/** What the agent last said, and how long ago by the journal's clock. */
export async function readAgentState(db: Queryable, migrationId: string): Promise<AgentReport | undefined> {
  const [row] = await db.query<StateRow & { age_ms: number; stamp: string }>(
    `select migration_id, epoch, state, facts, at, (extract(epoch from at) * 1000000)::bigint as stamp,
       (extract(epoch from clock_timestamp() - at) * 1000)::double precision as age_ms
     from journal.agent_state where migration_id = $1`,
    [migrationId],
  );
  return (
    row && {
      migrationId: row.migration_id,
      epoch: BigInt(row.epoch),
      state: row.state,
      facts: row.facts,
      at: row.at,
      ageMs: row.age_ms,
      stamp: row.stamp,
    }
  );
}

/** Agent: says how it stands. A lower epoch than the one written before is not taken. */
export async function writeAgentState(db: Queryable, state: AgentState): Promise<void> {
  await db.query(
    `insert into journal.agent_state as s (migration_id, agent_role, epoch, state, facts)
     values ($1, 'drawbridge_agent_' || $1, $2, $3, $4)
     on conflict (migration_id) do update set epoch = excluded.epoch, state = excluded.state, facts = excluded.facts,
       at = clock_timestamp() where s.epoch <= excluded.epoch`,
    [state.migrationId, state.epoch, state.state, encodeJson(state.facts)],
  );
}
