import type { Block } from "./blocks.ts";
import type { Channel, Message, Person, StoredFile, Workspace } from "./model.ts";
import { repliesTo } from "./workspace.ts";

/**
 * A response type of `@slack/web-api`, with its string enums opened to strings and its optional fields to
 * `undefined` (JSON drops those), so that an answer that has a field Slack does not have fails to compile.
 */
export type Typed<T> = T extends string
  ? string
  : T extends ReadonlyArray<infer Item>
    ? ReadonlyArray<Typed<Item>>
    : T extends object
      ? { [Key in keyof T]: Typed<T[Key]> | (undefined extends T[Key] ? undefined : never) }
      : T;

/** A refusal as Slack words it: `{ ok: false, error }`. */
export interface Refusal {
  readonly ok: false;
  readonly error: string;
  readonly needed?: string;
  readonly provided?: string;
  readonly response_metadata?: { readonly messages: string[] };
}

/** Refuses a call with one of Slack's error words. */
export function refuse(error: string, more: Omit<Refusal, "ok" | "error"> = {}): Refusal {
  return { ok: false, error, ...more };
}

/** Tells a refusal from what was looked up. */
export function isRefusal(value: object): value is Refusal {
  return "ok" in value && value.ok === false;
}

/** A message as the Web API and events give it. Fields that are absent are undefined. */
export function messageOnWire(ws: Workspace, channel: Channel, message: Message, withMetadata = false) {
  const replies = message.threadTs === undefined ? repliesTo(channel, message.ts) : [];
  const author = ws.people.get(message.user);
  const byApp = message.user === ws.app.botUserId;
  return {
    type: "message",
    subtype: message.broadcast ? "thread_broadcast" : message.files.length > 0 ? "file_share" : undefined,
    user: message.user,
    bot_id: author?.isBot === true ? (byApp ? ws.app.botId : `B${author.id.slice(1)}`) : undefined,
    app_id: byApp ? ws.app.id : undefined,
    team: author?.teamId ?? ws.team.id,
    ts: message.ts,
    text: message.text,
    blocks: message.blocks === undefined ? undefined : blocksOnWire(message.blocks),
    thread_ts: message.threadTs ?? (replies.length > 0 ? message.ts : undefined),
    reply_count: replies.length > 0 ? replies.length : undefined,
    reply_users: replies.length > 0 ? [...new Set(replies.map((each) => each.user))] : undefined,
    latest_reply: replies.at(-1)?.ts,
    edited: message.edited,
    files: message.files.length > 0 ? message.files.map((file) => fileOnWire(ws, file)) : undefined,
    reactions: message.reactions.length > 0 ? reactionsOnWire(message) : undefined,
    metadata: withMetadata && message.metadata !== undefined ? structuredClone(message.metadata) : undefined,
  };
}

/** A copy; the response types know fewer shapes of `text` than Block Kit has, so only the common part is typed. */
function blocksOnWire(blocks: readonly Block[]): Array<{ readonly type: string }> {
  return structuredClone([...blocks]);
}

/** Reactions with all their people, or with at most `keep` of them beside the whole count. */
export function reactionsOnWire(message: Message, keep?: number, alwaysWith?: string) {
  return message.reactions.map(({ name, users }) => {
    const own = alwaysWith !== undefined && users.includes(alwaysWith) ? [alwaysWith] : [];
    const some = keep === undefined ? [...users] : [...new Set([...own, ...users.slice(0, keep)])];
    return { name, users: some, count: users.length };
  });
}

/** A file as `files.*` and messages give it. */
export function fileOnWire(ws: Workspace, file: StoredFile) {
  return {
    id: file.id,
    name: file.name,
    title: file.title,
    alt_txt: file.altText,
    mimetype: file.mimetype,
    size: file.declaredBytes,
    user: file.owner,
    url_private: `${ws.baseUrl}/files/${file.id}/${encodeURIComponent(file.name)}`,
  };
}

/** A channel as `conversations.*` gives it. */
export function channelOnWire(channel: Channel, callerId: string) {
  return {
    id: channel.id,
    name: channel.isIm ? undefined : channel.name,
    is_channel: !channel.isPrivate,
    is_group: channel.isPrivate && !channel.isIm,
    is_im: channel.isIm,
    is_private: channel.isPrivate,
    is_archived: channel.isArchived,
    is_shared: channel.isExtShared,
    is_ext_shared: channel.isExtShared,
    is_org_shared: false,
    is_member: channel.members.has(callerId),
    purpose: { value: channel.purpose, creator: "", last_set: 0 },
    num_members: channel.members.size,
  };
}

/** A person as `users.info` gives them; the address only with `users:read.email`. */
export function personOnWire(person: Person, withEmail: boolean) {
  // A deactivated account has lost its flags in real Slack as well; what is left says "deleted".
  const flags = person.deleted
    ? {}
    : {
        is_admin: person.isAdmin,
        is_owner: false,
        is_restricted: person.isRestricted || person.isUltraRestricted,
        is_ultra_restricted: person.isUltraRestricted,
        tz: person.timeZone,
      };
  return {
    id: person.id,
    team_id: person.teamId,
    name: person.name,
    real_name: person.realName,
    deleted: person.deleted,
    is_bot: person.isBot,
    is_app_user: false,
    is_stranger: person.isStranger ? true : undefined,
    ...flags,
    profile: {
      real_name: person.realName,
      display_name: person.realName,
      title: person.title,
      team: person.teamId,
      email: withEmail && !person.isBot ? person.email : undefined,
    },
  };
}
