/** A human being with all their Slack accounts. */
export interface Person {
  readonly person: string;
  readonly slack: readonly string[];
}

/** What the bot needs of the configuration; the whole configuration fits. */
export interface BotSettings {
  /** The migration's id. */
  readonly migration: string;
  readonly heroku: { readonly app: string };
  /** What is rented, for the card. */
  readonly aws?: {
    readonly bridge: { readonly instanceType: string };
    readonly target: { readonly instanceClass: string };
  };
  readonly slack: {
    /** Only the sandbox sets it, and only to a loopback address (the configuration's schema sees to that). */
    readonly apiUrl?: string | undefined;
    /** How Slack reaches us: signed HTTP requests unless told, or sockets that we open. */
    readonly mode?: "http" | "socket";
    readonly team: string;
    readonly enterprise?: string | undefined;
    readonly app: string;
    readonly channel: string;
    readonly commsChannel: string;
  };
  readonly approvals: {
    readonly required: number;
    readonly approvers: readonly Person[];
    readonly drivers: readonly Person[];
    readonly userGroup?: string | undefined;
    readonly approveEmoji: string;
    readonly vetoEmoji: string;
  };
}

/** What somebody may do here. */
export type Role = "driver" | "approver" | "anyone";

/** Who a Slack account is to Drawbridge; strangers go by their id. */
export function personOf(settings: BotSettings, slackUser: string): string {
  const { drivers, approvers } = settings.approvals;
  return [...drivers, ...approvers].find((entry) => entry.slack.includes(slackUser))?.person ?? slackUser;
}

/** Everything that an account may act as; always includes `anyone`. */
export function rolesOf(settings: BotSettings, slackUser: string): readonly Role[] {
  const { drivers, approvers } = settings.approvals;
  const has = (list: readonly Person[]): boolean => list.some((entry) => entry.slack.includes(slackUser));
  return [...(has(drivers) ? ["driver" as const] : []), ...(has(approvers) ? ["approver" as const] : []), "anyone"];
}

/** The first account of a person, for a mention. */
export function slackOf(settings: BotSettings, person: string): string | undefined {
  const { drivers, approvers } = settings.approvals;
  return [...approvers, ...drivers].find((entry) => entry.person === person)?.slack[0];
}
