import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, waitFor } from "../../src/clock.ts";
import { loadConfig } from "../../src/config/load.ts";
import { openHeroku, type Heroku } from "../../src/heroku/heroku.ts";
import { silentLog } from "../../src/log.ts";
import { type Databases, databasesOf } from "../../src/migration/databases.ts";
import { type Database, openDatabase } from "../../src/postgres/connect.ts";
import { Secret } from "../../src/redact.ts";
import { herokuApp, migrationName } from "../../src/sandbox/run/config-file.ts";
import { makeRunDirectory } from "../../src/sandbox/run/run-directory.ts";
import { slackPeople, type SlackPeople } from "../../src/sandbox/run/slack-people.ts";
import { openStage, type Stage } from "../../src/sandbox/run/stage.ts";
import { ids } from "../../src/sandbox/slack/cast.ts";

/** A sandbox in this process, whose worker can be made to wait at any step, and whose databases the test may look into. */
export interface AbortStage extends AsyncDisposable {
  readonly stage: Stage;
  readonly people: SlackPeople;
  /** The journal, as its administrator. */
  readonly journal: Database;
  readonly heroku: Heroku;
  readonly databases: Databases;
  /** The worker waits at this point of the runner (`ran:fence-source`) until told otherwise. */
  holdAt(point: string | undefined): void;
  readonly signal: AbortSignal;
}

/** Everything that is awaited here takes seconds; machines under load take longer. */
const patienceMs = 150_000;

/** Opens the sandbox and lets Greg start the migration. Preboot is on, so that a window has something to put back. */
export async function openAbortStage(): Promise<AbortStage> {
  const stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-abort-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const holdFile = join(folder, "hold");
  const holdAt = (point: string | undefined): void => writeFileSync(holdFile, `${point ?? ""}\n`);
  holdAt(undefined);
  process.env["DRAWBRIDGE_FAULT_HOLD"] = holdFile;
  const stop = new AbortController();
  try {
    const options = { handsOn: true, keep: false, seed: 1 };
    const directory = makeRunDirectory();
    const stage = stack.use(await openStage(options, directory, stop.signal, () => undefined, silentLog));
    stack.defer(() => stop.abort());
    const journal = stack.use(openDatabase(stage.world.journal.adminUrl, { applicationName: "abort-test" }));
    const secrets = workerEnvironment(stage);
    const config = loadConfig(stage.world.configFile);
    const heroku = openHeroku({
      apiUrl: stage.world.heroku.url,
      token: new Secret(secrets("HEROKU_API_TOKEN")),
      log: silentLog,
    });
    const databases = databasesOf({
      migrationId: migrationName,
      addon: config.heroku.addon,
      heroku,
      journal,
      key: new Secret(secrets("DRAWBRIDGE_KEY")),
    });
    const people = slackPeople(stage.world.slack.control);
    await heroku.setPreboot(herokuApp, true);
    const owned = stack.move();
    const opened = { stage, people, journal, heroku, databases, holdAt, signal: stop.signal };
    return { ...opened, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (thrown) {
    await stack.disposeAsync();
    throw thrown;
  } finally {
    delete process.env["DRAWBRIDGE_FAULT_HOLD"];
  }
}

/** What only the worker is given: a test that looks into bridge and target needs it too. */
function workerEnvironment(stage: Stage): (name: string) => string {
  const pid = stage.world
    .roles()
    .find(({ role }) => role === "worker")
    ?.pid();
  const lines = readFileSync(`/proc/${pid ?? 0}/environ`, "utf8").split("\0");
  return (name) => lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}

/** Waits for something that the journal says. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  return waitFor(look, { deadlineMs: patienceMs, everyMs: 100, what });
}

/** The migration's row, with the state of its present phase. */
export async function migrationNow(
  at: AbortStage,
): Promise<{ state: string; phase: string; intent: string; phaseState: string | undefined } | undefined> {
  const [row] = await at.journal.query<{
    state: string;
    phase: string;
    intent: string;
    phase_state: string | undefined;
  }>(
    `select m.state, m.phase, m.intent, p.state as phase_state from journal.migration m
     left join journal.phase_run p on p.migration_id = m.id and p.phase = m.phase`,
  );
  return row && { state: row.state, phase: row.phase, intent: row.intent, phaseState: row.phase_state };
}

/** The newest window. */
export async function lastWindow(
  at: AbortStage,
): Promise<{ id: string; name: string; state: string; outcome: string | undefined; past: boolean } | undefined> {
  const [row] = await at.journal.query<{
    id: string;
    name: string;
    state: string;
    outcome: string | null;
    past: boolean;
  }>(
    `select id, name, state, outcome, no_return_at is not null as past from journal.window_run order by window_run.id desc limit 1`,
  );
  return row && { ...row, outcome: row.outcome ?? undefined };
}

/** Types a command as Greg and waits until the worker has answered it. @returns what it answered. */
export async function greg(at: AbortStage, text: string): Promise<string> {
  const [before] = await at.journal.query<{ id: string }>(
    "select coalesce(max(id), 0)::text as id from journal.command",
  );
  await at.people.command(ids.greg, text);
  return until(`the answer to ${text}`, async () => {
    const [row] = await at.journal.query<{ reply: string | null }>(
      "select reply ->> 'text' as reply from journal.command where id > $1::bigint and state <> 'received' order by id limit 1",
      [before?.id ?? "0"],
    );
    return row === undefined ? undefined : (row.reply ?? "(no text)");
  });
}

/** Plan and start; returns when window 1 can be asked for. */
export async function startMigration(at: AbortStage): Promise<void> {
  await greg(at, "/migrate plan");
  await until("preflight to end", async () => (await migrationNow(at))?.phaseState === "done");
  await greg(at, "/migrate start");
}

/** Waits until a phase waits for people. A phase that fails ends the test at once. */
export async function awaitWaiting(at: AbortStage, phase: string): Promise<void> {
  await until(`${phase} to wait for people`, async () => {
    const now = await migrationNow(at);
    if (now?.phaseState === "failed" || now?.state === "aborted") throw new Error(`${now.phase}: ${now.state}`);
    return now?.phase === phase && now.phaseState === "waiting";
  });
}

/** Asks for the window, lets Ann and Bob approve every gate, and goes. @returns the window's id, once it is open or over. */
export async function openWindow(at: AbortStage, phase: string): Promise<string> {
  await awaitWaiting(at, phase);
  const asked = await greg(at, "/migrate window");
  const window = await until(`the window to ask (${asked})`, async () => {
    const now = await lastWindow(at);
    return now?.state === "asking" && now;
  });
  const gates = () =>
    at.journal.query<{ state: string; ts: string | null }>(
      "select state, message_ts as ts from journal.approval where window_id = $1",
      [window.id],
    );
  const posted = await until("gates with messages", async () => {
    const now = await gates();
    return now.length > 0 && now.every(({ state, ts }) => state === "PENDING" && ts !== null) && now;
  });
  for (const { ts } of posted) {
    for (const voter of [ids.ann, ids.bob]) await at.people.react(voter, ts ?? "", "white_check_mark");
  }
  await until("armed gates", async () => (await gates()).every(({ state }) => state === "ARMED"));
  await until("the window to open", async () => {
    const answer = await greg(at, "/migrate go");
    if ((await lastWindow(at))?.state !== "asking") return true;
    await systemClock.sleep(500);
    if (!/not carried out|attest/.test(answer)) throw new Error(answer);
    return false;
  });
  return window.id;
}

/** How often the worker has waited at this point so far, as its own log says. */
export function timesHeld(at: AbortStage, point: string): number {
  const log = join(at.stage.world.directory.logs, "worker.log");
  return readFileSync(log, "utf8").split(`"fault":"${point}"`).length - 1;
}
