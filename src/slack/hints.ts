import type { IgnoredReason } from "../approvals/policy.ts";
import { anyOf } from "./render/text.ts";
import type { BotSettings } from "./settings.ts";

const glyphOf: Readonly<Record<string, string>> = { white_check_mark: "✅", no_entry: "⛔" };

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
    case "look-alike": {
      const { approveEmoji, vetoEmoji } = settings.approvals;
      return `:${emoji}: looks similar but is another emoji, ${yours}. To approve use ${glyphOf[approveEmoji] ?? `:${approveEmoji}:`}, to stop ${glyphOf[vetoEmoji] ?? `:${vetoEmoji}:`}.`;
    }
    case "bot":
    case "deactivated":
    case "unknown-account":
      return undefined;
  }
}
