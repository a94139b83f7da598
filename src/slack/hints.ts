import type { IgnoredReason, Verdict } from "../approvals/policy.ts";
import type { Approval } from "../journal/approvals-rows.ts";
import { getOutbox, intend } from "../journal/outbox.ts";
import type { JudgeDeps } from "./judge.ts";
import { anyOf } from "./render/text.ts";
import { type BotSettings, personOf } from "./settings.ts";

const glyphOf: Readonly<Record<string, string>> = { white_check_mark: "✅", no_entry: "⛔" };

/** Tells those whose reaction does not count why, privately, once for each person, approval and reason. */
export async function hint(deps: JudgeDeps, approval: Approval, verdict: Verdict): Promise<void> {
  const { journal, settings } = deps;
  for (const { slackUser, name, reason: found } of verdict.ignored) {
    const person = personOf(settings, slackUser);
    // "you asked" says more than "you are not on the list" to a driver who is neither
    const asked = found === "not-listed" && approval.requesters.includes(person);
    const reason = asked ? "requester" : found;
    const text = hintText(reason, name, verdict.eligible, settings);
    if (text === undefined) continue;
    const key = `${approval.id}:${person}:${reason}`;
    // said once is said: who else can vote changes with each vote, and is no reason to say it again
    if ((await getOutbox(journal.db, "hint", approval.migrationId, key)) !== undefined) continue;
    await intend(journal.db, {
      kind: "hint",
      migrationId: approval.migrationId,
      key,
      audience: "person",
      person: slackUser,
      priority: 2,
      facts: { text },
    });
  }
}

/**
 * What a person is told whose reaction does not count, and who may vote instead; `undefined` where nobody is there to read it.
 * Slack text, ready to send.
 */
export function hintText(
  reason: IgnoredReason,
  emoji: string,
  eligible: readonly string[],
  settings: BotSettings,
): string | undefined {
  const yours = `so your ${glyphOf[emoji] ?? `:${emoji}:`} is not counted`;
  const others = eligible.length === 0 ? "" : ` ${anyOf(eligible)} can.`;
  switch (reason) {
    case "requester":
      return `You asked for this window, ${yours}.${others}`;
    case "not-listed":
      return `You are not on the list of approvers, ${yours}.${others}`;
    case "not-in-group":
      return `You are not in the approvers' user group at the moment, ${yours}.${others}`;
    case "not-in-channel":
      return `You are not a member of this channel, ${yours}.${others}`;
    case "guest":
      return `Guests cannot approve, ${yours}.${others}`;
    case "external":
      return `Only members of this workspace can approve, ${yours}.${others}`;
    case "same-person":
      return `You have said so with another account of yours already, ${yours} a second time.${others}`;
    case "unknown-account":
      return `Slack does not say enough about your account, ${yours}.${others}`;
    case "look-alike": {
      const { approveEmoji, vetoEmoji } = settings.approvals;
      return `:${emoji}: looks similar but is another emoji, ${yours}. To approve use ${glyphOf[approveEmoji] ?? `:${approveEmoji}:`}, to stop ${glyphOf[vetoEmoji] ?? `:${vetoEmoji}:`}.`;
    }
    case "bot":
    case "deactivated":
      return undefined;
  }
}
