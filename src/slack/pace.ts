import type { Clock } from "../clock.ts";

/** How something is sent; each way has a limit of its own at Slack. */
export type Way = "post" | "edit" | "private";

/** Where and how something would be sent. `editOf` is the message's timestamp, for an edit. */
export interface Move {
  readonly way: Way;
  readonly channel: string;
  readonly editOf?: string | undefined;
}

/**
 * Keeps to Slack's speed: one new message a second and channel, an edit of the same message every three seconds, 48 edits a
 * minute in all, and private messages (`chat.postEphemeral`, tier 4) beside them, so that neither waits for the other.
 */
export interface Pace {
  mayGo(move: Move): boolean;
  went(move: Move, messageTs: string): void;
  /** Slack said to wait. Its limits are by method: other ways go on. */
  holdBack(move: Move, ms: number): void;
  /** Nothing new and no edit in this channel for so long; private messages have other ways. */
  close(channel: string, ms: number): void;
  /** Nothing at all for so long. */
  closeAll(ms: number): void;
}

const postEveryMs = 1_050;
const privateEveryMs = 650;
const editEveryMs = 3_000;
/** Edits that may come at once, and how fast they come back: `chat.update` is tier 3, fifty a minute and more. */
const editBurst = 12;
const editsPerMs = 48 / 60_000;

/** Opens the pace of one process. What it remembers is lost with it, which costs at most one early message. */
export function openPace(clock: Clock): Pace {
  const until = new Map<string, number>();
  const edited = new Map<string, number>();
  let edits = { left: editBurst, atMs: 0 };
  const now = (): number => clock.now().getTime();
  const isFree = (key: string): boolean => now() >= (until.get(key) ?? 0);
  const hold = (key: string, ms: number): void => void until.set(key, Math.max(until.get(key) ?? 0, now() + ms));
  const slot = ({ way, channel }: Move): string => (way === "post" ? `post ${channel}` : way);
  const editsLeft = (): number => Math.min(editBurst, edits.left + (now() - edits.atMs) * editsPerMs);
  return {
    mayGo: (move) => {
      if (!isFree("all") || !isFree(slot(move))) return false;
      if (move.way !== "private" && !isFree(`channel ${move.channel}`)) return false;
      if (move.way !== "edit") return true;
      return editsLeft() >= 1 && now() >= (edited.get(`${move.channel} ${move.editOf}`) ?? 0);
    },
    went: (move, messageTs) => {
      if (move.way === "edit") edits = { left: editsLeft() - 1, atMs: now() };
      else hold(slot(move), move.way === "post" ? postEveryMs : privateEveryMs);
      if (move.way === "private") return;
      edited.set(`${move.channel} ${messageTs}`, now() + editEveryMs);
      for (const [key, at] of edited) if (at < now()) edited.delete(key);
    },
    holdBack: (move, ms) => hold(slot(move), ms),
    close: (channel, ms) => hold(`channel ${channel}`, ms),
    closeAll: (ms) => hold("all", ms),
  };
}
