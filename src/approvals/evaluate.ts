import { isLookAlike, plainEmoji } from "./emoji.ts";
import type {
  ApprovalState,
  Approver,
  CountedVote,
  EvaluationInput,
  IgnoredReason,
  NamedResult,
  PersonFacts,
  Reaction,
  Verdict,
} from "./policy.ts";

/**
 * Facts in, verdict out. Pure, and the same for every order in which the facts arrived; the reaction event, the reconciler
 * and the transaction that consumes an approval all call it.
 */
export function evaluate(input: EvaluationInput): Verdict {
  const votes = sortVotes(input);
  const required = Math.max(2, input.policy.required);
  const missing = Math.max(0, required - votes.counted.length);
  const digestOk = input.request.digest === input.currentDigest;
  // what was consumed was consumed in time; later votes on it only matter as withdrawal or veto
  const inTime = input.request.state === "CONSUMED" || input.now.getTime() < input.request.expiresAt.getTime();
  const placeOk = input.messageGone !== true && input.channelShared !== true;
  const allSeen = everyVetoIsJudged(input, votes);
  const found = { digestOk, placeOk, inTime, veto: votes.vetoes.length > 0, allSeen, missing };
  const state = settled(input.request.state) ?? judge(found);
  const because = [...conditions(input, found, votes), peopleFound(missing, votes)];
  const ok = state === "open";
  return { state, missing, ...votes, reasons: { name: "gate", ok, says: ok ? "open" : state, because } };
}

/** Everything but the number of people, each as it is. */
function conditions(input: EvaluationInput, found: Findings, { vetoes }: SortedVotes): NamedResult[] {
  const { digestOk, inTime, allSeen, veto } = found;
  const gone = input.messageGone === true;
  const shared = input.channelShared === true;
  const say = (name: string, ok: boolean, good: string, bad: string): NamedResult => leaf(name, ok, ok ? good : bad);
  return [
    say("same-plan", digestOk, "nothing has changed since it was asked", "what would run is no longer what was asked"),
    say("message-stands", !gone, "the message stands", "the message is gone"),
    say("channel-private", !shared, "only this company sees the channel", "another company can see the channel"),
    say("no-veto", !veto, "nobody stopped it", `stopped by ${names(vetoes)}`),
    say("all-vetoes-seen", allSeen, "who reacted to stop it is known", "not everyone who reacted to stop it is known"),
    say("in-time", inTime, "not expired", "expired before enough people approved and it ran"),
  ];
}

function peopleFound(missing: number, { counted, eligible, ignored }: SortedVotes): NamedResult {
  const needed = `${missing} more of ${eligible.join(", ") || "nobody who may"}`;
  const because = [
    ...counted.map((vote) => leaf(vote.person, true, "approves")),
    ...ignored.map((vote) => leaf(vote.slackUser, false, `does not count: ${vote.reason}`)),
  ];
  const says = missing === 0 ? `approved by ${names(counted)}` : needed;
  return { name: "two-people", ok: missing === 0, says, because };
}

/** Who reacted but is not named, or is on the list but described by nobody, may have vetoed. */
function everyVetoIsJudged({ truncated, policy }: EvaluationInput, { ignored }: SortedVotes): boolean {
  if (truncated?.includes(policy.vetoEmoji) === true) return false;
  return !ignored.some(({ name, reason }) => name === policy.vetoEmoji && reason === "unknown-account");
}

interface Findings {
  readonly digestOk: boolean;
  readonly placeOk: boolean;
  readonly inTime: boolean;
  readonly veto: boolean;
  readonly allSeen: boolean;
  readonly missing: number;
}

/** The strongest objection wins; only without any does the number of people matter. */
function judge(found: Findings): Verdict["state"] {
  if (!found.digestOk) return "superseded";
  if (!found.placeOk) return "voided";
  if (found.veto) return "denied";
  if (!found.inTime) return "expired";
  return found.missing === 0 && found.allSeen ? "open" : "waiting";
}

/** Terminal states never change, whatever the reactions say now. */
function settled(state: ApprovalState): Verdict["state"] | undefined {
  switch (state) {
    case "DENIED":
      return "denied";
    case "EXPIRED":
      return "expired";
    case "VOIDED":
      return "voided";
    case "SUPERSEDED":
      return "superseded";
    case "OPENING":
    case "PENDING":
    case "ARMED":
    case "CONSUMED":
      return undefined;
  }
}

type SortedVotes = Pick<Verdict, "counted" | "vetoes" | "ignored" | "eligible">;

function sortVotes(input: EvaluationInput): SortedVotes {
  const counted = new Map<string, CountedVote>();
  const vetoes = new Map<string, CountedVote>();
  const ignored: { slackUser: string; name: string; reason: IgnoredReason }[] = [];
  for (const reaction of inFixedOrder(input.reactions)) {
    const name = plainEmoji(reaction.name);
    const approves = name === input.policy.approveEmoji;
    const meant = approves || name === input.policy.vetoEmoji;
    if (!meant && !lookAlike(name, input)) continue;
    const approver = approverOf(reaction.slackUser, input.approvers);
    const reason = whyNot(reaction.slackUser, approver, input) ?? (meant ? undefined : "look-alike");
    if (reason !== undefined || approver === undefined) {
      ignored.push({ slackUser: reaction.slackUser, name, reason: reason ?? "not-listed" });
      continue;
    }
    const votes = approves ? counted : vetoes;
    // two accounts of one person, or two skin tones, are one vote
    const { slackUser } = reaction;
    if (!votes.has(approver.person)) votes.set(approver.person, { person: approver.person, slackUser });
    else ignored.push({ slackUser, name, reason: "same-person" });
  }
  const eligible = input.approvers
    .filter((approver) => !isRequester(approver, input.request.requesters) && !counted.has(approver.person))
    .filter((approver) =>
      approver.slack.some((id) => inGroup(id, input) && accountFault(id, input, true) === undefined),
    );
  return {
    counted: byPerson(counted),
    vetoes: byPerson(vetoes),
    ignored,
    eligible: eligible.map((approver) => approver.person).toSorted(),
  };
}

function inFixedOrder(reactions: readonly Reaction[]): Reaction[] {
  const seen = new Map<string, Reaction>();
  for (const reaction of reactions) {
    if (reaction.standing) seen.set(`${reaction.slackUser} ${plainEmoji(reaction.name)}`, reaction);
  }
  return [...seen.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, reaction]) => reaction);
}

function lookAlike(name: string, { policy }: EvaluationInput): boolean {
  return isLookAlike(name, policy.approveEmoji) || isLookAlike(name, policy.vetoEmoji);
}

function approverOf(slackUser: string, approvers: readonly Approver[]): Approver | undefined {
  return approvers.find((approver) => approver.slack.includes(slackUser));
}

function isRequester(approver: Approver, requesters: readonly string[]): boolean {
  return requesters.includes(approver.person) || approver.slack.some((id) => requesters.includes(id));
}

function whyNot(slackUser: string, approver: Approver | undefined, input: EvaluationInput): IgnoredReason | undefined {
  if (input.request.requesters.includes(slackUser)) return "requester";
  if (approver === undefined) return "not-listed";
  if (isRequester(approver, input.request.requesters)) return "requester";
  return accountFault(slackUser, input, false) ?? (inGroup(slackUser, input) ? undefined : "not-in-group");
}

function inGroup(slackUser: string, { groupMembers, policy }: EvaluationInput): boolean {
  // where a group is configured, not knowing its members lets nobody in
  if (groupMembers === undefined) return policy.userGroup === undefined;
  return groupMembers.includes(slackUser);
}

/** What keeps an account from voting. `benefitOfDoubt`: an account that nobody has looked up yet may still turn out well. */
function accountFault(slackUser: string, input: EvaluationInput, benefitOfDoubt: boolean): IgnoredReason | undefined {
  // Slackbot says of itself that it is no bot
  if (slackUser === "USLACKBOT") return "bot";
  const facts = Object.hasOwn(input.people, slackUser) ? input.people[slackUser] : undefined;
  if (facts === undefined) return benefitOfDoubt ? undefined : "unknown-account";
  if (facts.deleted) return "deactivated";
  if (facts.isBot) return "bot";
  if (facts.isRestricted || facts.isUltraRestricted) return "guest";
  if (facts.isStranger === true || !atHome(facts, input)) return "external";
  return facts.isMember ? undefined : "not-in-channel";
}

function atHome({ teamId, enterpriseId, teams }: PersonFacts, { policy }: EvaluationInput): boolean {
  if (teamId === policy.team) return true;
  // on Grid an account's home may be another workspace of the organisation; it has to belong to this one as well
  return policy.enterprise !== undefined && enterpriseId === policy.enterprise && teams?.includes(policy.team) === true;
}

function byPerson(votes: ReadonlyMap<string, CountedVote>): CountedVote[] {
  return [...votes.values()].toSorted((a, b) => (a.person < b.person ? -1 : 1));
}

function leaf(name: string, ok: boolean, says: string): NamedResult {
  return { name, ok, says, because: [] };
}

function names(votes: readonly CountedVote[]): string {
  return votes.map((vote) => vote.person).join(" and ");
}
