import { join } from "node:path";
import { fetchWal } from "../archive/wal/fetch-wal.ts";
import { putWal } from "../archive/wal/put-wal.ts";
import { prepareSpool, serveArchiving, serveRestores, type Spool } from "../archive/wal/wal-courier.ts";
import { asDrawbridgeError } from "../errors.ts";
import { type AgentContext, backupsOf } from "./context.ts";

/** The agent's half of `restore_command` and `archive_command`, while it lives. */
export interface Courier extends AsyncDisposable {
  readonly spool: Spool;
}

/** The spool of an instance. */
export function spoolOf(context: AgentContext): Spool {
  return { dir: context.paths.spoolDir, owner: context.user.owner };
}

/** Starts to carry WAL: from the source's archive to the standby, and from the promoted bridge to our own bucket. */
export async function startCourier(context: AgentContext): Promise<Courier> {
  const { deps, record } = context;
  const spool = spoolOf(context);
  await prepareSpool(spool);
  const stop = new AbortController();
  const signal = AbortSignal.any([deps.signal, stop.signal]);
  const systemIdentifier = record?.systemIdentifier === undefined ? undefined : BigInt(record.systemIdentifier);
  const expected = { systemIdentifier, segmentBytes: record?.segmentBytes };
  const onFault = (name: string, thrown: unknown): void => {
    context.walFault = asDrawbridgeError(thrown);
    deps.log.warn({ name, code: context.walFault.code, fault: context.walFault.message }, "WAL is not flowing");
  };
  const restores = serveRestores({
    spool,
    fetch: async (name, dest) => {
      const outcome = await fetchWal({ ...expected, store: deps.archive, name, dest, owner: spool.owner, signal });
      context.walFault = undefined;
      return outcome;
    },
    ...(record?.segmentBytes === undefined ? {} : { segmentBytes: record.segmentBytes }),
    onFault,
    onTaken: (name) => (context.lastSegment = name),
    log: deps.log,
    clock: deps.clock,
    signal,
  });
  const archiving = serveArchiving({
    spool,
    put: (name, path) => putWal({ store: backupsOf(context), path, name, signal }),
    onFault,
    onStored: (name) => {
      context.walFault = undefined;
      deps.log.debug({ name }, "WAL stored");
    },
    clock: deps.clock,
    signal,
  });
  const failed = (thrown: unknown): void => onFault(join(spool.dir), thrown);
  const running = Promise.all([restores.catch(failed), archiving.catch(failed)]);
  return {
    spool,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}
