import type { WebClient } from "@slack/web-api";
import type { AttestedApproval } from "../approvals/attestation.ts";
import { plainEmoji } from "../approvals/emoji.ts";
import type { PersonFacts, Reaction } from "../approvals/policy.ts";
import { DrawbridgeError } from "../errors.ts";
import type { MessagePlace } from "../journal/stored-reactions.ts";
import { slackFault } from "./client.ts";
import { type Ask, once } from "./patience.ts";
import type { BotSettings } from "./settings.ts";

/** Errors that mean that nobody can vote on this message any more. */
const goneErrors = new Set([
  "message_not_found",
  "channel_not_found",
  "not_in_channel",
  "is_archived",
  "no_item_specified",
]);

/** Whether Slack said that the message or channel is not there, for us at least. */
export function isGone(thrown: unknown): boolean {
  const fault = slackFault(thrown);
  return fault.kind === "refused" && goneErrors.has(fault.error);
}

/** A way to ask Slack. */
export interface Slack {
  readonly client: WebClient;
  readonly ask: Ask;
}

/** A message to look at. */
export interface Glance extends MessagePlace {
  /** Accounts whose veto reached us earlier; it stands although its reaction may be gone. */
  readonly vetoed: readonly string[];
}

/**
 * Reads reactions, accounts and channel. No cache: what is decided upon is what Slack says at this moment. `vetoed` as in
 * {@link Glance}. Throws Slack's own error when it cannot be asked; then nothing is decided.
 */
export async function lookAt(
  client: WebClient,
  settings: BotSettings,
  approval: MessagePlace,
  vetoed: readonly string[],
): Promise<AttestedApproval> {
  const [look] = await lookAtEach({ client, ask: once }, settings, [{ ...approval, vetoed }]);
  if (look === undefined) throw new DrawbridgeError("DB_UNEXPECTED", "a look at a message has no result");
  return look;
}

/**
 * As {@link lookAt}, for several messages: what they share (channel, members, group, people) is read once, the reactions once
 * for each. In the order of `glances`.
 */
export async function lookAtEach(
  slack: Slack,
  settings: BotSettings,
  glances: readonly Glance[],
): Promise<AttestedApproval[]> {
  const channels = [...new Set(glances.map(({ channel }) => channel))];
  const [seen, shared, groupMembers] = await Promise.all([
    Promise.all(glances.map((glance) => seeReactions(slack, settings, glance))),
    Promise.all(channels.map(async (channel) => [channel, await isShared(slack, channel)] as const)),
    readGroup(slack, settings.approvals.userGroup),
  ]);
  const isShownTo = new Map(shared);
  const peopleOf = await readPeople(slack, seen);
  return seen.map(({ glance, reactions, voters, truncated, gone }) => ({
    id: glance.id,
    reactions,
    people: peopleOf(glance.channel, voters),
    groupMembers,
    truncated: [...truncated],
    messageGone: gone,
    channelShared: isShownTo.get(glance.channel) ?? true,
  }));
}

interface SeenGlance extends Seen {
  readonly glance: Glance;
  /** Listed accounts that reacted. */
  readonly voters: readonly string[];
}

async function seeReactions(slack: Slack, { approvals }: BotSettings, glance: Glance): Promise<SeenGlance> {
  const seen = await readReactions(slack, glance.channel, glance.messageTs);
  const said = glance.vetoed.map((slackUser) => ({ slackUser, name: approvals.vetoEmoji, standing: true }));
  const reactions = [...seen.reactions, ...said];
  const listed = new Set(approvals.approvers.flatMap((approver) => approver.slack));
  const voters = new Set(reactions.map(({ slackUser }) => slackUser).filter((id) => listed.has(id)));
  return { ...seen, glance, reactions, voters: [...voters] };
}

interface Seen {
  readonly reactions: Reaction[];
  readonly truncated: Set<string>;
  readonly gone: boolean;
}

async function readReactions({ client, ask }: Slack, channel: string, timestamp: string): Promise<Seen> {
  const truncated = new Set<string>();
  try {
    const answer = await ask(() => client.reactions.get({ channel, timestamp, full: true }));
    const reactions = (answer.message?.reactions ?? []).flatMap((each) => {
      const users = each.users ?? [];
      if ((each.count ?? 0) > users.length) truncated.add(plainEmoji(each.name ?? ""));
      return users.map((slackUser) => ({ slackUser, name: each.name ?? "", standing: true }));
    });
    return { reactions, truncated, gone: answer.message === undefined };
  } catch (thrown) {
    if (isGone(thrown)) return { reactions: [], truncated, gone: true };
    throw thrown;
  }
}

/** Whether another company can see the channel (Slack Connect). A channel that we cannot see counts as shared. */
export async function isShared({ client, ask }: Slack, channel: string): Promise<boolean> {
  try {
    const { channel: info } = await ask(() => client.conversations.info({ channel }));
    return info === undefined || info.is_ext_shared === true || info.is_pending_ext_shared === true;
  } catch (thrown) {
    if (isGone(thrown)) return true;
    throw thrown;
  }
}

async function readGroup({ client, ask }: Slack, usergroup: string | undefined): Promise<string[] | undefined> {
  if (usergroup === undefined) return undefined;
  const { users } = await ask(() => client.usergroups.users.list({ usergroup }));
  return users ?? [];
}

/** What is known of accounts in a channel. Those that Slack does not know, or does not describe, are left out, and so do not count. */
type PeopleOf = (channel: string, ids: readonly string[]) => Record<string, PersonFacts>;

/** Reads each account once, and the members of each channel in which one of them reacted. */
async function readPeople(slack: Slack, seen: readonly SeenGlance[]): Promise<PeopleOf> {
  const voters = Map.groupBy(
    seen.flatMap(({ glance, voters: ids }) => ids.map((id) => ({ channel: glance.channel, id }))),
    ({ channel }) => channel,
  );
  const ids = new Set([...voters.values()].flat().map(({ id }) => id));
  const [members, people] = await Promise.all([
    Promise.all(
      [...voters].map(async ([channel, there]) => {
        const asked = new Set(there.map(({ id }) => id));
        return [channel, await membersAmong(slack, channel, asked)] as const;
      }),
    ),
    Promise.all([...ids].map(async (id) => [id, await readPerson(slack, id)] as const)),
  ]);
  const [membersOf, factsOf] = [new Map(members), new Map(people)];
  return (channel, asked) =>
    Object.fromEntries(
      asked.flatMap((id) => {
        const facts = factsOf.get(id);
        return facts === undefined ? [] : [[id, { ...facts, isMember: membersOf.get(channel)?.has(id) === true }]];
      }),
    );
}

/** Who of `ids` is in the channel: who has left it may still have a reaction there. Reads pages until all are found. */
async function membersAmong({ client, ask }: Slack, channel: string, ids: ReadonlySet<string>): Promise<Set<string>> {
  const found = new Set<string>();
  try {
    for (let cursor: string | undefined; ;) {
      const from = cursor ? { cursor } : {};
      const page = await ask(() => client.conversations.members({ channel, limit: 200, ...from }));
      for (const id of page.members ?? []) if (ids.has(id)) found.add(id);
      cursor = page.response_metadata?.next_cursor;
      if (!cursor || found.size === ids.size) return found;
    }
  } catch (thrown) {
    if (isGone(thrown)) return found;
    throw thrown;
  }
}

async function readPerson({ client, ask }: Slack, id: string): Promise<Omit<PersonFacts, "isMember"> | undefined> {
  try {
    const { user } = await ask(() => client.users.info({ user: id }));
    if (user?.team_id === undefined) return undefined;
    const flags = [user.is_bot, user.is_restricted, user.is_ultra_restricted];
    // a flag that is absent says nothing; only a deactivated account may have lost them
    if (user.deleted !== true && flags.includes(undefined)) return undefined;
    return {
      deleted: user.deleted === true,
      isBot: user.is_bot === true,
      isRestricted: user.is_restricted === true,
      isUltraRestricted: user.is_ultra_restricted === true,
      isStranger: user.is_stranger === true,
      teamId: user.team_id,
      enterpriseId: user.enterprise_user?.enterprise_id,
      teams: user.enterprise_user?.teams,
    };
  } catch (thrown) {
    const fault = slackFault(thrown);
    if (fault.kind === "refused" && (fault.error === "user_not_found" || fault.error === "user_not_visible"))
      return undefined;
    throw thrown;
  }
}
