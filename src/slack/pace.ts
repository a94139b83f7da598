import type { Clock } from "../clock.ts";

/** Keeps to Slack's speed: one new message a second and channel, an edit of the same message every three seconds. */
export interface Pace {
  mayGo(channel: string, editOf: string | undefined): boolean;
  went(channel: string, messageTs: string): void;
  /** Slack said to wait. */
  holdBack(channel: string, ms: number): void;
}

const postEveryMs = 1_050;
const editEveryMs = 3_000;

/** Opens the pace of one process. What it remembers is lost with it, which costs at most one early message. */
export function openPace(clock: Clock): Pace {
  const free = new Map<string, number>();
  const edited = new Map<string, number>();
  const now = (): number => clock.now().getTime();
  const later = (channel: string, at: number): void => void free.set(channel, Math.max(free.get(channel) ?? 0, at));
  return {
    mayGo: (channel, editOf) => {
      if (now() < (free.get(channel) ?? 0)) return false;
      return editOf === undefined || now() >= (edited.get(`${channel} ${editOf}`) ?? 0);
    },
    went: (channel, messageTs) => {
      later(channel, now() + postEveryMs);
      edited.set(`${channel} ${messageTs}`, now() + editEveryMs);
      for (const [key, at] of edited) if (at < now()) edited.delete(key);
    },
    holdBack: (channel, ms) => later(channel, now() + ms),
  };
}
