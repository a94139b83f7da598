import { reminderDue } from "../approvals/reminder.ts";
import type { Approval } from "../journal/approvals-rows.ts";
import { intend } from "../journal/outbox.ts";
import type { Queryable } from "../postgres/connect.ts";

/**
 * Asks for the reminder that is due, if one is: once for each window and moment, since all its gates share one message. What
 * it says is rendered when it is sent; a reminder that has become pointless by then is not sent.
 */
export async function remind(db: Queryable, approval: Approval, now: Date): Promise<void> {
  if (approval.state === "CONSUMED") return;
  const moment = reminderDue(approval, now);
  if (moment === undefined) return;
  const about = aboutOf(approval);
  const key = `${about}-${moment}`;
  const { migrationId } = approval;
  await intend(db, { kind: "reminder", migrationId, key, audience: "main", priority: 1, facts: { about, moment } });
}

/** Time ran out: said aloud, once for each window, with what to type. */
export async function tellExpired(db: Queryable, approval: Approval): Promise<void> {
  const about = aboutOf(approval);
  const { migrationId } = approval;
  await intend(db, { kind: "expired", migrationId, key: about, audience: "main", priority: 1, facts: { about } });
}

/** The window whose gates share a message, or the approval where it has no window. */
function aboutOf({ windowId, id }: Approval): string {
  return windowId === undefined ? id : `window-${windowId}`;
}
