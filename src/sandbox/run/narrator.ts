import { renderLine } from "../slack/as-text.ts";
import type { Message } from "../slack/model.ts";
import type { SlackStandIn } from "../slack/server.ts";

/** Least time between two prints of one edited message. */
const editPauseMs = 4000;

/** Prints the channels as it happens: each new message whole, an edited one again when it has changed and some time has passed. */
export function narrate(slack: SlackStandIn, print: (line: string) => void): () => void {
  const shown = new Map<string, { text: string; atMs: number }>();
  const show = (message: Message): void => {
    const name = slack.workspace.channels.get(message.channelId)?.name ?? message.channelId;
    const text = renderLine({ ...message, reactions: [] }, slack.workspace);
    const before = shown.get(message.ts);
    if (message.deleted || before?.text === text) return;
    if (before !== undefined && Date.now() - before.atMs < editPauseMs) return;
    shown.set(message.ts, { text, atMs: Date.now() });
    const mark = before === undefined ? "" : " (edited)";
    const indent = message.threadTs === undefined ? "" : "    ";
    print(`\n${indent}#${name}${mark} ${text.replaceAll("\n", `\n${indent}`)}`);
  };
  return slack.watch((change) => {
    if (change.kind === "message" && change.what !== "reacted") show(change.message);
  });
}
