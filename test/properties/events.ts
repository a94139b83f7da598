/** Everyone with an account here: the driver, three approvers, one of them with two accounts, and some who never count. */
export const accounts = [
  "UGREG",
  "UGREG2",
  "UANN",
  "UANN2",
  "UBOB",
  "UCYN",
  "UDANA",
  "UEVE",
  "UOTHERBOT",
  "USLACKBOT",
] as const;
export type AccountId = (typeof accounts)[number];

/** How an event of Slack reaches the bot: looked at, stored only (it died after its 200), twice, later, or never. */
export const deliveries = ["looked-at", "looked-at", "looked-at", "stored", "twice", "late", "lost"] as const;
export type Delivery = (typeof deliveries)[number];

/** One thing that happens. Gates by number, wrapped to as many as there are. */
export type Event =
  | {
      readonly is: "react";
      readonly who: AccountId;
      readonly emoji: string;
      readonly gate: number | "all";
      readonly on: boolean;
      readonly how: Delivery;
    }
  | { readonly is: "deliver-late"; readonly reversed: boolean }
  | { readonly is: "bot-looks" }
  | { readonly is: "bot-restarts" }
  | {
      readonly is: "account";
      readonly who: AccountId;
      readonly change: "deactivated" | "guest" | "bot" | "external" | "left" | "as-before";
    }
  | { readonly is: "group"; readonly who: AccountId; readonly on: boolean }
  | { readonly is: "plan-changes" }
  | { readonly is: "configuration"; readonly without: "bob" | "cyn" | "nobody"; readonly botToo: boolean }
  | { readonly is: "message-deleted"; readonly gate: number }
  | { readonly is: "channel-shared"; readonly on: boolean }
  | { readonly is: "app-in-channel"; readonly on: boolean }
  | { readonly is: "time-passes"; readonly seconds: number }
  | { readonly is: "process-clock-jumps"; readonly minutes: number }
  | { readonly is: "slack-away"; readonly on: boolean }
  | { readonly is: "slack-truncates"; readonly emoji: string; readonly on: boolean }
  | { readonly is: "intent"; readonly intent: "run" | "hold" | "abort" }
  | { readonly is: "asks-for-something"; readonly person: "ann" | "bob" | "greg" }
  | { readonly is: "window" }
  | { readonly is: "worker-dies" }
  | { readonly is: "other-worker" }
  | Go
  | Work;

/** `/migrate go`: what happens before the bot looks, and between its look and the worker's transaction. */
export interface Go {
  readonly is: "go";
  readonly by: "greg" | "ann";
  readonly bot: "attests" | "is-away";
  readonly before: readonly Event[];
  readonly after: readonly Event[];
  /** Two workers take the same command. */
  readonly twice: boolean;
}

/** Workers are rung: what happens at the n-th moment of the run, counting each step's start, effect and record. */
export interface Work {
  readonly is: "work";
  readonly during: readonly { readonly at: number; readonly event: Event }[];
}

/** A run of one migration from before a window: often people vote first, since nothing interesting happens without votes. */
export interface Sequence {
  readonly gates: 1 | 2 | 3;
  readonly withGroup: boolean;
  readonly events: readonly Event[];
}
