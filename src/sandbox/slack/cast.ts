import { Secret } from "../../redact.ts";
import type { AppIdentity, Person, Team, UserGroup } from "./model.ts";

/** The workspace that the sandbox plays in. */
export const team: Team = { id: "T0DRAWBRDG", name: "Shop", domain: "shop-sandbox" };

/** The other organisation, whose member reads along through Slack Connect. */
export const otherTeam: Team = { id: "T0ELSEWHER", name: "Agency", domain: "agency" };

/** The scopes that Drawbridge's app manifest asks for. */
export const botScopes = [
  "commands",
  "chat:write",
  "reactions:read",
  "reactions:write",
  "users:read",
  "users:read.email",
  "usergroups:read",
  "emoji:read",
  "channels:read",
  "groups:read",
  "im:read",
  "im:write",
  "channels:history",
  "groups:history",
  "im:history",
  "channels:join",
  "files:write",
  "files:read",
  "pins:write",
  "bookmarks:write",
] as const;

/** The app as it is installed in {@link team}. */
export const app: AppIdentity = {
  id: "A0DRAWBRDG",
  botId: "B0DRAWBRDG",
  botUserId: "U0DRAWBRDG",
  commands: ["/migrate"],
  scopes: botScopes,
};

type Flags = Partial<
  Pick<Person, "isBot" | "isRestricted" | "isUltraRestricted" | "isStranger" | "isAdmin" | "deleted" | "teamId">
>;

/** A person of the workspace; flags that are not given are false. */
export function person(id: string, name: string, realName: string, title: string, flags: Flags = {}): Person {
  return {
    id,
    name,
    realName,
    title,
    token: new Secret(`xoxp-sandbox-${id}`),
    teamId: team.id,
    email: `${name}@${team.domain}.example`,
    timeZone: "Europe/Berlin",
    deleted: false,
    isBot: false,
    isRestricted: false,
    isUltraRestricted: false,
    isStranger: false,
    isAdmin: false,
    ...flags,
  };
}

/** Fixed ids of the people, so that configuration files and tests can name them. */
export const ids = {
  greg: "U0GREG00000",
  ann: "U0ANN000000",
  bob: "U0BOB000000",
  cyn: "U0CYN000000",
  dana: "U0DANA00000",
  guest: "U0GUEST0000",
  otherBot: "U0OTHERBOT0",
  external: "U0EXTERNAL0",
  drawbridge: app.botUserId,
} as const;

/** The default people: a driver, three approvers, comms, and four who must never count. Fresh objects at each call. */
export function defaultPeople(): Person[] {
  return [
    person(ids.greg, "greg", "Greg", "driver", { isAdmin: true }),
    person(ids.ann, "ann", "Ann", "approver"),
    person(ids.bob, "bob", "Bob", "approver"),
    person(ids.cyn, "cyn", "Cyn", "approver"),
    person(ids.dana, "dana", "Dana", "customer comms"),
    person(ids.guest, "guest", "Gus (guest)", "guest", { isRestricted: true }),
    person(ids.otherBot, "deploybot", "Deploybot", "another app's bot", { isBot: true }),
    person(ids.external, "eve", "Eve (Agency)", "external", { isStranger: true, teamId: otherTeam.id }),
    person(ids.drawbridge, "drawbridge", "Drawbridge", "the app", { isBot: true }),
  ];
}

/** What a channel is made of; members by id. */
export interface ChannelSpec {
  readonly id: string;
  readonly name: string;
  readonly purpose?: string;
  readonly isPrivate?: boolean;
  readonly isExtShared?: boolean;
  readonly isArchived?: boolean;
  readonly members: readonly string[];
}

const staff = [ids.greg, ids.ann, ids.bob, ids.cyn, ids.dana, ids.drawbridge];

/** The migration's channel, the customer comms channel, and one where the bot is not. */
export const defaultChannels: readonly ChannelSpec[] = [
  {
    id: "C0MIGRATION",
    name: "shop-migration",
    purpose: "shop-production moves from Heroku Postgres to RDS",
    members: [...staff, ids.guest, ids.otherBot, ids.external],
  },
  { id: "C0COMMS0000", name: "shop-comms", purpose: "What customers are told", members: staff },
  { id: "C0RANDOM000", name: "random", purpose: "Not about work", members: staff.slice(0, 5) },
];

/** The optional user group beside the allowlist. */
export function defaultUserGroups(): UserGroup[] {
  return [
    {
      id: "S0APPROVERS",
      handle: "migration-approvers",
      name: "Migration approvers",
      users: [ids.ann, ids.bob, ids.cyn],
    },
  ];
}
