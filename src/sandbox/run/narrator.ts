import { renderLine } from "../slack/as-text.ts";
import type { Message } from "../slack/model.ts";
import type { SlackStandIn } from "../slack/server.ts";

/** Least time between two prints of one edited message. */
const editPauseMs = 4000;
/** A line longer than this is cut in an edit: the whole stands in the channel. */
const longestLine = 200;

/** A message in a thread with more lines than this is folded to its first ones. */
const longestThread = 12;
const threadHead = 3;

interface Told {
  lines: readonly string[];
  atMs: number;
  /** Set while an edit waits for its turn; it prints what the message says then. */
  waiting: NodeJS.Timeout | undefined;
}

/**
 * Prints the channels as it happens: each new message whole, of an edit only the lines that changed, and each message's
 * edits no more often than every few seconds, the last one always. @returns what ends it, having told what still waited.
 */
export function narrate(slack: SlackStandIn, print: (line: string) => void): () => void {
  const told = new Map<string, Told>();
  const latest = new Map<string, Message>();
  const nameOf = (message: Message): string =>
    slack.workspace.channels.get(message.channelId)?.name ?? message.channelId;
  const textOf = (message: Message): string[] => renderLine({ ...message, reactions: [] }, slack.workspace).split("\n");
  const tellNew = (message: Message): void => {
    const lines = textOf(message);
    told.set(message.ts, { lines: bare(lines), atMs: Date.now(), waiting: undefined });
    const indent = message.threadTs === undefined ? "" : "    ";
    print(`\n${indent}#${nameOf(message)} ${folded(message, lines).join(`\n${indent}`)}`);
  };
  const tellEdit = (message: Message, before: Told): void => {
    before.waiting = undefined;
    const lines = bare(textOf(message));
    const fresh = changedLines(before.lines, lines);
    before.lines = lines;
    if (fresh.length === 0) return;
    before.atMs = Date.now();
    const [first = "", ...rest] = fresh.map((line) => cutLine(line));
    const indent = message.threadTs === undefined ? "  " : "      ";
    print([`${indent}~ ${first}`, ...rest.map((line) => `${indent}  ${line}`)].join("\n"));
  };
  const show = (message: Message): void => {
    if (message.deleted) return;
    latest.set(message.ts, message);
    const before = told.get(message.ts);
    if (before === undefined) return tellNew(message);
    if (before.waiting !== undefined) return;
    const dueMs = before.atMs + editPauseMs - Date.now();
    if (dueMs <= 0) return tellEdit(message, before);
    before.waiting = setTimeout(() => tellEdit(latest.get(message.ts) ?? message, before), dueMs);
    before.waiting.unref();
  };
  const stop = slack.watch((change) => {
    if (change.kind === "message" && change.what !== "reacted") show(change.message);
  });
  return () => {
    stop();
    for (const [ts, before] of told) {
      if (before.waiting === undefined) continue;
      clearTimeout(before.waiting);
      const message = latest.get(ts);
      if (message !== undefined) tellEdit(message, before);
    }
  };
}

/** A thread is for whoever wants to know more: the terminal shows how it begins. */
function folded(message: Message, lines: readonly string[]): readonly string[] {
  if (message.threadTs === undefined || lines.length <= longestThread) return lines;
  return [...lines.slice(0, threadHead), `                    … ${lines.length - threadHead} more lines in the thread`];
}

/** Lines without the time and author in front and without clocks that tick by themselves. */
function bare(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line
      .replace(/^(\s+↳ )?\d\d:\d\d:\d\d {2}[^:]+: /, "")
      .replace(/ · updated \d\d:\d\d:\d\d/, "")
      .trim(),
  );
}

/** The lines that were not there before, in their order. Pure. */
export function changedLines(before: readonly string[], after: readonly string[]): string[] {
  const known = new Set(before);
  return after.filter((line) => line !== "" && !known.has(line));
}

function cutLine(line: string): string {
  return line.length <= longestLine ? line : `${line.slice(0, longestLine - 1)}…`;
}
