import type { AccountId } from "./events.ts";
import { type Card, type InMemorySlack, team } from "./slack-in-memory.ts";

/** One gate of the window that is asked for, as the test knows it. */
export interface Gate {
  readonly approvalId: string;
  readonly name: string;
  readonly digest: string;
  /** In the test's own time, milliseconds. */
  readonly expiresAtMs: number;
  /** Where its card stands, once it was posted. */
  ts: string | undefined;
}

/** What people could truly have agreed to, told without the evaluator: only from what happened. */
export interface Truth {
  readonly slack: InMemorySlack;
  /** The worker's list; it decides. */
  approvers: readonly { readonly person: string; readonly slack: readonly string[] }[];
  /** The bot's list, which it has known since it was started: nobody else's yes is in what it attests. */
  botApprovers: Truth["approvers"];
  readonly withGroup: boolean;
  readonly requesters: Set<string>;
  gates: Gate[];
  /** Vetoes that reached us, by approval: accounts that could veto when theirs did. Never taken back. */
  readonly vetoes: Map<string, Set<string>>;
  /** What the bot saw when it last attested. */
  attested: Attested | undefined;
  /** Vetoes and withdrawals that reached us since then: with any of them nothing may begin. */
  stops: string[];
}

/** What stood while the bot looked. */
export interface Attested {
  /** In the test's own time, milliseconds: when the bot had looked. */
  readonly atMs: number;
  /** By approval id. */
  readonly gates: ReadonlyMap<string, Standing>;
}

interface Standing {
  /** Nothing speaks against it: no veto, the message there, nobody else reading. */
  readonly clear: boolean;
  /** People who said yes, each with the accounts that said it. */
  readonly yes: ReadonlyMap<string, readonly string[]>;
  /** People who said yes and are on the list of the bot only, as it was started before that was changed. */
  readonly yesOfOld: readonly string[];
}

const approves = /^white_check_mark(::skin-tone-[2-6])?$/;

/** The person whose account may vote now; nobody for everyone else. */
export function voterOf(truth: Truth, account: string, listed = truth.approvers): string | undefined {
  const person = listed.find((each) => each.slack.includes(account))?.person;
  const facts = truth.slack.accounts.get(account);
  if (person === undefined || facts === undefined || truth.requesters.has(person) || account === "USLACKBOT")
    return undefined;
  const isFull = !facts.deleted && !facts.isBot && !facts.isGuest && facts.teamId === team && facts.inChannel;
  return isFull && (!truth.withGroup || truth.slack.group.has(account)) ? person : undefined;
}

/** Looks at every gate as a careful human would who knows everything. */
export function lookAround(truth: Truth, atMs: number): Attested {
  return { atMs, gates: new Map(truth.gates.map((gate) => [gate.approvalId, standingOf(truth, gate)])) };
}

function standingOf(truth: Truth, gate: Gate): Standing {
  const { slack } = truth;
  const card = gate.ts === undefined ? undefined : slack.cards.get(gate.ts);
  const there = card !== undefined && !card.deleted && slack.appInChannel && !slack.channelShared;
  const yes = new Map<string, string[]>();
  const yesOfOld: string[] = [];
  for (const account of card === undefined ? [] : sayingYes(card)) {
    const person = voterOf(truth, account);
    const old = voterOf(truth, account, truth.botApprovers);
    if (person !== undefined) yes.set(person, [...(yes.get(person) ?? []), account]);
    else if (old !== undefined) yesOfOld.push(old);
  }
  const against = [...(card?.reactions.get("no_entry") ?? []), ...(truth.vetoes.get(gate.approvalId) ?? [])];
  return { clear: there && against.every((account) => voterOf(truth, account) === undefined), yes, yesOfOld };
}

/** Accounts that say yes on a card. */
export function sayingYes(card: Card): string[] {
  return [...card.reactions].filter(([name]) => approves.test(name)).flatMap(([, users]) => [...users]);
}

/** A reaction, or its removal, has reached the journal. */
export function hear(
  truth: Truth,
  heard: { readonly ts: string; readonly who: AccountId; readonly emoji: string; readonly on: boolean },
): void {
  const gate = truth.gates.find((each) => each.ts === heard.ts);
  if (gate === undefined) return;
  if (heard.on && heard.emoji === "no_entry" && voterOf(truth, heard.who) !== undefined) {
    truth.vetoes.set(gate.approvalId, (truth.vetoes.get(gate.approvalId) ?? new Set()).add(heard.who));
    truth.stops.push(`${heard.who} vetoed ${gate.name}`);
  }
  if (!heard.on && approves.test(heard.emoji)) noteMissing(truth, gate, heard.who);
}

/** The bot has looked at a card: whoever is gone from it is known to be gone, whoever vetoes is known to. */
export function seeCard(truth: Truth, gate: Gate): void {
  const card = gate.ts === undefined ? undefined : truth.slack.cards.get(gate.ts);
  const { slack } = truth;
  if (card === undefined || card.deleted || slack.away || !slack.appInChannel) return;
  for (const account of slack.truncated.has("no_entry") ? [] : (card.reactions.get("no_entry") ?? [])) {
    if (voterOf(truth, account) !== undefined) truth.stops.push(`${account} vetoes ${gate.name}`);
  }
  if (slack.truncated.size > 0) return;
  for (const [person, accounts] of truth.attested?.gates.get(gate.approvalId)?.yes ?? [])
    for (const account of accounts) noteMissing(truth, gate, account, person);
}

/** A counted person of whom no account says yes any more has withdrawn. */
function noteMissing(truth: Truth, gate: Gate, account: string, known?: string): void {
  const yes = truth.attested?.gates.get(gate.approvalId)?.yes ?? new Map<string, readonly string[]>();
  const person = known ?? [...yes].find(([, accounts]) => accounts.includes(account))?.[0];
  const card = gate.ts === undefined ? undefined : truth.slack.cards.get(gate.ts);
  if (person === undefined || card === undefined) return;
  const standing = sayingYes(card);
  // one human with two accounts is one person: whoever still says yes with the other one has not withdrawn
  if (standing.some((each) => (yes.get(person) ?? []).includes(each) || voterOf(truth, each) === person)) return;
  truth.stops.push(`${person} withdrew from ${gate.name}`);
}

/**
 * What speaks against opening the window now; empty when two people stood by every gate. `listed`: the approvers of the worker
 * that opened it, which it has known since it was started.
 */
export function objections(
  truth: Truth,
  now: { readonly ms: number; readonly digestOf: (gate: Gate) => string; readonly listed: Truth["approvers"] },
): string[] {
  const { attested } = truth;
  if (attested === undefined) return ["nobody attested"];
  const late = now.ms - attested.atMs > 10_000 ? [`attested ${now.ms - attested.atMs} ms ago`] : [];
  return [
    ...late,
    ...truth.stops,
    ...truth.gates.flatMap((gate) => {
      const seen = attested.gates.get(gate.approvalId);
      const people = [...new Set([...(seen?.yes.keys() ?? []), ...(seen?.yesOfOld ?? [])])].filter(
        (person) => !truth.requesters.has(person) && now.listed.some((each) => each.person === person),
      );
      return [
        ...(seen?.clear === true ? [] : [`${gate.name} was vetoed, gone or shared`]),
        ...(people.length >= 2 ? [] : [`${gate.name} had only ${people.join(", ") || "nobody"}`]),
        ...(gate.digest === now.digestOf(gate) ? [] : [`${gate.name} asked for something else`]),
        ...(now.ms < gate.expiresAtMs ? [] : [`${gate.name} had expired`]),
      ];
    }),
  ];
}
