import { join } from "node:path";
import { putWal } from "../archive/wal/put-wal.ts";
import { serveArchiving } from "../archive/wal/serve-archiving.ts";
import { serveRestores } from "../archive/wal/serve-restores.ts";
import { prepareSpool, type Spool } from "../archive/wal/spool.ts";
import { WalSource } from "../archive/wal/wal-source.ts";
import { asDrawbridgeError } from "../errors.ts";
import { type AgentContext, backupsOf } from "./context.ts";

/** The agent's half of `restore_command` and `archive_command`, while it lives. */
export interface Courier extends AsyncDisposable {
  readonly spool: Spool;
  /** The archive's WAL. */
  readonly source: WalSource;
  /** Fetches WAL from this segment on, before PostgreSQL is there to ask. */
  startAt(segment: string): void;
}

/** The spool of an instance. */
export function spoolOf(context: AgentContext): Spool {
  return { dir: context.paths.spoolDir, owner: context.user.owner };
}

/** Starts to carry WAL: from the source's archive to the standby, and from the promoted bridge to our own bucket. */
export async function startCourier(context: AgentContext): Promise<Courier> {
  const { deps, user } = context;
  const spool = spoolOf(context);
  await prepareSpool(spool);
  const stop = new AbortController();
  const signal = AbortSignal.any([deps.signal, stop.signal]);
  const onFault = (name: string, thrown: unknown): void => {
    context.walFault = asDrawbridgeError(thrown);
    deps.log.warn({ name, code: context.walFault.code, fault: context.walFault.message }, "WAL is not flowing");
  };
  const source = new WalSource({
    store: deps.archive,
    expected: () => expectationOf(context),
    owner: user.owner,
    clock: deps.clock,
  });
  const restores = await serveRestores({
    spool,
    source,
    mode: "standby",
    walDir: join(context.paths.dataDir, "pg_wal"),
    onFault,
    onAnswered: () => (context.walFault = undefined),
    onTaken: (name) => (context.lastSegment = name),
    log: deps.log,
    clock: deps.clock,
    signal,
  });
  const archiving = shipWal(context, spool, onFault, signal);
  const failed = (thrown: unknown): void => onFault(spool.dir, thrown);
  const running = Promise.all([restores.ended.catch(failed), archiving.catch(failed)]);
  return {
    spool,
    source,
    startAt: (segment) => restores.startAt(segment),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
      await source[Symbol.asyncDispose]();
    },
  };
}

/** Carries the promoted bridge's WAL to our own bucket; while it is a standby PostgreSQL gives none. */
function shipWal(
  context: AgentContext,
  spool: Spool,
  onFault: (name: string, thrown: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  return serveArchiving({
    spool,
    put: (name, path) => putWal({ store: backupsOf(context), path, name, signal }),
    onFault,
    onStored: (name) => {
      context.walFault = undefined;
      context.deps.log.debug({ name }, "WAL stored");
    },
    clock: context.deps.clock,
    signal,
  });
}

/** What the restored cluster's WAL has to fit, as far as it is known. */
function expectationOf({ record }: AgentContext): { systemIdentifier?: bigint; segmentBytes?: number } {
  return {
    ...(record?.systemIdentifier === undefined ? {} : { systemIdentifier: BigInt(record.systemIdentifier) }),
    ...(record?.segmentBytes === undefined ? {} : { segmentBytes: record.segmentBytes }),
  };
}
