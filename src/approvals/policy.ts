/** How many people it takes, and by which emoji they say so. Comes from the reviewed configuration. */
export interface ApprovalPolicy {
  /** Distinct people; never below 2. */
  readonly required: number;
  /** Slack's name of the approving emoji, without colons: `white_check_mark`. */
  readonly approveEmoji: string;
  /** Slack's name of the emoji that stops: `no_entry`. */
  readonly vetoEmoji: string;
  /** The workspace whose full members may vote, `T…`. */
  readonly team: string;
  /** The Enterprise Grid organisation, where there is one, `E…`. */
  readonly enterprise?: string | undefined;
  /** The Slack user group outside of which nobody may vote, `S…`; its members have to be known then. */
  readonly userGroup?: string | undefined;
}

/** One human being with all their Slack accounts. */
export interface Approver {
  readonly person: string;
  readonly slack: readonly string[];
}

/** States of an approval. Terminal ones never change. */
export const approvalStates = [
  "OPENING",
  "PENDING",
  "ARMED",
  "CONSUMED",
  "DENIED",
  "EXPIRED",
  "SUPERSEDED",
  "VOIDED",
] as const;
export type ApprovalState = (typeof approvalStates)[number];

/** What was asked. */
export interface ApprovalRequest {
  readonly id: string;
  /** Digest of what exactly would run, fixed when asked; see digest.ts. */
  readonly digest: string;
  /** Everyone who asked for something in this migration, by person (or Slack id): none of them may vote. */
  readonly requesters: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly state: ApprovalState;
}

/** One emoji of one account on the message. */
export interface Reaction {
  readonly slackUser: string;
  /** As Slack names it, skin tone included: `+1::skin-tone-3`. */
  readonly name: string;
  /** False once taken back. */
  readonly standing: boolean;
}

/** What Slack says about an account (`users.info`). Absent is not the same as false: then nobody has said. */
export interface PersonFacts {
  readonly deleted: boolean;
  readonly isBot: boolean;
  /** Any guest. */
  readonly isRestricted: boolean;
  /** Guest of a single channel. */
  readonly isUltraRestricted: boolean;
  readonly isStranger?: boolean | undefined;
  /** Home workspace of the account. */
  readonly teamId: string;
  /** On Enterprise Grid: the account's organisation, and the workspaces of it that the account belongs to. */
  readonly enterpriseId?: string | undefined;
  readonly teams?: readonly string[] | undefined;
  /** Whether the account is in the channel of the approval. */
  readonly isMember: boolean;
}

/** Everything that a verdict depends on. */
export interface EvaluationInput {
  readonly policy: ApprovalPolicy;
  readonly request: ApprovalRequest;
  readonly approvers: readonly Approver[];
  /** The digest of what would run now; another than the request's makes the request worthless. */
  readonly currentDigest: string;
  readonly reactions: readonly Reaction[];
  /** By Slack id. An account without facts does not count. */
  readonly people: Readonly<Record<string, PersonFacts>>;
  readonly now: Date;
  /** Emoji, without skin tone, of which Slack did not name everyone who reacted. */
  readonly truncated?: readonly string[] | undefined;
  /** Members of the Slack user group, where the configuration names one. It only narrows the list. */
  readonly groupMembers?: readonly string[] | undefined;
  /** The channel can be seen by another company. */
  readonly channelShared?: boolean | undefined;
  /** The message was deleted, or the bot can no longer see it. */
  readonly messageGone?: boolean | undefined;
}

/** Why a reaction did not count. */
export type IgnoredReason =
  | "not-listed"
  | "requester"
  | "unknown-account"
  | "bot"
  | "guest"
  | "external"
  | "deactivated"
  | "not-in-group"
  | "not-in-channel"
  | "same-person"
  | "look-alike";

/** A named result with what it rests on; the card, `/migrate status` and the runner show the same tree. */
export interface NamedResult {
  readonly name: string;
  readonly ok: boolean;
  /** One line for people. */
  readonly says: string;
  readonly because: readonly NamedResult[];
}

/** An account's reaction that counted for its person. */
export interface CountedVote {
  readonly person: string;
  readonly slackUser: string;
}

/** What the facts amount to. */
export interface Verdict {
  readonly state: "waiting" | "open" | "denied" | "expired" | "voided" | "superseded";
  /** How many more people are needed; 0 when open. */
  readonly missing: number;
  /** One entry a person, sorted by person. */
  readonly counted: readonly CountedVote[];
  /** Standing vetoes that count, one a person. */
  readonly vetoes: readonly CountedVote[];
  readonly ignored: readonly { readonly slackUser: string; readonly name: string; readonly reason: IgnoredReason }[];
  /** People who may still vote: listed, no requester, not counted yet. Sorted. */
  readonly eligible: readonly string[];
  readonly reasons: NamedResult;
}
