import type { JsonObject } from "./json.ts";

/** What the bridge should be. Higher epochs win; the agent refuses lower ones. */
export interface AgentGoal {
  readonly migrationId: string;
  readonly epoch: bigint;
  readonly goal: "standby" | "primary" | "wiped";
  readonly params: AgentParams;
}

/** A role that may log in over TCP on the bridge, with the method its stored password allows. */
export interface BridgeLogin {
  readonly role: string;
  readonly method: "md5" | "scram-sha-256";
}

/** Something of the database that was sorted by another version of a collation library than the bridge's host has. */
export interface BridgeCollation extends JsonObject {
  /** `database shop`, `collation public.german` */
  readonly what: string;
  /** The version in the catalogue, with which its indexes were built. */
  readonly recorded: string;
  /** The library's on the bridge; `none` where it tells none. */
  readonly actual: string;
}

/** What the agent needs to know beyond the goal's word. Holds SCRAM verifiers, never passwords. */
export interface AgentParams {
  /** Base backup to restore: a name, or `LATEST`. */
  readonly backup?: string;
  /** The source's system identifier, decimal; another cluster's archive is refused. */
  readonly systemIdentifier?: string;
  /** The timeline that the source writes; newer ones in the archive then are of somebody else's restore. */
  readonly timeline?: number;
  /** The database to migrate. */
  readonly database?: string;
  /** Settings of the source that a standby must not fall below, by name. */
  readonly sourceSettings?: Readonly<Record<string, number>>;
  /** Who may log in over TCP. */
  readonly logins?: readonly BridgeLogin[];
  /** `SCRAM-SHA-256$…` of drawbridge_admin, created right after promotion. */
  readonly adminVerifier?: string;
  /** `SCRAM-SHA-256$…` of drawbridge_repl, created right after promotion. */
  readonly replVerifier?: string;
  /** Set after window 1: take a base backup into our own bucket, once. */
  readonly firstBackup?: boolean;
}

/** What the agent last said of itself. */
export interface AgentState {
  readonly migrationId: string;
  /** The goal's epoch that this state belongs to. */
  readonly epoch: bigint;
  readonly state: "hello" | "restoring" | "starting" | "following" | "promoting" | "primary" | "wiped" | "failed";
  readonly facts: AgentFacts;
  /** Set by the journal when written. */
  readonly at?: Date;
}

/** Facts beside the state's word; each only where it applies. */
export interface AgentFacts extends JsonObject {
  /** host and port where the bridge's PostgreSQL listens for others */
  readonly host?: string;
  readonly port?: number;
  readonly backup?: string;
  readonly bytesDone?: number;
  readonly bytesTotal?: number;
  readonly partsDone?: number;
  readonly partsTotal?: number;
  readonly bytesPerSecond?: number;
  /** Seconds that a restore will still take at the present rate. */
  readonly secondsLeft?: number;
  /** Bytes of WAL that the standby has still to replay before it takes connections. */
  readonly bytesToConsistency?: number;
  readonly replayLsn?: string;
  readonly replayPaused?: boolean;
  readonly consistent?: boolean;
  readonly timeline?: number;
  /** The archive's newest timeline when the restore began, where that was none of the source's: up to it none is followed. */
  readonly foreignThrough?: number;
  /** What the bridge's libraries sort otherwise than the source's, empty when nothing; absent while it was not compared. */
  readonly collations?: readonly BridgeCollation[];
  /** Why it was not compared. */
  readonly collationsFault?: string;
  readonly firstBackup?: string;
  /** What the agent could reach from where it runs, for `provision`. */
  readonly reaches?: { readonly journal: boolean; readonly redis: boolean; readonly archive: boolean };
  readonly error?: { readonly code: string; readonly message: string; readonly outcome: string };
}
