import { LogLevel, WebClient } from "@slack/web-api";

/** What Slack knows of an account. */
export interface Account {
  deleted: boolean;
  isBot: boolean;
  isGuest: boolean;
  teamId: string;
  inChannel: boolean;
}

/** A gate's message: who reacted with what. */
export interface Card {
  readonly reactions: Map<string, Set<string>>;
  deleted: boolean;
}

/** A workspace in memory, and a real Web API client whose requests end there instead of at slack.com. */
export interface InMemorySlack {
  readonly accounts: Map<string, Account>;
  readonly group: Set<string>;
  /** By message timestamp. */
  readonly cards: Map<string, Card>;
  channelShared: boolean;
  appInChannel: boolean;
  /** Every call fails as with a network that is down. */
  away: boolean;
  /** Emoji of which `reactions.get` names nobody but the caller. */
  readonly truncated: Set<string>;
  readonly client: WebClient;
}

export const team = "T1";
export const botUser = "UDRAWBRIDGE";

type Args = Readonly<Record<string, string>>;
type Answer = { readonly ok: boolean; readonly error?: string } & Readonly<Record<string, unknown>>;

const refuse = (error: string): Answer => ({ ok: false, error });

/** An empty workspace. */
export function openInMemorySlack(): InMemorySlack {
  const slack: InMemorySlack = {
    accounts: new Map(),
    group: new Set(),
    cards: new Map(),
    channelShared: false,
    appInChannel: true,
    away: false,
    truncated: new Set(),
    client: new WebClient("xoxb-in-memory", {
      retryConfig: { retries: 0 },
      logger: {
        debug: () => undefined,
        info: () => undefined,
        warn: () => undefined,
        error: () => undefined,
        setLevel: () => undefined,
        getLevel: () => LogLevel.ERROR,
        setName: () => undefined,
      },
      fetch: (url: unknown, init?: { readonly body?: unknown }) => Promise.resolve(respond(slack, url, init?.body)),
    }),
  };
  return slack;
}

function respond(slack: InMemorySlack, url: unknown, body: unknown): Response {
  if (slack.away) return new Response("bad gateway", { status: 502 });
  const method = new URL(String(url instanceof Request ? url.url : url)).pathname.split("/").at(-1) ?? "";
  const args: Args = Object.fromEntries(new URLSearchParams(String(body)));
  const answer = methods[method]?.(slack, args) ?? refuse("unknown_method");
  return new Response(JSON.stringify(answer), { status: 200, headers: { "content-type": "application/json" } });
}

const methods: Readonly<Record<string, (slack: InMemorySlack, args: Args) => Answer>> = {
  "reactions.get": (slack, { timestamp = "" }) => {
    const card = slack.cards.get(timestamp);
    if (!slack.appInChannel) return refuse("channel_not_found");
    if (card === undefined || card.deleted) return refuse("message_not_found");
    const reactions = [...card.reactions].map(([name, users]) => ({
      name,
      users: [...users].filter((user) => user === botUser || !slack.truncated.has(name)),
      count: users.size,
    }));
    return { ok: true, type: "message", message: { ts: timestamp, reactions } };
  },
  "reactions.add": (slack, { timestamp = "", name = "" }) => {
    const card = slack.cards.get(timestamp);
    if (!slack.appInChannel) return refuse("not_in_channel");
    if (card === undefined || card.deleted) return refuse("message_not_found");
    const users = card.reactions.get(name) ?? new Set();
    card.reactions.set(name, users);
    if (users.has(botUser)) return refuse("already_reacted");
    users.add(botUser);
    return { ok: true };
  },
  "conversations.info": (slack, { channel = "" }) =>
    slack.appInChannel
      ? { ok: true, channel: { id: channel, is_ext_shared: slack.channelShared } }
      : refuse("channel_not_found"),
  "conversations.members": (slack) => ({
    ok: true,
    members: [...slack.accounts].filter(([, account]) => account.inChannel).map(([id]) => id),
    response_metadata: { next_cursor: "" },
  }),
  "usergroups.users.list": (slack) => ({ ok: true, users: [...slack.group] }),
  "users.info": (slack, { user = "" }) => {
    const account = slack.accounts.get(user);
    if (account === undefined) return refuse("user_not_found");
    const flags = { is_restricted: account.isGuest, is_ultra_restricted: false };
    const { deleted, isBot, teamId } = account;
    return { ok: true, user: { id: user, team_id: teamId, deleted, is_bot: isBot, ...(deleted ? {} : flags) } };
  },
};
