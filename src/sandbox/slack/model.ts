import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { Secret } from "../../redact.ts";
import type { Block } from "./blocks.ts";
import type { Faults } from "./faults.ts";
import type { Sockets } from "./sockets.ts";

/** A workspace; `T…` ids as Slack has them. */
export interface Team {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
}

/** The app whose bot we serve. */
export interface AppIdentity {
  readonly id: string;
  readonly botId: string;
  /** The bot's own user id; that person is among the people. */
  readonly botUserId: string;
  /** Slash commands that the app has registered, with the slash. */
  readonly commands: readonly string[];
  /** OAuth scopes that the bot token was given. */
  readonly scopes: readonly string[];
}

/** Somebody with an account, of this workspace or (Slack Connect) of another one. Changed by `/_control/person`. */
export interface Person {
  readonly id: string;
  /** The handle, without the at sign. */
  readonly name: string;
  realName: string;
  /** What they do in the play: "driver", "approver". */
  readonly title: string;
  readonly token: Secret;
  teamId: string;
  email: string;
  timeZone: string;
  deleted: boolean;
  isBot: boolean;
  isRestricted: boolean;
  isUltraRestricted: boolean;
  isStranger: boolean;
  isAdmin: boolean;
}

/** A channel, private channel or direct message. */
export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly isPrivate: boolean;
  readonly isIm: boolean;
  purpose: string;
  isArchived: boolean;
  /** Shared with another organisation (Slack Connect). */
  isExtShared: boolean;
  readonly members: Set<string>;
  /** In order of posting; ephemeral ones stand among them. */
  readonly messages: Message[];
  readonly pins: Set<string>;
  readonly bookmarks: Bookmark[];
}

export interface Bookmark {
  readonly id: string;
  readonly title: string;
  readonly link: string;
}

/** Message metadata: kept, and given back only where it is asked for. */
export interface Metadata {
  readonly event_type: string;
  readonly event_payload: Readonly<Record<string, unknown>>;
}

export interface Reaction {
  /** Emoji name, with its skin tone where one was chosen. */
  readonly name: string;
  /** Person ids in the order in which they reacted. */
  readonly users: string[];
}

/** One message. `ts` is its identity within the channel. */
export interface Message {
  readonly ts: string;
  readonly channelId: string;
  /** The parent's `ts` for a reply. */
  readonly threadTs: string | undefined;
  readonly broadcast: boolean;
  /** Person id of the author. */
  readonly user: string;
  text: string;
  blocks: readonly Block[] | undefined;
  metadata: Metadata | undefined;
  readonly reactions: Reaction[];
  readonly files: StoredFile[];
  /** Only this person sees it; such a message is in no history. */
  readonly ephemeralTo: string | undefined;
  /** Slack's "(edited)" flag: set by edits without blocks. */
  edited: { readonly user: string; readonly ts: string } | undefined;
  /** How often it was changed, flagged or not. */
  edits: number;
  deleted: boolean;
  /** When it was deleted, in milliseconds of the workspace's clock. */
  deletedAtMs: number | undefined;
  /** Whoever posted it never got its `ts`: the response was lost. */
  answerLost: boolean;
}

export interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly altText: string;
  readonly declaredBytes: number;
  readonly owner: string;
  title: string;
  mimetype: string;
  content: Buffer | undefined;
  shared: boolean;
}

export interface UserGroup {
  readonly id: string;
  readonly handle: string;
  readonly name: string;
  users: readonly string[];
}

/** A modal (`views.open`) or a home tab (`views.publish`). */
export interface View {
  readonly id: string;
  readonly type: "modal" | "home";
  readonly user: string;
  readonly body: Readonly<Record<string, unknown>>;
  open: boolean;
}

/** Lets the app open one modal for `user`. */
export interface Trigger {
  readonly user: string;
  readonly untilMs: number;
  used: boolean;
}

/** Five answers within thirty minutes, to the place where the person acted. */
export interface ResponseUrl {
  readonly user: string;
  readonly channelId: string;
  readonly untilMs: number;
  /** The message that `replace_original` and `delete_original` mean. */
  readonly originalTs: string | undefined;
  usesLeft: number;
}

/** Where the app wants to be called; set when the bot knows its port. */
export interface RequestUrls {
  readonly events: string;
  readonly commands: string;
  readonly interactivity: string;
}

/** Told to everyone who watches: the page, the sandbox's terminal. */
export type Change =
  | { readonly kind: "message"; readonly what: "posted" | "edited" | "deleted" | "reacted"; readonly message: Message }
  | { readonly kind: "hint" }
  | { readonly kind: "view"; readonly view: View }
  | { readonly kind: "workspace" };

/** One request that came in or went out. */
export interface LogEntry {
  readonly seq: number;
  readonly at: string;
  readonly kind: "api" | "event" | "command" | "interaction" | "response_url" | "control" | "upload";
  readonly name: string;
  readonly outcome: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** An inner event of the Events API. */
export type SlackEvent = Readonly<Record<string, unknown>> & { readonly type: string };

/** Everything that the stand-in knows, and its two ways out. */
export interface Workspace {
  readonly team: Team;
  readonly app: AppIdentity;
  readonly people: Map<string, Person>;
  readonly channels: Map<string, Channel>;
  readonly userGroups: Map<string, UserGroup>;
  readonly files: Map<string, StoredFile>;
  readonly views: Map<string, View>;
  /** What a `trigger_id` may open, and until when. */
  readonly triggers: Map<string, Trigger>;
  /** Bearer URLs for answers, by their path. */
  readonly responseUrls: Map<string, ResponseUrl>;
  readonly log: LogEntry[];
  readonly clock: Clock;
  readonly logger: Log;
  readonly signingSecret: Secret;
  readonly botToken: Secret;
  /** For Socket Mode; without it there is none. */
  readonly appToken: Secret | undefined;
  sockets: Sockets | undefined;
  faults: Faults;
  urls: RequestUrls | undefined;
  hint: { readonly text: string; readonly command: string | undefined } | undefined;
  /** Base URL of the stand-in, no slash at its end. */
  baseUrl: string;
  lastMicros: number;
  /** Delivers an event to the app, when the app is where it happened. */
  sendEvent(event: SlackEvent, channel?: Channel): void;
  /** Tells the watchers. */
  changed(change: Change): void;
}
