import { expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import type { Command } from "../../../src/journal/commands.ts";
import { getMigration, setState } from "../../../src/journal/migrations.ts";
import { ensurePhase, getPhaseRun, markPhase } from "../../../src/journal/phase-runs.ts";
import { askWindow, endWindow, openWindowRow, passNoReturn } from "../../../src/journal/windows.ts";
import type { CommandContext } from "../../../src/migration/commands/command.ts";
import { abortCommand, retryCommand } from "../../../src/migration/commands/intent.ts";
import type { World } from "../../../src/migration/world.ts";
import { journalOfFile } from "../../support/journal-of-file.ts";
import { partOf } from "../part-of.ts";
import { migrationAt } from "../runner-kit.ts";

const { journal } = await journalOfFile();

/** The part of the world that these commands look at. */
function worldOf(migrationId: string, aheadMs = 0): World {
  const clock = { ...systemClock, now: () => new Date(Date.now() + aheadMs) };
  return partOf<World>({ migrationId, journal: { ...journal.worker, db: journal.worker }, clock });
}

function typed(verb: string): CommandContext & { readonly rung: string[] } {
  const rung: string[] = [];
  const command = partOf<Command>({ id: 1n, verb, person: "greg", slackUser: "UGREG" });
  return { command, rung, ring: async (phase) => void rung.push(phase) };
}

async function openedWindow(migrationId: string): Promise<number> {
  const ask = { migrationId, name: "window-1", try: 1, askedBy: "greg", forecastMs: 1_000 } as const;
  const id = await askWindow(journal.worker, ask);
  await openWindowRow(journal.worker, id, 60_000, {});
  return id;
}

test("an abort in an open window is for the window; right after it, it does not end the whole migration", async () => {
  await migrationAt(journal.worker, "abort-late", "promote");
  const id = await openedWindow("abort-late");
  await endWindow(journal.worker, id, "put-back", "DB_WINDOW_DEADLINE: late");
  const late = await abortCommand(worldOf("abort-late"), typed("abort"));
  expect(late).toMatchObject({ level: "refused", text: expect.stringContaining("was put back a moment ago") });
  expect(await getMigration(journal.worker, "abort-late")).toMatchObject({ intent: "run", state: "active" });
  expect(await abortCommand(worldOf("abort-late", 60_000), typed("abort"))).toMatchObject({ level: "done" });
  expect(await getMigration(journal.worker, "abort-late")).toMatchObject({ intent: "abort" });
});

test("an abort past the point of no return is refused, and wishes for nothing", async () => {
  await migrationAt(journal.worker, "abort-past", "promote");
  const id = await openedWindow("abort-past");
  await passNoReturn(journal.worker, id, 0n);
  const reply = await abortCommand(worldOf("abort-past"), typed("abort"));
  expect(reply).toMatchObject({ level: "refused", text: expect.stringContaining("past its point of no return") });
  expect(await getMigration(journal.worker, "abort-past")).toMatchObject({ intent: "run" });
});

test("a retry of a bridge that can follow no more restores it again; other failures go on where they failed", async () => {
  await migrationAt(journal.worker, "again", "follow");
  const error = { code: "DB_RESTORE_AGAIN", message: "not in recovery", outcome: "terminal" };
  await ensurePhase(journal.worker, "again", "follow");
  await markPhase(journal.worker, { migrationId: "again", phase: "follow" }, { state: "failed", error });
  const retry = typed("retry");
  expect(await retryCommand(worldOf("again"), retry)).toMatchObject({ level: "done" });
  expect(retry.rung).toEqual(["restore-bridge"]);
  expect((await getMigration(journal.worker, "again"))?.phase).toBe("restore-bridge");
  for (const phase of ["restore-bridge", "follow"] as const) {
    expect(await getPhaseRun(journal.worker, "again", phase)).toMatchObject({ try: 2, state: "waiting" });
  }
  const at = { migrationId: "again", phase: "restore-bridge" } as const;
  await markPhase(journal.worker, at, { state: "failed", error: { ...error, code: "DB_BRIDGE" } });
  expect(await retryCommand(worldOf("again"), typed("retry"))).toMatchObject({ level: "done" });
  expect(await getPhaseRun(journal.worker, "again", "restore-bridge")).toMatchObject({ try: 2, state: "waiting" });
});

test("an abort after window 2 is refused and says what to do instead; before it, it says what is left", async () => {
  for (const phase of ["soak", "retire"] as const) {
    await migrationAt(journal.worker, `abort-${phase}`, phase);
    const reply = await abortCommand(worldOf(`abort-${phase}`), typed("abort"));
    expect(reply).toMatchObject({ level: "refused", text: expect.stringContaining("`/migrate window` asks") });
    expect(reply.text).toContain("RUNBOOK.md");
    expect(await getMigration(journal.worker, `abort-${phase}`)).toMatchObject({ intent: "run", state: "active" });
  }
  for (const phase of ["replicate", "cutover"] as const) {
    await migrationAt(journal.worker, `abort-${phase}`, phase);
    const reply = await abortCommand(worldOf(`abort-${phase}`), typed("abort"));
    expect(reply).toMatchObject({ level: "done", text: expect.stringContaining("The bridge is production and stays") });
    if (phase === "cutover") expect(reply.text).toContain("Drop subscription drawbridge_abort_cutover_forward");
  }
  await setState(journal.worker, "abort-soak", "completed");
  expect(await abortCommand(worldOf("abort-soak"), typed("abort"))).toMatchObject({ level: "refused" });
});
