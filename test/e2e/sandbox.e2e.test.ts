import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { expect, test } from "vitest";
import { startSandbox } from "../support/sandbox.ts";
import { type ChangeLog, changeLog, type ChannelMessage, readChannel } from "./channel.ts";
import { faultsOf, type Report, reportSchema } from "./report.ts";
import { allLogs, allOfSlack, watchSecrets } from "./secrets.ts";

/** Phases that take long in earnest, in which people are told at least every so often. */
const watched = ["restore-bridge", "follow", "replicate"];
const mostQuietMs = 15_000;

interface Shown {
  readonly main: readonly ChannelMessage[];
  readonly comms: readonly ChannelMessage[];
  /** By phase: from when to when it ran, in milliseconds since 1970. */
  readonly phases: ReadonlyMap<string, readonly [number, number]>;
}

/** What the live card says at first; it is edited in place until it says how all ended. */
const cardWords = /shop-production moves to RDS/;

const foreignSchema = fileURLToPath(new URL("foreign.sql", import.meta.url));

test("a whole migration, with a schema that nobody here designed, is played, reported, shown, and gives no secret away", async () => {
  await using sandbox = startSandbox(["--load", foreignSchema]);
  const info = await sandbox.ready();
  await using secrets = await watchSecrets({ ...info, processes: () => sandbox.info()?.processes ?? [] });
  const card = { changes: changeLog(), seen: new Set<string>() };
  let shown: Shown | undefined;
  let slack = "";
  let over = false;
  void sandbox.ended.then(() => (over = true));
  for (let round = 0; !over; round += 1) {
    await secrets.look();
    // the stand-ins end with the run: what was seen last is what counts
    const now = round % 4 === 0 ? await look(info, card).catch(() => undefined) : undefined;
    if (now !== undefined) shown = now;
    if (now?.phases.has("retire") === true) {
      await secrets.takeJournal().catch(() => undefined);
      slack = await allOfSlack(info.slack.control).catch(() => slack);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const output = sandbox.output();
  const lastWords = output.slice(-4_000);
  expect(await sandbox.ended, lastWords).toBe(0);
  const report = reportSchema.parse(sandbox.report());
  expect(faultsOf(report)).toEqual([]);
  expectForeignSchema(report);
  expect(report.windows.map(({ name }) => name)).toEqual(["window-1", "window-2"]);
  expect(output).toContain("DATABASE_URL belonged to: heroku → bridge → RDS");
  expectChannel(shown);
  expect(card.seen.size, "live cards").toBe(1);
  for (const phase of watched) {
    const [from, to] = shown?.phases.get(phase) ?? [0, Number.POSITIVE_INFINITY];
    expect(card.changes.longestQuietMs(from, to), `the card in ${phase}`).toBeLessThan(mostQuietMs + 1_000);
  }
  expect(secrets.count()).toBeGreaterThan(8);
  const logs = allLogs(sandbox.directory() ?? "");
  expect(logs).toContain("worker is up");
  expect(slack).toContain("Completed");
  expect(secrets.leaks({ slack, logs, output, report: JSON.stringify(report) })).toEqual([]);
  expect(secrets.leaks({ planted: "postgres://u:geheimnis@h/d" })).toHaveLength(1);
});

/** It moves as it is, row for row, beside the shop's three tables. */
function expectForeignSchema(report: Report): void {
  expect(report.copied.tables).toBeGreaterThan(70);
  expect(report.verified.tables).toBe(report.copied.tables);
  expect(report.verified.rows).toBeGreaterThan(2_500);
  // identity and serial columns, and three that belong to nobody
  expect(report.sequences.set).toBeGreaterThan(65);
  expect(report.findings.filter(({ severity }) => severity === "blocker")).toEqual([]);
}

async function look(
  info: { slack: { control: string }; journal: { url: string } },
  card: { changes: ChangeLog; seen: Set<string> },
): Promise<Shown> {
  const main = await readChannel(info.slack.control, "C0MIGRATION");
  for (const { ts } of main.filter(({ text }) => cardWords.test(text))) card.seen.add(ts);
  card.changes.note(main.find(({ ts }) => card.seen.has(ts))?.plain);
  const comms = await readChannel(info.slack.control, "C0COMMS0000");
  return { main, comms, phases: await phaseTimes(info.journal.url) };
}

async function phaseTimes(url: string): Promise<Shown["phases"]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ phase: string; started: Date; ended: Date | null }>(
      "select phase, started_at as started, ended_at as ended from journal.phase_run where started_at is not null",
    );
    return new Map(
      rows.map(({ phase, started, ended }) => [phase, [started.getTime(), (ended ?? new Date()).getTime()]]),
    );
  } finally {
    await client.end();
  }
}

function expectChannel(shown: Shown | undefined): void {
  const main = shown?.main ?? [];
  const refusals = main.filter(({ ephemeralTo, text }) => ephemeralTo !== undefined && /not counted/i.test(text));
  expect(
    refusals.map(({ ephemeralTo }) => ephemeralTo),
    "Greg's own ✅ is refused once",
  ).toHaveLength(1);
  const standing = main.filter(({ ephemeralTo }) => ephemeralTo === undefined);
  expect(standing.length, "top-level messages").toBeLessThanOrEqual(25);
  const told = (shown?.comms ?? []).map(({ text }) => text).join("\n");
  expect(told).toMatch(/In progress/);
  expect(told).toMatch(/Completed/);
  // customers never read our words
  expect(told).not.toMatch(/fence|WAL|promot|bridge|DATABASE_URL/i);
}
