import type { Queryable } from "../postgres/connect.ts";
import { encodeJson, type JsonObject } from "./json.ts";
import type { Phase } from "./phase.ts";

export type MigrationState = "draft" | "active" | "completed" | "aborted";
/** What people want of a running migration (law 11). */
export type Intent = "run" | "hold" | "abort";

/** One migration of one database. */
export interface Migration {
  readonly id: string;
  readonly state: MigrationState;
  readonly intent: Intent;
  readonly intentBy: string | undefined;
  /** The earliest phase that is not done. */
  readonly phase: Phase;
  readonly driver: string;
  readonly configDigest: string;
  readonly plan: JsonObject;
  readonly epoch: bigint;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
}

interface MigrationRow {
  id: string;
  state: MigrationState;
  intent: Intent;
  intent_by: string | null;
  phase: Phase;
  driver: string;
  config_digest: string;
  plan: JsonObject;
  epoch: string;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
}

const columns =
  "id, state, intent, intent_by, phase, driver, config_digest, plan, epoch, created_at, started_at, ended_at";

function fromRow(row: MigrationRow): Migration {
  return {
    id: row.id,
    state: row.state,
    intent: row.intent,
    intentBy: row.intent_by ?? undefined,
    phase: row.phase,
    driver: row.driver,
    configDigest: row.config_digest,
    plan: row.plan,
    epoch: BigInt(row.epoch),
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
  };
}

/** Creates the draft that `plan`, `check` or `start` begins with, and its waiting `preflight`. An existing one is left as it is. */
export async function createDraft(
  db: Queryable,
  draft: { readonly id: string; readonly driver: string; readonly configDigest: string; readonly plan?: JsonObject },
): Promise<void> {
  await db.query(
    `with fresh as (
       insert into journal.migration (id, state, phase, driver, config_digest, plan)
       values ($1, 'draft', 'preflight', $2, $3, $4) on conflict (id) do nothing returning id)
     insert into journal.phase_run (migration_id, phase, state) select id, 'preflight', 'waiting' from fresh`,
    [draft.id, draft.driver, draft.configDigest, encodeJson(draft.plan ?? {})],
  );
}

/** The migration, if there is one. */
export async function getMigration(db: Queryable, id: string): Promise<Migration | undefined> {
  const [row] = await db.query<MigrationRow>(`select ${columns} from journal.migration where id = $1`, [id]);
  return row && fromRow(row);
}

/** Drafts and active migrations, oldest first. */
export async function listActive(db: Queryable): Promise<Migration[]> {
  const rows = await db.query<MigrationRow>(
    `select ${columns} from journal.migration where state in ('draft', 'active') order by created_at`,
  );
  return rows.map(fromRow);
}

/** Says what people want; a running step notices within two seconds. `by` is a person, or `drawbridge`. */
export async function setIntent(db: Queryable, id: string, intent: Intent, by: string): Promise<void> {
  await db.query("update journal.migration set intent = $2, intent_by = $3 where id = $1", [id, intent, by]);
}

/** Moves the migration's state; stamps when it started or ended. */
export async function setState(db: Queryable, id: string, state: MigrationState): Promise<void> {
  await db.query(
    `update journal.migration set state = $2,
       started_at = case when $2 = 'active' then coalesce(started_at, clock_timestamp()) else started_at end,
       ended_at = case when $2 in ('completed', 'aborted') then clock_timestamp() else null end
     where id = $1`,
    [id, state],
  );
}

/** The phase that people see as the present one, and the only one that is rung. */
export async function setPhase(db: Queryable, id: string, phase: Phase): Promise<void> {
  await db.query("update journal.migration set phase = $2 where id = $1", [id, phase]);
}

/** Writes down the plan and the configuration it was made from; only a draft takes another configuration. */
export async function setPlan(
  db: Queryable,
  id: string,
  made: { readonly plan: JsonObject; readonly configDigest: string },
): Promise<void> {
  await db.query("update journal.migration set plan = $2, config_digest = $3 where id = $1 and state = 'draft'", [
    id,
    encodeJson(made.plan),
    made.configDigest,
  ]);
}

/** Who asked: the name in the configuration, and the Slack account, which keeps when the name is changed. */
export interface Asker {
  readonly person: string;
  readonly slackUser: string;
}

/** Remembers that a person asked for something gated; they may not vote in this migration, under whatever name. */
export async function addRequester(db: Queryable, id: string, by: Asker, verb: string): Promise<void> {
  await db.query(
    "insert into journal.requester (migration_id, person, slack_user, verb) values ($1, $2, $3, $4) on conflict do nothing",
    [id, by.person, by.slackUser, verb],
  );
}

/** Everyone who asked for something gated in this migration, by name: for people to read. */
export async function requesterNames(db: Queryable, id: string): Promise<string[]> {
  const rows = await db.query<{ person: string }>(
    "select distinct person from journal.requester where migration_id = $1 order by person",
    [id],
  );
  return rows.map((row) => row.person);
}

/** All names and Slack accounts of those who asked for something gated in this migration: none of them may vote. */
export async function requesters(db: Queryable, id: string): Promise<string[]> {
  const rows = await db.query<{ who: string }>(
    `select distinct who from journal.requester, unnest(array[person, slack_user]) who
     where migration_id = $1 and who <> '' order by who`,
    [id],
  );
  return rows.map((row) => row.who);
}
