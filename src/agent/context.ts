import { join } from "node:path";
import type { ServerUser } from "../archive/server/server-user.ts";
import type { ObjectStore } from "../archive/store/object-store.ts";
import { storeFolder } from "../archive/store/store-folder.ts";
import type { Clock } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import type { AgentFacts, AgentGoal, AgentState } from "../journal/agent-rows.ts";
import type { Log } from "../log.ts";
import type { AgentJournal } from "./goal.ts";
import type { InstancePaths, InstanceRecord } from "./instance.ts";
import type { LocalServer } from "./local-postgres.ts";

/** Everything that the agent is given; it looks nothing up by itself. */
export interface AgentDeps {
  readonly journal: AgentJournal;
  /** The source's archive: read, never written. */
  readonly archive: ObjectStore;
  /** Our own bucket, for backups and WAL of the promoted bridge. */
  readonly backups: ObjectStore;
  /** Where data, spool and log lie. Its parents must let PostgreSQL's user pass. */
  readonly instanceDir: string;
  /** PostgreSQL's programs, of the source's major version. */
  readonly bindir: string;
  /** The host under which others reach the bridge. */
  readonly host: string;
  /** `listen_addresses`; unless told `host` if that is loopback, else every address. */
  readonly listenHost?: string;
  /** TLS on loopback as well, and nobody let in over TCP without it. Unless told it is asked of whoever comes from elsewhere. */
  readonly tls?: "always";
  /** PostgreSQL's port; a free one, kept for the instance's life, unless told. */
  readonly port?: number;
  /** User for PostgreSQL when we are root; `postgres`, else `nobody`, unless told. */
  readonly pgUser?: string;
  /** Further lines of `postgresql.conf`, by name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** What can be reached from this host, for `provision`; reported with every state. */
  readonly reaches?: { readonly journal: boolean; readonly redis: boolean; readonly archive: boolean };
  /** Bytes of files in one part of the first backup. */
  readonly partitionBytes?: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What the agent's parts share. */
export interface AgentContext {
  readonly deps: AgentDeps;
  readonly paths: InstancePaths;
  readonly user: ServerUser;
  /** As on disk. */
  record: InstanceRecord | undefined;
  /** Last fault of the WAL courier, until WAL flows again. */
  walFault: DrawbridgeError | undefined;
  /** What PostgreSQL took last of the archive's WAL: how far it is while it takes no connections. */
  lastSegment: string | undefined;
}

/** Tells the journal how things are; the journal being away stops nothing here. */
export async function report(
  context: AgentContext,
  goal: AgentGoal,
  state: AgentState["state"],
  facts: AgentFacts = {},
): Promise<void> {
  const { deps, record, walFault } = context;
  const everywhere: AgentFacts = {
    host: deps.host,
    ...(record ? { port: record.port } : {}),
    ...(record?.backup === undefined ? {} : { backup: record.backup }),
    ...(record?.firstBackup === undefined ? {} : { firstBackup: record.firstBackup }),
    ...(deps.reaches ? { reaches: deps.reaches } : {}),
    ...(walFault ? { error: faultFacts(walFault) } : {}),
    ...facts,
  };
  try {
    await deps.journal.writeState({ migrationId: goal.migrationId, epoch: goal.epoch, state, facts: everywhere });
  } catch (cause) {
    deps.log.warn({ cause: String(cause) }, "the journal did not take our state");
  }
}

/** An error as the journal keeps it. */
export function faultFacts(fault: DrawbridgeError): { code: string; message: string; outcome: string } {
  return { code: fault.code, message: fault.message, outcome: fault.outcome };
}

/** The restored instance's server. @throws DrawbridgeError `DB_BRIDGE` when nothing was restored here. */
export function serverOf(context: AgentContext): LocalServer {
  const { record, paths, user, deps } = context;
  if (record?.phase !== "restored" || record.bootstrapRole === undefined) {
    throw new DrawbridgeError("DB_BRIDGE", "nothing has been restored on this bridge", { outcome: "terminal" });
  }
  return { paths, bindir: deps.bindir, user, port: record.port, role: record.bootstrapRole };
}

/**
 * Where this restore's own backups and WAL go. Each restore has a folder: a second promotion writes the same timeline and
 * the same names as the first, with other content.
 */
export function backupsOf({ deps, record }: AgentContext): ObjectStore {
  return record?.backupsFolder === undefined ? deps.backups : storeFolder(deps.backups, record.backupsFolder);
}

/** The file whose presence makes the server a standby; PostgreSQL removes it when it promotes. */
export function standbySignal(paths: InstancePaths): string {
  return join(paths.dataDir, "standby.signal");
}
