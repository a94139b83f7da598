import type { Migration } from "../../journal/migrations.ts";
import { getMigration } from "../../journal/migrations.ts";
import type { Journal } from "../../journal/open.ts";
import { lastPassed } from "../../journal/phase.ts";
import { type WindowRun, windowRuns } from "../../journal/windows.ts";
import { abortRefusal } from "../commands/intent.ts";
import { leaseClass } from "../lease.ts";

/** What can be done with the glass broken: only what takes back. No verb opens a gate, promotes, or changes `DATABASE_URL`. */
export const glassVerbs = ["hold", "abort", "unfence", "return-writes"] as const;
export type GlassVerb = (typeof glassVerbs)[number];

/** Where the application's writes belong. */
export type Primary = "source" | "bridge" | "target";

/** The points of no return that were passed say which database is the primary; any other is behind, or about to be. Pure. */
export function primaryOf(windows: readonly WindowRun[]): Primary {
  const passed = lastPassed(windows);
  return passed === undefined ? "source" : primaryAfter[passed];
}

const primaryAfter = { "window-1": "bridge", "window-2": "target" } as const;

/** The journal as somebody finds it who is about to break the glass. */
export interface Outlook {
  readonly migration: Migration;
  readonly windows: readonly WindowRun[];
  /** The window in which writes are stopped, if one is open. */
  readonly window: WindowRun | undefined;
  readonly primary: Primary;
  /** The worker that has the lease: its address and since when. */
  readonly holder: string | undefined;
}

/** Reads the outlook; `undefined` when the journal has no such migration. */
export async function readOutlook(journal: Journal, migrationId: string): Promise<Outlook | undefined> {
  const migration = await getMigration(journal.db, migrationId);
  if (migration === undefined) return undefined;
  const windows = await windowRuns(journal.db, migrationId);
  const window = windows.find(({ state, name }) => state === "open" && name !== "retire");
  return { migration, windows, window, primary: primaryOf(windows), holder: await leaseHolder(journal, migrationId) };
}

/** Who has the lease at this moment, in words. */
export async function leaseHolder(journal: Journal, migrationId: string): Promise<string | undefined> {
  const [row] = await journal.db.query<{ who: string }>(
    `select format('%s at %s, connected since %s', a.usename, coalesce(host(a.client_addr), 'a local socket'),
       to_char(a.backend_start at time zone 'UTC', 'HH24:MI:SS "UTC"')) as who
     from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and l.classid = $1::oid
       and l.objid::bigint = hashtext($2)::bigint & 4294967295 and a.datname = current_database()`,
    [leaseClass, migrationId],
  );
  return row?.who;
}

export const primaryWords: Readonly<Record<Primary, string>> = {
  source: "Heroku Postgres",
  bridge: "the bridge",
  target: "RDS",
};

/** Why the verb cannot be used now; `undefined`: it can. Pure. */
export function glassRefusal(verb: GlassVerb, { migration, windows }: Outlook, now: Date): string | undefined {
  if (verb === "abort") {
    const alive = windows.find(({ state }) => state === "asking" || state === "open");
    return abortRefusal(migration, { alive, last: windows.at(-1) }, now);
  }
  const over = migration.state === "completed" || migration.state === "aborted";
  return verb === "hold" && over ? `${migration.id} is ${migration.state}; there is nothing to hold.` : undefined;
}

/** What the verb will do, a sentence a line, for whoever has to type the migration's name. Pure. */
export function foretell(verb: GlassVerb, outlook: Outlook, waitSeconds: number): string[] {
  const { migration, window, primary, holder } = outlook;
  const at = window === undefined ? "no window is open" : windowWords(window);
  const lease =
    holder === undefined
      ? "No worker holds the lease."
      : `A worker holds the lease (${holder}). It is told first; for up to ${waitSeconds} s it may end what it does.`;
  return [
    `${migration.id}: ${migration.state}, phase ${migration.phase}, ${at}. Writes belong to ${primaryWords[primary]}.`,
    lease,
    ...willDo(verb, outlook),
    "It opens no gate, promotes nothing and does not change DATABASE_URL.",
    "It is written into the event log, posted to the channel and the customers' channel, and marked in every report.",
  ];
}

function windowWords({ name, noReturnAt }: WindowRun): string {
  return `${name} is open, ${noReturnAt === undefined ? "its point of no return not passed" : "PAST its point of no return"}`;
}

function willDo(verb: GlassVerb, { window, primary, migration }: Outlook): string[] {
  const to = primaryWords[primary];
  const before = window !== undefined && window.noReturnAt === undefined;
  const held = "Afterwards the migration is on hold until `/migrate resume`.";
  const forward = "A worker that lives, or is started, goes on forward all the same: there is no way back any more.";
  switch (verb) {
    case "hold":
      if (before)
        return [`${window.name} is put back by the worker that is there, or by the next that is started.`, held];
      return ["Nothing new begins.", window === undefined ? held : forward];
    case "abort":
      return before
        ? [`${window.name} is put back: fence off, dynos back, maintenance off, everything undone in its order.`, held]
        : [`What ${migration.phase} did is undone, and the migration ends. Earlier phases stay as they are.`];
    case "unfence":
      return [
        `The write fence on ${to} is lifted and proved with a fresh session. Dynos and maintenance mode stay as they are.`,
        ...(before ? [`${window.name} can then only be put back.`] : []),
        window !== undefined && !before ? forward : held,
      ];
    case "return-writes":
      return before
        ? [
            `${window.name} is put back: fence off ${to}, dynos back, maintenance off, everything undone in its order.`,
            held,
          ]
        : [
            `The write fence on ${to} is lifted; if DATABASE_URL names ${to}, dynos come back as they were and maintenance mode goes off.`,
            window === undefined ? held : forward,
          ];
  }
}
