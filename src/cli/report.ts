import { readFileSync } from "node:fs";
import { z } from "zod";
import { loadConfig } from "../config/load.ts";
import { readNamedSecrets } from "../config/secrets.ts";
import { DrawbridgeError } from "../errors.ts";
import { openJournal } from "../journal/open.ts";
import { getOutbox, intend } from "../journal/outbox.ts";
import { buildReport, formatReport } from "../report/final-report.ts";
import { environment } from "./environment.ts";

const ledgerSchema = z.object({
  acknowledged: z.number(),
  missing: z.number(),
  appOutageMs: z.record(
    z.string(),
    z.array(
      z
        .number()
        .nullable()
        .transform((ms) => ms ?? undefined),
    ),
  ),
});

/** Options of `drawbridge report`. */
export interface ReportOptions {
  readonly config: string;
  readonly json?: boolean;
  /** A JSON file with what a ledger outside the database says; the sandbox's shop keeps one. */
  readonly ledger?: string;
  readonly post?: boolean;
}

/** `drawbridge report`: the migration in numbers. Exit status 1 unless everything in it holds. */
export async function printReport(options: ReportOptions): Promise<void> {
  const config = loadConfig(options.config);
  const { DRAWBRIDGE_JOURNAL_URL } = readNamedSecrets("report", ["DRAWBRIDGE_JOURNAL_URL"], environment());
  await using journal = openJournal(DRAWBRIDGE_JOURNAL_URL, "report");
  const ledger = options.ledger === undefined ? undefined : readLedgerFacts(options.ledger);
  const report = await buildReport(journal.db, config.migration, ledger);
  if (report === undefined)
    throw new DrawbridgeError("DB_BAD_INPUT", `the journal has no migration ${config.migration}`);
  const text = formatReport(report);
  process.stdout.write(options.json === true ? `${JSON.stringify(report, undefined, 2)}\n` : `${text}\n`);
  if (options.post === true) {
    const message = { kind: "note", migrationId: config.migration, key: "final-report", audience: "thread" } as const;
    await intend(journal.db, { ...message, facts: { text, preformatted: true } });
    // the channel's own last message says it too
    const { migration: migrationId, writes } = report;
    if (writes !== undefined && (await getOutbox(journal.db, "done", migrationId, "done")) !== undefined)
      await intend(journal.db, {
        kind: "done",
        migrationId,
        key: "done",
        audience: "main",
        priority: 2,
        facts: { ...writes, appOutageMs: ledger?.appOutageMs },
      });
  }
  if (!report.ok) process.exitCode = 1;
}

function readLedgerFacts(file: string): z.infer<typeof ledgerSchema> {
  try {
    const content: unknown = JSON.parse(readFileSync(file, "utf8"));
    return ledgerSchema.parse(content);
  } catch (cause) {
    throw new DrawbridgeError("DB_BAD_INPUT", `${file} is not a file of ledger facts`, { cause });
  }
}
