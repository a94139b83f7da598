import fc from "fast-check";

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

const emojis = [
  "white_check_mark",
  "white_check_mark::skin-tone-3",
  "no_entry",
  "heavy_check_mark",
  "+1::skin-tone-5",
] as const;

/** How an event of Slack reaches the bot: looked at, stored only (it died after its 200), twice, later, or never. */
const deliveries = ["looked-at", "looked-at", "looked-at", "stored", "twice", "late", "lost"] as const;
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

const who = fc.constantFrom(...accounts);
const approver = fc.constantFrom<AccountId>("UANN", "UANN2", "UBOB", "UCYN");
const gate = fc.oneof({ weight: 3, arbitrary: fc.constant("all" as const) }, { weight: 2, arbitrary: fc.nat(2) });
const how = fc.constantFrom(...deliveries);
const bool = fc.boolean();

const yes = fc.record({
  is: fc.constant("react"),
  who: approver,
  emoji: fc.constant("white_check_mark"),
  gate: fc.constant("all"),
  on: fc.constant(true),
  how,
});
const no = fc.record({
  is: fc.constant("react"),
  who: approver,
  emoji: fc.constantFrom("no_entry", "white_check_mark"),
  gate,
  on: fc.boolean(),
  how,
});
const anyReaction = fc.record({
  is: fc.constant("react"),
  who,
  emoji: fc.constantFrom(...emojis),
  gate,
  on: fc.constantFrom(true, true, false),
  how,
});

/** What people, Slack and time do; no work of the worker's. */
const happening: fc.Arbitrary<Event> = fc.oneof(
  { weight: 5, arbitrary: yes },
  { weight: 4, arbitrary: no },
  { weight: 4, arbitrary: anyReaction },
  { weight: 2, arbitrary: fc.record({ is: fc.constant("deliver-late"), reversed: bool }) },
  { weight: 2, arbitrary: fc.constant<Event>({ is: "bot-looks" }) },
  { weight: 1, arbitrary: fc.constant<Event>({ is: "bot-restarts" }) },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant("account"),
      who,
      change: fc.constantFrom("deactivated", "guest", "bot", "external", "left", "as-before", "as-before"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("group"), who: approver, on: bool }) },
  { weight: 1, arbitrary: fc.constant<Event>({ is: "plan-changes" }) },
  {
    weight: 1,
    arbitrary: fc.record({
      is: fc.constant("configuration"),
      without: fc.constantFrom("bob", "cyn", "nobody"),
      botToo: bool,
    }),
  },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("message-deleted"), gate: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("channel-shared"), on: bool }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("app-in-channel"), on: bool }) },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant("time-passes"),
      seconds: fc.constantFrom(3, 9, 11, 60, 900, 1_700, 1_900),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ is: fc.constant("process-clock-jumps"), minutes: fc.integer({ min: -90, max: 90 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ is: fc.constant("slack-away"), on: fc.constantFrom(true, false, false) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      is: fc.constant("slack-truncates"),
      emoji: fc.constantFrom("white_check_mark", "no_entry"),
      on: bool,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ is: fc.constant("intent"), intent: fc.constantFrom("run", "run", "hold", "abort") }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      is: fc.constant("asks-for-something"),
      person: fc.constantFrom("ann", "bob", "greg"),
    }),
  },
);

const go: fc.Arbitrary<Event> = fc.record({
  is: fc.constant("go"),
  by: fc.constantFrom("greg", "greg", "greg", "greg", "ann"),
  bot: fc.constantFrom("attests", "attests", "attests", "attests", "attests", "is-away"),
  before: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(happening, { maxLength: 1 }) },
  ),
  after: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 3, arbitrary: fc.array(happening, { maxLength: 2 }) },
  ),
  twice: fc.constantFrom(false, false, false, false, false, false, true),
});

const during = fc.oneof(
  { weight: 4, arbitrary: no },
  { weight: 4, arbitrary: happening },
  { weight: 1, arbitrary: fc.constant<Event>({ is: "worker-dies" }) },
  { weight: 1, arbitrary: fc.constant<Event>({ is: "other-worker" }) },
);
const work: fc.Arbitrary<Event> = fc.record({
  is: fc.constant("work"),
  during: fc.array(fc.record({ at: fc.nat(8), event: during }), { maxLength: 2 }),
});

const anything = fc.oneof(
  { weight: 7, arbitrary: happening },
  { weight: 1, arbitrary: fc.constant<Event>({ is: "window" }) },
  { weight: 2, arbitrary: go },
  { weight: 2, arbitrary: work },
);

/** A run of one migration from before a window: often people vote first, since nothing interesting happens without votes. */
export interface Sequence {
  readonly gates: 1 | 2 | 3;
  readonly withGroup: boolean;
  readonly events: readonly Event[];
}

const two = fc
  .constantFrom<readonly [AccountId, AccountId]>(["UANN", "UBOB"], ["UBOB", "UCYN"], ["UANN2", "UCYN"])
  .map((pair) =>
    pair.map((who): Event => ({
      is: "react",
      who,
      emoji: "white_check_mark",
      gate: "all",
      on: true,
      how: "looked-at",
    })),
  );
const votesFirst: fc.Arbitrary<readonly Event[]> = fc
  .tuple(two, fc.array(happening, { maxLength: 1 }), go, fc.array(happening, { maxLength: 1 }), work)
  .map(([votes, between, open, then, run]) => [{ is: "window" }, ...votes, ...between, open, ...then, run]);

export const sequence: fc.Arbitrary<Sequence> = fc.record({
  gates: fc.constantFrom<1 | 2 | 3>(1, 1, 2, 3),
  withGroup: fc.constantFrom(false, false, true),
  events: fc
    .tuple(
      fc.oneof(
        { weight: 3, arbitrary: votesFirst },
        { weight: 1, arbitrary: fc.constant<Event[]>([{ is: "window" }]) },
      ),
      fc.array(anything, { maxLength: 6 }),
    )
    .map(([first, rest]) => [...first, ...rest]),
});
