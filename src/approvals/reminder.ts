/** When people are reminded of a request: when half of its time is over, and when a tenth is left. */
export type Reminder = "half" | "tenth";

/**
 * The reminder that is due at `now`, the later one where both are: whoever was away sends one, not two. Level-triggered; that
 * each is sent once is for the outbox to see to.
 */
export function reminderDue(
  asked: { readonly createdAt: Date; readonly expiresAt: Date },
  now: Date,
): Reminder | undefined {
  const leftMs = asked.expiresAt.getTime() - now.getTime();
  const wholeMs = asked.expiresAt.getTime() - asked.createdAt.getTime();
  if (leftMs <= 0 || leftMs > wholeMs / 2) return undefined;
  return leftMs <= wholeMs / 10 ? "tenth" : "half";
}
