import type { Journal } from "../journal/open.ts";
import { intend } from "../journal/outbox.ts";

/** Answers of the worker that nobody has asked to be sent yet become messages to the person who typed the command. */
export async function intendReplies(journal: Journal): Promise<void> {
  const rows = await journal.db.query<{ id: string; migration_id: string; slack_user: string }>(
    `select c.id, coalesce(c.migration_id, '') as migration_id, c.slack_user from journal.command c
      where c.state = 'answered' and c.answered_at > clock_timestamp() - interval '1 hour'
        and not exists (select from journal.outbox o where o.kind = 'reply' and o.key = c.id::text)
      order by c.id limit 50`,
  );
  for (const { id, migration_id: migrationId, slack_user: person } of rows) {
    await intend(journal.db, { kind: "reply", migrationId, key: id, audience: "person", person, priority: 2 });
  }
}
