import fc from "fast-check";
import { type AccountId, accounts, deliveries, type Delivery, type Event, type Sequence } from "./events.ts";

const emojis = [
  "white_check_mark",
  "white_check_mark::skin-tone-3",
  "no_entry",
  "heavy_check_mark",
  "+1::skin-tone-5",
] as const;

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

const stop: fc.Arbitrary<Event> = fc.record({
  is: fc.constant("react"),
  who: approver,
  emoji: fc.constant("no_entry"),
  gate: fc.constant("all"),
  on: fc.constant(true),
  how,
});
/** Somebody who counted takes it back. */
const withdrawal: fc.Arbitrary<Event> = fc.record({
  is: fc.constant("react"),
  who: approver,
  emoji: fc.constant("white_check_mark"),
  gate: fc.constant("all"),
  on: fc.constant(false),
  how,
});
/** What must not be overlooked between look and consumption. */
const lateTurn: fc.Arbitrary<Event> = fc.oneof(
  stop,
  withdrawal,
  fc.constant<Event>({ is: "time-passes", seconds: 11 }),
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
    { weight: 2, arbitrary: fc.array(happening, { maxLength: 2 }) },
    { weight: 2, arbitrary: lateTurn.map((event) => [event]) },
  ),
  twice: fc.constantFrom(false, false, false, false, false, false, true),
});

const during = fc.oneof(
  { weight: 3, arbitrary: withdrawal },
  { weight: 4, arbitrary: stop },
  { weight: 4, arbitrary: no },
  { weight: 4, arbitrary: happening },
  { weight: 1, arbitrary: fc.constant<Event>({ is: "worker-dies" }) },
  { weight: 1, arbitrary: fc.constant<Event>({ is: "other-worker" }) },
);
/** The lease is lost, and another worker does the rest before the first one notices. */
const takenOver: readonly Event[] = [{ is: "worker-dies" }, { is: "other-worker" }];
const work: fc.Arbitrary<Event> = fc.record({
  is: fc.constant("work"),
  during: fc.oneof(
    { weight: 6, arbitrary: fc.array(fc.record({ at: fc.nat(18), event: during }), { maxLength: 2 }) },
    { weight: 1, arbitrary: fc.nat(18).map((at) => takenOver.map((event) => ({ at, event }))) },
  ),
});

const anything = fc.oneof(
  { weight: 7, arbitrary: happening },
  { weight: 1, arbitrary: fc.constant<Event>({ is: "window" }) },
  { weight: 2, arbitrary: go },
  { weight: 2, arbitrary: work },
);

const two = fc
  .constantFrom<readonly [AccountId, AccountId]>(
    ["UANN", "UBOB"],
    ["UBOB", "UCYN"],
    ["UANN2", "UCYN"],
    ["UBOB", "UANN"],
    // one person twice, and somebody who asked
    ["UANN", "UANN2"],
    ["UBOB", "UGREG2"],
  )
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

const veto = (who: AccountId, on: boolean, how: Delivery): Event => ({
  is: "react",
  who,
  emoji: "no_entry",
  gate: "all",
  on,
  how,
});
/** What random events seldom come to by themselves. */
const trick = fc.constantFrom<readonly Event[]>(
  [veto("UCYN", true, "stored"), veto("UCYN", false, "lost")],
  [veto("UANN", true, "stored"), veto("UANN", false, "stored")],
  [{ is: "slack-truncates", emoji: "no_entry", on: true }, veto("UCYN", true, "lost")],
  [{ is: "slack-truncates", emoji: "no_entry", on: true }, veto("UANN", true, "lost")],
  [{ is: "time-passes", seconds: 1_900 }],
);
/** Somebody who has voted may not vote any more, and nobody tells the bot. */
const lostRight: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    is: fc.constant("account"),
    who: approver,
    change: fc.constantFrom("deactivated", "guest", "bot", "external", "left", "left"),
  }),
  fc.record({ is: fc.constant("group"), who: approver, on: fc.constant(false) }),
);
const between = fc.oneof(
  { weight: 4, arbitrary: fc.array(happening, { maxLength: 1 }) },
  { weight: 1, arbitrary: trick },
  { weight: 1, arbitrary: lostRight.map((event) => [event]) },
);

const votesFirst: fc.Arbitrary<readonly Event[]> = fc
  .tuple(two, between, go, fc.array(happening, { maxLength: 1 }), work)
  .map(([votes, first, open, then, run]) => [{ is: "window" }, ...votes, ...first, open, ...then, run]);

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
