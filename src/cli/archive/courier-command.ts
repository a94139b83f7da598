import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { nextSegment } from "../../archive/format/wal-names.ts";
import { giveWay } from "../../archive/host/give-way.ts";
import type { DecodedWal } from "../../archive/wal/content-check.ts";
import type { RestoreMode } from "../../archive/wal/serve-restores.ts";
import { isCourierAlive, serveStandalone, startDetached } from "../../archive/wal/standalone-courier.ts";
import { WalSource } from "../../archive/wal/wal-source.ts";
import { asDrawbridgeError, explain } from "../../errors.ts";
import { openLog } from "../../log.ts";
import { courierWords } from "./courier-words.ts";
import { type ArchiveOptions, runArchive } from "./run-archive.ts";

/** Options of `drawbridge archive courier`. */
export interface CourierOptions extends ArchiveOptions {
  readonly for: RestoreMode;
  readonly spool: string;
  readonly data: string;
  readonly startAt?: string;
}

/** `drawbridge archive courier`: fetches ahead of a server that recovers, so that no Node has to start for each segment. */
export async function courierCommand(options: CourierOptions): Promise<void> {
  await runArchive(options, async ({ store, signal }) => {
    const log = openLog("courier");
    void giveWay();
    const systemIdentifier = (await readFile(join(options.data, "global/pg_control"))).readBigUInt64LE(0);
    await using source = new WalSource({ store, expected: () => ({ systemIdentifier }) });
    const end = await serveStandalone({
      spool: { dir: options.spool },
      source,
      mode: options.for,
      dataDir: options.data,
      startAt: options.startAt,
      onFault: (name, thrown) => {
        const { code } = asDrawbridgeError(thrown);
        log.warn({ name, code, fault: explain(thrown) }, "WAL is not flowing");
      },
      log,
      signal,
    });
    log.info({ end }, "the courier has ended");
  });
}

/**
 * Sees to it that a courier serves the server in whose data directory we run, from the segment after `name` on. `fetched`: what
 * was found in `name`. One that does not start is no failure: the next segment is then fetched as this one was.
 */
export async function startCourier(
  name: string,
  fetched: DecodedWal,
  mode: RestoreMode,
  options: ArchiveOptions & { readonly spool?: string },
): Promise<void> {
  const { spool } = options;
  // what has no facts is no segment
  if (spool === undefined || fetched.facts === undefined || (await isCourierAlive({ dir: spool }))) return;
  const startAt = nextSegment(name, fetched.facts.segmentBytes);
  const [node = "", ...args] = courierWords(options, { mode, spool, dataDir: process.cwd(), startAt });
  await startDetached(node, args, join(spool, "courier.log")).catch(() => undefined);
}
