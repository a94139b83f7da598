import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluate } from "../../src/approvals/evaluate.ts";
import { approvalStates, type EvaluationInput, type PersonFacts, type Reaction } from "../../src/approvals/policy.ts";

const users = ["UANN", "UANN2", "UBOB", "UCYN", "UGREG", "UEVE", "USLACKBOT"];
const names = ["white_check_mark", "white_check_mark::skin-tone-2", "no_entry", "heavy_check_mark", "x", "tada"];
const person: fc.Arbitrary<PersonFacts> = fc.record({
  deleted: fc.constantFrom(false, false, false, true),
  isBot: fc.constantFrom(false, false, false, true),
  isRestricted: fc.constantFrom(false, false, false, true),
  isUltraRestricted: fc.constant(false),
  teamId: fc.constantFrom("T1", "T1", "T2"),
  enterpriseId: fc.constantFrom(undefined, "E1"),
  teams: fc.constantFrom(undefined, ["T1", "T2"], ["T2"]),
  isMember: fc.constantFrom(true, true, false),
});
const reaction: fc.Arbitrary<Reaction> = fc.record({
  slackUser: fc.constantFrom(...users),
  name: fc.constantFrom(...names),
  standing: fc.constant(true),
});
const input: fc.Arbitrary<EvaluationInput> = fc.record({
  policy: fc.record({
    required: fc.constantFrom(2, 2, 3),
    approveEmoji: fc.constant("white_check_mark"),
    vetoEmoji: fc.constant("no_entry"),
    team: fc.constant("T1"),
    enterprise: fc.constantFrom(undefined, "E1"),
    userGroup: fc.constantFrom(undefined, "S1"),
  }),
  request: fc.record({
    id: fc.constant("a"),
    digest: fc.constant("d"),
    requesters: fc.constantFrom(["greg"], ["greg", "ann"], ["UBOB"]),
    createdAt: fc.constant(new Date(0)),
    expiresAt: fc.constant(new Date(60_000)),
    state: fc.constantFrom(...approvalStates),
  }),
  approvers: fc.constant([
    { person: "ann", slack: ["UANN", "UANN2"] },
    { person: "bob", slack: ["UBOB"] },
    { person: "cyn", slack: ["UCYN"] },
    { person: "greg", slack: ["UGREG"] },
    { person: "slackbot", slack: ["USLACKBOT"] },
  ]),
  currentDigest: fc.constantFrom("d", "d", "d", "e"),
  reactions: fc.array(reaction, { maxLength: 8 }),
  people: fc.dictionary(fc.constantFrom(...users), person),
  now: fc.constantFrom(new Date(1_000), new Date(61_000)),
  groupMembers: fc.constantFrom(undefined, ["UANN", "UBOB", "UEVE"]),
  truncated: fc.constantFrom([], [], ["no_entry"], ["white_check_mark"]),
  channelShared: fc.constantFrom(false, false, true),
  messageGone: fc.constantFrom(false, false, true),
});

test("the same facts give the same verdict, in whatever order and however often they arrive", () => {
  fc.assert(
    fc.property(
      input.chain((facts) =>
        fc.tuple(
          fc.constant(facts),
          fc.shuffledSubarray([...facts.reactions], { minLength: facts.reactions.length }),
          fc.nat(7),
        ),
      ),
      ([facts, moved, again]) => {
        const people = Object.fromEntries(Object.entries(facts.people).toReversed());
        const approvers = facts.approvers.toReversed();
        const reactions = [...moved, ...moved.slice(0, again)];
        expect(evaluate({ ...facts, reactions, people, approvers })).toEqual(evaluate(facts));
      },
    ),
    { numRuns: 5_000 },
  );
});

test("nothing opens without two distinct people who may, told by counting alone", () => {
  fc.assert(
    fc.property(input, (facts) => {
      const may = (id: string): boolean => {
        const own = Object.hasOwn(facts.people, id) ? facts.people[id] : undefined;
        if (own === undefined || own.deleted || own.isBot || own.isRestricted || !own.isMember || id === "USLACKBOT")
          return false;
        const colleague =
          facts.policy.enterprise === "E1" && own.enterpriseId === "E1" && own.teams?.includes("T1") === true;
        const group = facts.policy.userGroup === undefined && facts.groupMembers === undefined;
        return (own.teamId === "T1" || colleague) && (group || facts.groupMembers?.includes(id) === true);
      };
      const saying = (emoji: string) =>
        facts.approvers.filter(
          ({ person: name, slack }) =>
            ![name, ...slack].some((each) => facts.request.requesters.includes(each)) &&
            slack.some(
              (id) =>
                may(id) && facts.reactions.some((each) => each.slackUser === id && each.name.split("::")[0] === emoji),
            ),
        );
      const state = facts.request.state;
      const late = facts.now >= facts.request.expiresAt && state !== "CONSUMED";
      const over = ["DENIED", "EXPIRED", "VOIDED", "SUPERSEDED"].includes(state);
      const wrong = facts.currentDigest !== "d" || facts.channelShared === true || facts.messageGone === true;
      const few = saying("white_check_mark").length < facts.policy.required;
      const unseen = facts.truncated?.includes("no_entry") === true;
      if (late || over || wrong || few || unseen || saying("no_entry").length > 0)
        expect(evaluate(facts).state).not.toBe("open");
    }),
    { numRuns: 5_000 },
  );
});
