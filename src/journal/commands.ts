import type { Queryable } from "../postgres/connect.ts";
import { encodeJson, type JsonObject } from "./json.ts";

/** Something that a person typed. */
export interface Command {
  readonly id: number;
  readonly migrationId: string | undefined;
  readonly verb: string;
  readonly args: JsonObject;
  readonly person: string;
  readonly slackUser: string;
  readonly channel: string;
  readonly state: "received" | "answered";
  readonly reply: JsonObject | undefined;
  readonly receivedAt: Date;
  readonly answeredAt: Date | undefined;
}

interface CommandRow {
  id: string;
  migration_id: string | null;
  verb: string;
  args: JsonObject;
  person: string;
  slack_user: string;
  channel: string;
  state: "received" | "answered";
  reply: JsonObject | null;
  received_at: Date;
  answered_at: Date | null;
}

const columns = "id, migration_id, verb, args, person, slack_user, channel, state, reply, received_at, answered_at";

function fromRow(row: CommandRow): Command {
  return {
    id: Number(row.id),
    migrationId: row.migration_id ?? undefined,
    verb: row.verb,
    args: row.args,
    person: row.person,
    slackUser: row.slack_user,
    channel: row.channel,
    state: row.state,
    reply: row.reply ?? undefined,
    receivedAt: row.received_at,
    answeredAt: row.answered_at ?? undefined,
  };
}

/** Bot: stores a command. @returns its id, or `undefined` when the same delivery was stored before. */
export async function insertCommand(
  db: Queryable,
  command: Pick<Command, "verb" | "args" | "person" | "slackUser" | "channel"> & {
    readonly dedupKey: string;
    readonly migrationId?: string;
  },
): Promise<number | undefined> {
  const [row] = await db.query<{ id: string }>(
    `insert into journal.command (dedup_key, migration_id, verb, args, person, slack_user, channel)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (dedup_key) do nothing returning id`,
    [
      command.dedupKey,
      command.migrationId,
      command.verb,
      encodeJson(command.args),
      command.person,
      command.slackUser,
      command.channel,
    ],
  );
  return row && Number(row.id);
}

/** One command. */
export async function getCommand(db: Queryable, id: number): Promise<Command | undefined> {
  const [row] = await db.query<CommandRow>(`select ${columns} from journal.command where id = $1`, [id]);
  return row && fromRow(row);
}

/** Commands that wait for an answer, oldest first. */
export async function pendingCommands(db: Queryable, limit = 50): Promise<Command[]> {
  const rows = await db.query<CommandRow>(
    `select ${columns} from journal.command where state = 'received' order by id limit $1`,
    [limit],
  );
  return rows.map(fromRow);
}

/**
 * Locks the oldest command that waits for an answer and that no other worker has locked; the lock lasts until the
 * transaction ends, so that a worker that dies leaves the command to the next.
 */
export async function claimCommand(tx: Queryable): Promise<Command | undefined> {
  const [row] = await tx.query<CommandRow>(
    `select ${columns} from journal.command where state = 'received' order by id limit 1 for update skip locked`,
  );
  return row && fromRow(row);
}

/** Answers a command. @returns false when it was answered already. */
export async function answerCommand(
  db: Queryable,
  id: number,
  reply: JsonObject,
  migrationId?: string,
): Promise<boolean> {
  const rows = await db.query(
    `update journal.command set state = 'answered', reply = $2, migration_id = coalesce($3, migration_id),
       answered_at = clock_timestamp() where id = $1 and state = 'received' returning id`,
    [id, encodeJson(reply), migrationId],
  );
  return rows.length > 0;
}
