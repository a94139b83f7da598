import { waitFor } from "../../clock.ts";
import { DrawbridgeError } from "../../errors.ts";
import { type JournalContent, readJournal, RestoreJournal } from "./restore-journal.ts";
import { readVerdict } from "./sync-program.ts";

/** How long an earlier run's sync may still take: a kernel with much memory holds much back. In milliseconds. */
const patienceMs = 60_000;

/** Where the syncs of a restore leave their verdict. */
export function verdictPathOf(journalPath: string): string {
  return `${journalPath}.verdict`;
}

/**
 * The content of a restore's journal, once it is known what became of a sync whose verdict the run that asked for it did not live to hear.
 * If the disk did not take everything, what was not synced before counts as lost: the kernel has told that sync, and will not tell ours.
 * @returns `undefined` when there is no journal
 * @throws DrawbridgeError `DB_UNEXPECTED` (paused) when that sync is still under way after a minute; `DB_BAD_INPUT` as {@link readJournal}.
 */
export async function readSettledJournal(
  journalPath: string,
  signal?: AbortSignal,
): Promise<JournalContent | undefined> {
  const known = await readJournal(journalPath);
  if (known?.inDoubt === undefined) return known;
  const { inDoubt } = known;
  const verdict = await waitFor(
    async () => {
      const now = await readVerdict(verdictPathOf(journalPath), inDoubt);
      return now === "under way" ? undefined : now;
    },
    { deadlineMs: patienceMs, signal, what: `the sync that process ${inDoubt.pid} runs` },
  ).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw stillUnderWay(journalPath, inDoubt.pid, cause);
  });
  if (verdict === "taken") return known;
  await using journal = await RestoreJournal.goOn(journalPath, known.id);
  await journal.lost();
  return await readJournal(journalPath);
}

function stillUnderWay(journalPath: string, pid: number, cause: unknown): DrawbridgeError {
  const what =
    `${journalPath}: the disk is still busy with the sync that this restore's earlier run began (process ${pid}); ` +
    "what it has taken shows when that ends";
  return new DrawbridgeError("DB_UNEXPECTED", what, { cause, outcome: "paused" });
}
