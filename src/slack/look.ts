import type { WebClient } from "@slack/web-api";
import type { AttestedApproval } from "../approvals/attestation.ts";
import { plainEmoji } from "../approvals/emoji.ts";
import type { PersonFacts, Reaction } from "../approvals/policy.ts";
import type { MessagePlace } from "../journal/stored-reactions.ts";
import { slackFault } from "./client.ts";
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

/**
 * Reads reactions, accounts and channel. No cache: what is decided upon is what Slack says at this moment. `vetoed`: accounts
 * whose veto reached us earlier; it stands although its reaction may be gone.
 * Throws Slack's own error when it cannot be asked; then nothing is decided.
 */
export async function lookAt(
  client: WebClient,
  settings: BotSettings,
  approval: MessagePlace,
  vetoed: readonly string[],
): Promise<AttestedApproval> {
  const [seen, channelShared, groupMembers] = await Promise.all([
    readReactions(client, approval.channel, approval.messageTs),
    isShared(client, approval.channel),
    readGroup(client, settings.approvals.userGroup),
  ]);
  const listed = new Set(settings.approvals.approvers.flatMap((approver) => approver.slack));
  const said = vetoed.map((slackUser) => ({ slackUser, name: settings.approvals.vetoEmoji, standing: true }));
  const reactions = [...seen.reactions, ...said];
  const ask = new Set(reactions.map((reaction) => reaction.slackUser).filter((id) => listed.has(id)));
  const people = await readPeople(client, [...ask], approval.channel);
  return {
    id: approval.id,
    reactions,
    people,
    groupMembers,
    truncated: [...seen.truncated],
    messageGone: seen.gone,
    channelShared,
  };
}

interface Seen {
  readonly reactions: Reaction[];
  readonly truncated: Set<string>;
  readonly gone: boolean;
}

async function readReactions(client: WebClient, channel: string, timestamp: string): Promise<Seen> {
  const truncated = new Set<string>();
  try {
    const answer = await client.reactions.get({ channel, timestamp, full: true });
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
export async function isShared(client: WebClient, channel: string): Promise<boolean> {
  try {
    const { channel: info } = await client.conversations.info({ channel });
    return info === undefined || info.is_ext_shared === true || info.is_pending_ext_shared === true;
  } catch (thrown) {
    if (isGone(thrown)) return true;
    throw thrown;
  }
}

async function readGroup(client: WebClient, usergroup: string | undefined): Promise<string[] | undefined> {
  if (usergroup === undefined) return undefined;
  const { users } = await client.usergroups.users.list({ usergroup });
  return users ?? [];
}

/** Accounts that Slack does not know, or does not describe, are left out, and so do not count. */
async function readPeople(
  client: WebClient,
  ids: readonly string[],
  channel: string,
): Promise<Record<string, PersonFacts>> {
  if (ids.length === 0) return {};
  const [members, ...found] = await Promise.all([
    membersAmong(client, channel, ids),
    ...ids.map(async (id) => [id, await readPerson(client, id)] as const),
  ]);
  return Object.fromEntries(
    found.flatMap(([id, facts]) => (facts === undefined ? [] : [[id, { ...facts, isMember: members.has(id) }]])),
  );
}

/** Who of `ids` is in the channel: who has left it may still have a reaction there. Reads pages until all are found. */
async function membersAmong(client: WebClient, channel: string, ids: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  try {
    for (let cursor: string | undefined; ;) {
      const page = await client.conversations.members({ channel, limit: 200, ...(cursor ? { cursor } : {}) });
      for (const id of page.members ?? []) if (ids.includes(id)) found.add(id);
      cursor = page.response_metadata?.next_cursor;
      if (!cursor || found.size === ids.length) return found;
    }
  } catch (thrown) {
    if (isGone(thrown)) return found;
    throw thrown;
  }
}

async function readPerson(client: WebClient, id: string): Promise<Omit<PersonFacts, "isMember"> | undefined> {
  try {
    const { user } = await client.users.info({ user: id });
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
