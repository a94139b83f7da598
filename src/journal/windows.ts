import type { Queryable } from "../postgres/connect.ts";
import { encodeJson, type JsonObject } from "./json.ts";
import type { WindowName } from "./phase.ts";
import { notJudged, saidSince, storedReactions } from "./stored-reactions.ts";

export type WindowState = "asking" | "open" | "closed" | "put-back" | "cancelled";

/** One try of a window: from asking for approvals to its end. */
export interface WindowRun {
  readonly id: number;
  readonly migrationId: string;
  readonly name: WindowName;
  /** The try of the phase that this window belongs to. */
  readonly try: number;
  readonly state: WindowState;
  readonly askedBy: string;
  readonly forecastMs: number;
  readonly askedAt: Date;
  readonly openedAt: Date | undefined;
  readonly deadlineAt: Date | undefined;
  /** The point of no return: from here the window only goes forward. */
  readonly noReturnAt: Date | undefined;
  readonly endedAt: Date | undefined;
  readonly outcome: string | undefined;
  readonly facts: JsonObject;
}

interface WindowRow {
  id: string;
  migration_id: string;
  name: WindowName;
  try: number;
  state: WindowState;
  asked_by: string;
  forecast_ms: number;
  asked_at: Date;
  opened_at: Date | null;
  deadline_at: Date | null;
  no_return_at: Date | null;
  ended_at: Date | null;
  outcome: string | null;
  facts: JsonObject;
}

const columns = `id, migration_id, name, try, state, asked_by, forecast_ms, asked_at, opened_at, deadline_at,
  no_return_at, ended_at, outcome, facts`;

function fromRow(row: WindowRow): WindowRun {
  return {
    id: Number(row.id),
    migrationId: row.migration_id,
    name: row.name,
    try: row.try,
    state: row.state,
    askedBy: row.asked_by,
    forecastMs: row.forecast_ms,
    askedAt: row.asked_at,
    openedAt: row.opened_at ?? undefined,
    deadlineAt: row.deadline_at ?? undefined,
    noReturnAt: row.no_return_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    outcome: row.outcome ?? undefined,
    facts: row.facts,
  };
}

/** Begins to ask for a window's approvals. One window of a migration lives at a time. @returns its id. */
export async function askWindow(
  tx: Queryable,
  ask: {
    readonly migrationId: string;
    readonly name: WindowName;
    readonly try: number;
    readonly askedBy: string;
    readonly forecastMs: number;
    readonly facts?: JsonObject;
  },
): Promise<number> {
  const [row] = await tx.query<{ id: string }>(
    `insert into journal.window_run (migration_id, name, try, state, asked_by, forecast_ms, facts)
     values ($1, $2, $3, 'asking', $4, $5, $6) returning id`,
    [ask.migrationId, ask.name, ask.try, ask.askedBy, Math.round(ask.forecastMs), encodeJson(ask.facts ?? {})],
  );
  return Number(row?.id);
}

/** The window that is asking or open, if any. */
export async function currentWindow(db: Queryable, migrationId: string): Promise<WindowRun | undefined> {
  const [row] = await db.query<WindowRow>(
    `select ${columns} from journal.window_run where migration_id = $1 and state in ('asking', 'open')`,
    [migrationId],
  );
  return row && fromRow(row);
}

/** Every window of a migration, each try an entry, oldest first. */
export async function windowRuns(db: Queryable, migrationId: string): Promise<WindowRun[]> {
  const rows = await db.query<WindowRow>(
    `select ${columns} from journal.window_run where migration_id = $1 order by id`,
    [migrationId],
  );
  return rows.map(fromRow);
}

/** Opens a window that was asking; its deadline, if it has one, counts from the journal's now. @returns false when it was not asking. */
export async function openWindowRow(
  tx: Queryable,
  id: number,
  deadlineMs: number | undefined,
  facts: JsonObject,
): Promise<boolean> {
  const rows = await tx.query(
    `update journal.window_run set state = 'open', opened_at = clock_timestamp(), facts = facts || $3,
       deadline_at = clock_timestamp() + $2::double precision * interval '1 millisecond'
     where id = $1 and state = 'asking' returning id`,
    [id, deadlineMs, encodeJson(facts)],
  );
  return rows.length > 0;
}

/**
 * Writes the point of no return in one statement, which also looks whether the lease, the deadline, a veto, a withdrawal,
 * or an intent other than `run` forbids it. @returns when it was passed, `undefined` when something forbids it.
 */
export async function passNoReturn(db: Queryable, id: number, epoch: bigint): Promise<Date | undefined> {
  const [row] = await db.query<{ no_return_at: Date }>(
    `update journal.window_run w set no_return_at = coalesce(w.no_return_at, clock_timestamp())
     from (select id from journal.migration
           where id = (select migration_id from journal.window_run where id = $1) and epoch = $2 and intent = 'run'
           for no key update) m
     where w.id = $1 and w.migration_id = m.id and w.state = 'open'
       and (w.no_return_at is not null or ((w.deadline_at is null or w.deadline_at > clock_timestamp()) and not w.facts ? 'puttingBack'
         and not exists (${stoppers("w")})))
     returning w.no_return_at`,
    [id, epoch],
  );
  return row?.no_return_at;
}

/**
 * Writes that the window is being put back, before the first undo: whoever takes over goes on undoing, and the point of
 * no return can no longer be passed. @returns false when it was passed already.
 */
export async function beginPutBack(tx: Queryable, id: number, reason: JsonObject): Promise<boolean> {
  const rows = await tx.query(
    `update journal.window_run set facts = jsonb_build_object('puttingBack', $2::jsonb) || facts
     where id = $1 and state = 'open' and no_return_at is null returning id`,
    [id, encodeJson(reason)],
  );
  return rows.length > 0;
}

/** Ends a window. */
export async function endWindow(
  tx: Queryable,
  id: number,
  state: "closed" | "put-back" | "cancelled",
  outcome: string,
): Promise<void> {
  await tx.query(
    `update journal.window_run set state = $2, outcome = $3, ended_at = clock_timestamp()
     where id = $1 and state in ('asking', 'open')`,
    [id, state, outcome],
  );
}

/** Adds facts to a window. What was noted first stays: an outage counts from the first fence, however often it was raised. Times are ISO text. */
export async function noteWindow(db: Queryable, id: number, facts: JsonObject): Promise<void> {
  await db.query("update journal.window_run set facts = $2::jsonb || facts where id = $1", [id, encodeJson(facts)]);
}

// Vetoes, and counted approvals withdrawn after they were attested, on what window `w` consumed: as the bot recorded them, and
// as stored events say that nobody has looked at yet (Slack may be away). What `go` noted in the window says who counts.
function stoppers(w: string): string {
  const since = `coalesce((${w}.facts ->> 'attestedAt')::timestamptz, ${w}.opened_at)`;
  return `select s.person, s.veto from (
      select v.person, v.decision = 'veto' as veto, v.observed_at as at
      from journal.approval a join journal.vote v on v.approval_id = a.id
      where a.window_id = ${w}.id and a.state = 'CONSUMED' and (
        (v.decision = 'veto' and (v.eligible or (${w}.facts -> 'vetoers' ? v.slack_user and ${notJudged("v")})))
        or (v.decision = 'approve' and v.eligible and v.withdrawn_at >= ${since} and v.observed_at <= ${w}.opened_at))
      union all
      select coalesce(v.person, e.said_by), e.veto, e.received_at
      from journal.approval a
      cross join lateral (${storedReactions("a", `${w}.facts ->> 'approveEmoji'`, `${w}.facts ->> 'vetoEmoji'`)}) e
      left join journal.vote v on v.approval_id = a.id and v.slack_user = e.said_by
        and v.decision = case when e.veto then 'veto' else 'approve' end
      where a.window_id = ${w}.id and a.state = 'CONSUMED' and ${saidSince("e", since)}
        and ((e.veto and ${w}.facts -> 'vetoers' ? e.said_by)
          or (not e.veto and v.eligible and v.observed_at <= ${w}.opened_at))) s
    order by s.at limit 1`;
}

/** What may stop a window before its point of no return, by the journal's clock and rows. */
export interface WindowStops {
  /** Milliseconds until the deadline; negative when it has passed, undefined when the window has none. */
  readonly remainingMs: number | undefined;
  readonly past: boolean;
  readonly stoppedBy: { readonly person: string; readonly how: "vetoed" | "withdrew" } | undefined;
}

/** Reads deadline, point of no return, and vetoes or withdrawals after the window's approvals were attested. */
export async function windowStops(db: Queryable, id: number): Promise<WindowStops> {
  const [row] = await db.query<{
    remaining: number | null;
    past: boolean;
    person: string | null;
    veto: boolean | null;
  }>(
    `select (extract(epoch from w.deadline_at - clock_timestamp()) * 1000)::double precision as remaining,
       w.no_return_at is not null as past, s.person, s.veto
     from journal.window_run w
     left join lateral (${stoppers("w")}) s on true
     where w.id = $1`,
    [id],
  );
  return {
    remainingMs: row?.remaining ?? undefined,
    past: row?.past ?? false,
    stoppedBy: row?.person == null ? undefined : { person: row.person, how: row.veto ? "vetoed" : "withdrew" },
  };
}
