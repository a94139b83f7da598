import type { Clock } from "../clock.ts";

/** Keeps to Slack's speed: one new message a second and channel, an edit of the same message every three seconds. */
export interface Pace {
  mayGo(channel: string, editOf: string | undefined): boolean;
  went(channel: string, messageTs: string, wasEdit: boolean): void;
  /** Slack said to wait. */
  holdBack(channel: string, ms: number): void;
}

const postEveryMs = 1_050;
const editEveryMs = 3_000;

/** Opens the pace of one process. What it remembers is lost with it, which costs at most one early message. */
export function openPace(clock: Clock): Pace {
  const free = new Map<string, number>();
  const held = new Map<string, number>();
  const edited = new Map<string, number>();
  const now = (): number => clock.now().getTime();
  return {
    mayGo: (channel, editOf) => {
      if (now() < (held.get(channel) ?? 0)) return false;
      if (editOf === undefined) return now() >= (free.get(channel) ?? 0);
      return now() >= (edited.get(`${channel} ${editOf}`) ?? 0);
    },
    went: (channel, messageTs, wasEdit) => {
      // edits have a limit of their own at Slack, by method
      if (!wasEdit) free.set(channel, now() + postEveryMs);
      edited.set(`${channel} ${messageTs}`, now() + editEveryMs);
      for (const [key, at] of edited) if (at < now()) edited.delete(key);
    },
    holdBack: (channel, ms) => void held.set(channel, now() + ms),
  };
}
