import { readNamedSecrets } from "../config/secrets.ts";
import { DrawbridgeError } from "../errors.ts";
import { type EventHead, formatHead, parseHead, verifyChain } from "../journal/events.ts";
import { openJournal } from "../journal/open.ts";
import { environment } from "./environment.ts";

/** `drawbridge timeline verify`: exit status 1 and the first bad event when the log was tampered with. */
export async function verifyTimeline(options: { readonly head?: readonly string[] }): Promise<void> {
  const noted = (options.head ?? []).map(readHead);
  const { DRAWBRIDGE_JOURNAL_URL } = readNamedSecrets("timeline verify", ["DRAWBRIDGE_JOURNAL_URL"], environment());
  await using journal = openJournal(DRAWBRIDGE_JOURNAL_URL, "report");
  const { head, fault } = await verifyChain(journal.db, noted);
  if (fault !== undefined) {
    process.stdout.write(`the event log was changed: ${fault}\n`);
    process.exitCode = 1;
    return;
  }
  const against =
    noted.length === 0
      ? "Compared with nothing outside of the journal: --head takes what a report or the card's thread says."
      : `It agrees with ${noted.length === 1 ? "the end" : `all ${noted.length} ends`} noted elsewhere.`;
  process.stdout.write(
    `the event log is whole: ${head.id} events, every hash fits. ${against}\nhead ${formatHead(head)}\n`,
  );
}

function readHead(text: string): EventHead {
  const head = parseHead(text);
  if (head === undefined) throw new DrawbridgeError("DB_BAD_INPUT", "--head takes NUMBER:HASH, as a report prints it");
  return head;
}
