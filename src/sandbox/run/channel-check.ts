import { setTimeout as delay } from "node:timers/promises";
import { compareOutbox } from "../slack/check-outbox.ts";
import type { JournalView } from "./journal-view.ts";
import type { SandboxWorld } from "./sandbox-world.ts";

/** Longest wait for the last messages: one a second goes out, and with faults some go out again. */
const settleMs = 90_000;

/** Whether the channels hold what the journal wanted to exist, each message once. */
export interface ChannelCheck {
  readonly ok: boolean;
  readonly text: string;
}

/** Waits until the bot has caught up, then compares the outbox with what Slack's channels hold. */
export async function checkChannels(
  world: SandboxWorld,
  view: JournalView,
  signal: AbortSignal,
): Promise<ChannelCheck> {
  const end = Date.now() + settleMs;
  for (;;) {
    const rows = await view.outbox();
    const differences = compareOutbox(world.slack.workspace, rows);
    if (differences.length === 0)
      return { ok: true, text: `Slack: ${rows.length} messages were to exist, none is missing and none stands twice` };
    if (Date.now() > end) return { ok: false, text: ["✕ Slack:", ...differences].join("\n  ") };
    await delay(250, undefined, { signal });
  }
}
