import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/approvals/evaluate.ts";
import type { EvaluationInput, PersonFacts, Reaction } from "../../src/approvals/policy.ts";

const member: PersonFacts = {
  deleted: false,
  isBot: false,
  isRestricted: false,
  isUltraRestricted: false,
  teamId: "T1",
  isMember: true,
};
const approvers = [
  { person: "ann", slack: ["UANN", "UANN2"] },
  { person: "bob", slack: ["UBOB"] },
  { person: "cyn", slack: ["UCYN"] },
  { person: "greg", slack: ["UGREG"] },
];
const everyone = ["UANN", "UANN2", "UBOB", "UCYN", "UGREG", "UEVE"];
const base: EvaluationInput = {
  policy: { required: 2, approveEmoji: "white_check_mark", vetoEmoji: "no_entry", team: "T1" },
  request: {
    id: "a1",
    digest: "d",
    requesters: ["greg"],
    createdAt: new Date(0),
    expiresAt: new Date(60_000),
    state: "PENDING",
  },
  approvers,
  currentDigest: "d",
  reactions: [],
  people: Object.fromEntries(everyone.map((id) => [id, member])),
  now: new Date(1_000),
};
const yes = (slackUser: string, name = "white_check_mark"): Reaction => ({ slackUser, name, standing: true });
const judge = (change: Partial<EvaluationInput>) => evaluate({ ...base, ...change });

describe("two people open a gate", () => {
  it("waits for two and says who may", () => {
    expect(judge({})).toMatchObject({ state: "waiting", missing: 2, eligible: ["ann", "bob", "cyn"] });
    expect(judge({ reactions: [yes("UANN")] })).toMatchObject({ missing: 1, eligible: ["bob", "cyn"] });
    expect(judge({ reactions: [yes("UANN"), yes("UBOB")] })).toMatchObject({ state: "open", missing: 0 });
  });
  it("never takes fewer than two, whatever the policy says", () => {
    const policy = { ...base.policy, required: 1 };
    expect(judge({ policy, reactions: [yes("UANN")] }).state).toBe("waiting");
  });
  it("counts two accounts and two skin tones of one person once", () => {
    expect(judge({ reactions: [yes("UANN"), yes("UANN2")] })).toMatchObject({ state: "waiting", missing: 1 });
    expect(judge({ reactions: [yes("UANN"), yes("UANN", "white_check_mark::skin-tone-3")] }).missing).toBe(1);
    expect(judge({ reactions: [yes("UANN", "white_check_mark::skin-tone-3"), yes("UBOB")] }).state).toBe("open");
  });
  it("does not count the requester, by person or by account", () => {
    const asked = judge({ reactions: [yes("UGREG"), yes("UBOB")] });
    expect(asked).toMatchObject({ state: "waiting", missing: 1 });
    expect(asked.ignored).toEqual([{ slackUser: "UGREG", name: "white_check_mark", reason: "requester" }]);
    const byAccount = { ...base.request, requesters: ["UANN"] };
    expect(judge({ request: byAccount, reactions: [yes("UANN2"), yes("UBOB")] }).state).toBe("waiting");
  });
});

describe("what does not count", () => {
  it.each([
    ["deactivated", { deleted: true }],
    ["bot", { isBot: true }],
    ["guest", { isRestricted: true }],
    ["guest", { isUltraRestricted: true }],
    ["external", { teamId: "T2" }],
    ["external", { isStranger: true }],
    ["not-in-channel", { isMember: false }],
  ] as const)("%s accounts", (reason, change) => {
    const people = { ...base.people, UANN: { ...member, ...change } };
    const verdict = judge({ people, reactions: [yes("UANN"), yes("UBOB")] });
    expect(verdict.state).toBe("waiting");
    expect(verdict.ignored[0]?.reason).toBe(reason);
  });
  it("accounts that nobody has looked up, strangers, names of prototypes", () => {
    expect(judge({ people: {}, reactions: [yes("UANN"), yes("UBOB")] }).missing).toBe(2);
    expect(judge({ reactions: [yes("UEVE"), yes("constructor")] }).ignored.map((entry) => entry.reason)).toEqual([
      "not-listed",
      "not-listed",
    ]);
  });
  it("look-alikes, with a reason for the hint", () => {
    const verdict = judge({ reactions: [yes("UANN", "heavy_check_mark"), yes("UBOB", "tada")] });
    expect(verdict.ignored).toEqual([{ slackUser: "UANN", name: "heavy_check_mark", reason: "look-alike" }]);
  });
  it("people outside the user group; the group adds nobody", () => {
    const groupMembers = ["UANN", "UEVE"];
    const verdict = judge({ groupMembers, reactions: [yes("UANN"), yes("UBOB"), yes("UEVE")] });
    expect(verdict).toMatchObject({ state: "waiting", missing: 1, eligible: [] });
    expect(verdict.ignored.map((entry) => entry.reason)).toEqual(["not-in-group", "not-listed"]);
  });
});

describe("what nobody has said counts against the vote", () => {
  const two = [yes("UANN"), yes("UBOB")];
  it("a user group whose members are not known lets nobody in", () => {
    const policy = { ...base.policy, userGroup: "S1" };
    expect(judge({ policy, reactions: two })).toMatchObject({ state: "waiting", missing: 2, eligible: [] });
    expect(judge({ policy, reactions: two, groupMembers: ["UANN", "UBOB"] }).state).toBe("open");
  });
  it("who reacted to stop it but is not named, or not described, keeps the gate shut", () => {
    expect(judge({ reactions: two, truncated: ["no_entry"] })).toMatchObject({ state: "waiting", missing: 0 });
    expect(judge({ reactions: two, truncated: ["white_check_mark"] }).state).toBe("open");
    const { UCYN: _unknown, ...people } = base.people;
    const verdict = judge({ people, reactions: [...two, yes("UCYN", "no_entry")] });
    expect(verdict).toMatchObject({ state: "waiting", missing: 0 });
    expect(verdict.reasons.because.find(({ name }) => name === "all-vetoes-seen")?.ok).toBe(false);
  });
  it("on Grid an account of the organisation has to belong to this workspace", () => {
    const policy = { ...base.policy, enterprise: "E1" };
    const with1 = (teams?: readonly string[]) => ({
      ...base.people,
      UANN: { ...member, teamId: "T2", enterpriseId: "E1", teams },
    });
    expect(judge({ policy, people: with1(["T1", "T2"]), reactions: two }).state).toBe("open");
    expect(judge({ policy, people: with1(["T2"]), reactions: two }).missing).toBe(1);
    expect(judge({ policy, people: with1(), reactions: two }).missing).toBe(1);
    expect(judge({ people: with1(["T1"]), reactions: two }).missing).toBe(1);
  });
  it("the second account of a person is told so", () => {
    const verdict = judge({ reactions: [yes("UANN"), yes("UANN2")] });
    expect(verdict.ignored).toEqual([{ slackUser: "UANN2", name: "white_check_mark", reason: "same-person" }]);
  });
  it("who asked may not vote with a second account either", () => {
    const approvers = [{ person: "greg", slack: ["UGREG", "UGREG2"] }, ...base.approvers.slice(0, 3)];
    const people = { ...base.people, UGREG2: member };
    expect(judge({ approvers, people, reactions: [yes("UGREG2"), yes("UBOB")] })).toMatchObject({
      state: "waiting",
      missing: 1,
    });
  });
});

describe("what closes a gate", () => {
  const two = [yes("UANN"), yes("UBOB")];
  it("a veto of any eligible person, not of others", () => {
    expect(judge({ reactions: [...two, yes("UCYN", "no_entry")] }).state).toBe("denied");
    expect(judge({ reactions: [...two, yes("UEVE", "no_entry")] }).state).toBe("open");
  });
  it("another digest, a deleted message, a shared channel, the expiry itself", () => {
    expect(judge({ reactions: two, currentDigest: "other" }).state).toBe("superseded");
    expect(judge({ reactions: two, messageGone: true }).state).toBe("voided");
    expect(judge({ reactions: two, channelShared: true }).state).toBe("voided");
    expect(judge({ reactions: two, now: base.request.expiresAt }).state).toBe("expired");
  });
  it("terminal states stay", () => {
    for (const [state, says] of [
      ["DENIED", "denied"],
      ["EXPIRED", "expired"],
      ["VOIDED", "voided"],
      ["SUPERSEDED", "superseded"],
    ] as const) {
      expect(judge({ request: { ...base.request, state }, reactions: two }).state).toBe(says);
    }
  });
  it("after consumption time no longer matters, withdrawal and veto do", () => {
    const request = { ...base.request, state: "CONSUMED" as const };
    const now = new Date(120_000);
    expect(judge({ request, now, reactions: two }).state).toBe("open");
    expect(judge({ request, now, reactions: [yes("UANN")] }).state).toBe("waiting");
    expect(judge({ request, now, reactions: [...two, yes("UCYN", "no_entry")] }).state).toBe("denied");
  });
});

const anyReaction = fc.record({
  slackUser: fc.constantFrom(...everyone, "USLACKBOT"),
  name: fc.constantFrom("white_check_mark", "white_check_mark::skin-tone-2", "no_entry", "heavy_check_mark", "tada"),
  standing: fc.boolean(),
});
const anyPeople = fc.dictionary(
  fc.constantFrom(...everyone),
  fc.record({
    deleted: fc.boolean(),
    isBot: fc.boolean(),
    isRestricted: fc.boolean(),
    isUltraRestricted: fc.boolean(),
    teamId: fc.constantFrom("T1", "T1", "T2"),
    isMember: fc.constantFrom(true, true, false),
  }),
);

describe("for all facts", () => {
  it("the verdict does not depend on order or repetition", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyReaction, { selector: (r) => `${r.slackUser} ${r.name}` }),
        anyPeople,
        fc.nat(),
        (reactions, people, turn) => {
          const input = { ...base, people };
          const cut = reactions.length === 0 ? 0 : turn % reactions.length;
          const moved = [...reactions.slice(cut), ...reactions.slice(0, cut)].toReversed();
          const again = [...moved, ...moved.filter((reaction) => reaction.standing)];
          expect(evaluate({ ...input, reactions: again })).toEqual(evaluate({ ...input, reactions }));
        },
      ),
    );
  });
  it("open means two distinct listed people in good standing, none a requester, no veto", () => {
    fc.assert(
      fc.property(fc.array(anyReaction, { maxLength: 20 }), anyPeople, (reactions, facts) => {
        const people: Readonly<Record<string, PersonFacts>> = facts;
        const verdict = evaluate({ ...base, reactions, people });
        if (verdict.state !== "open") return;
        expect(new Set(verdict.counted.map((vote) => vote.person)).size).toBeGreaterThanOrEqual(2);
        for (const vote of verdict.counted) {
          expect(vote.person).not.toBe("greg");
          expect(people[vote.slackUser]).toMatchObject({
            deleted: false,
            isBot: false,
            isRestricted: false,
            teamId: "T1",
            isMember: true,
          });
          expect(reactions.some((r) => r.standing && r.slackUser === vote.slackUser)).toBe(true);
        }
      }),
    );
  });
});
