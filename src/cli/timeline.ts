import { readNamedSecrets } from "../config/secrets.ts";
import { verifyChain } from "../journal/events.ts";
import { openJournal } from "../journal/open.ts";
import { environment } from "./environment.ts";

/** `drawbridge timeline verify`: exit status 1 and the first bad event when the log was tampered with. */
export async function verifyTimeline(): Promise<void> {
  const { DRAWBRIDGE_JOURNAL_URL } = readNamedSecrets("timeline verify", ["DRAWBRIDGE_JOURNAL_URL"], environment());
  await using journal = openJournal(DRAWBRIDGE_JOURNAL_URL, "report");
  const broken = await verifyChain(journal.db);
  if (broken === undefined) {
    process.stdout.write("the event log is whole: every hash fits\n");
    return;
  }
  process.stdout.write(`the event log was changed: event ${broken} does not fit what stands before it\n`);
  process.exitCode = 1;
}
