import type { Queryable } from "../postgres/connect.ts";
import type { Place } from "./attempts.ts";
import { encodeJson, type JsonObject } from "./json.ts";

/** What the step's undo will need, if it was remembered already. */
export async function readUndoNote(db: Queryable, place: Place): Promise<JsonObject | undefined> {
  const [row] = await db.query<{ note: JsonObject }>(
    "select note from journal.undo_note where migration_id = $1 and phase = $2 and step = $3 and try = $4",
    [place.migrationId, place.phase, place.step, place.try],
  );
  return row?.note;
}

/** What a step remembered last, in whichever phase and try. */
export async function lastUndoNote(db: Queryable, migrationId: string, step: string): Promise<JsonObject | undefined> {
  const [row] = await db.query<{ note: JsonObject }>(
    "select note from journal.undo_note where migration_id = $1 and step = $2 order by at desc limit 1",
    [migrationId, step],
  );
  return row?.note;
}

/** Remembers once; a note that exists stays (law 2: a later attempt sees a world that the first one may have changed). */
export async function writeUndoNote(tx: Queryable, place: Place, note: JsonObject): Promise<void> {
  await tx.query(
    `insert into journal.undo_note (migration_id, phase, step, try, note)
     values ($1, $2, $3, $4, $5) on conflict do nothing`,
    [place.migrationId, place.phase, place.step, place.try, encodeJson(note)],
  );
}
