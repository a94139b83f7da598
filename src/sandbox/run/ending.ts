import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../../clock.ts";
import { checkLedgerWhileWriting, outages } from "../shop/ledger.ts";
import { checkChannels } from "./channel-check.ts";
import { herokuApp } from "./config-file.ts";
import type { JournalView } from "./journal-view.ts";
import { runOnce } from "./role-process.ts";
import type { SandboxWorld } from "./sandbox-world.ts";

/** The end of a run: the report as the program itself gives it, judged. */
export interface Ending {
  readonly ok: boolean;
  /** The report's text for the terminal. */
  readonly text: string;
  readonly json: string;
}

/** Looks up every acknowledged write of the shop's ledger in the database that is production now, and asks for the report. */
export async function endRun(world: SandboxWorld, view: JournalView, signal: AbortSignal): Promise<Ending> {
  const facts = join(world.directory.path, "ledger-facts.json");
  writeFileSync(facts, JSON.stringify(await ledgerFacts(world, view)));
  const env = { DRAWBRIDGE_JOURNAL_URL: world.journal.workerUrl };
  const args = ["report", "--config", world.configFile, "--ledger", facts];
  const json = await runOnce([...args, "--json", "--post"], env);
  const text = await runOnce(args, env);
  if (json.stdout === "") throw new Error(`no report: ${json.stderr}`);
  // the bot needs a moment to post it; a run without a channel to post to has its report all the same
  const posted = { what: "the report in the thread", deadlineMs: 10_000, everyMs: 100, signal };
  await waitFor(() => view.sent("final-report"), posted).catch(() => undefined);
  const channels = await checkChannels(world, view, signal);
  return { ok: json.status === 0 && channels.ok, text: `${text.stdout}${channels.text}\n`, json: json.stdout };
}

async function ledgerFacts(world: SandboxWorld, view: JournalView): Promise<object> {
  const url = world.heroku.state().apps.find(({ name }) => name === herokuApp)?.config["DATABASE_URL"];
  if (url === undefined) throw new Error(`${herokuApp} has no DATABASE_URL`);
  const { acknowledged, missing, missingExamples, entries } = await checkLedgerWhileWriting(world.ledgerFile, url);
  const appOutageMs: Record<string, (number | null)[]> = {};
  for (const window of await view.windows()) {
    if (!window.name.startsWith("window-")) continue;
    const outage = outages(entries, window.openedAt.getTime(), (window.endedAt ?? new Date()).getTime());
    (appOutageMs[window.name] ??= []).push(outage?.outageMs ?? null);
  }
  return { acknowledged, missing, missingExamples, appOutageMs };
}
