import { expect, test } from "vitest";
import { DrawbridgeError } from "../../src/errors.ts";
import { getPhaseRun, markPhase } from "../../src/journal/phase-runs.ts";
import type { Phase } from "../../src/journal/phase.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { done, makeScratch, migrationAt, openWindow1, scratchWorld, step, work } from "./runner-kit.ts";

const { cluster, journal } = await journalOfFile();

test("a phase that a put-back sends back begins clean: what it had done is undone first, also when an undo fails at first", async () => {
  let refusals = 3;
  const id = "again-1";
  const world = scratchWorld(journal.worker, await makeScratch(cluster), async (name) => {
    if (name === "undone:copy" && refusals-- > 0) throw new DrawbridgeError("DB_CONNECTION", "the target is away");
  });
  await migrationAt(journal.worker, id, "follow");
  const follow = { phase: "follow", steps: [step("copy")], startsClean: true } as const;
  expect(await work(world, id, follow)).toEqual({ kind: "done", next: "promote" });
  await openWindow1(journal, id);
  const differs = step("verify", { before: () => Promise.reject(new DrawbridgeError("DB_VERIFY_DIFFERENCE", "t")) });
  const noReturn = step("no-return", { noReturn: true, run: async () => ({}), undo: "irreversible" });
  const steps = [step("gated", { gate: "maintenance" }), differs, noReturn];
  const promote = { phase: "promote", steps, restartsWhenPutBack: (): readonly Phase[] => ["follow"] } as const;
  expect(await work(world, id, promote)).toEqual({ kind: "put-back", next: "follow" });
  expect(await done(world)).toEqual(["copy", "gated", "undo verify", "undo gated"]);
  expect(await work(world, id, follow)).toEqual({ kind: "retrying" });
  await markPhase(journal.worker, { migrationId: id, phase: "follow" }, { state: "waiting" });
  expect(await work(world, id, follow)).toEqual({ kind: "done", next: "promote" });
  const undone = ["undo copy", "undo copy", "undo copy", "undo copy"];
  expect((await done(world)).slice(4)).toEqual([...undone, "copy"]);
  expect(await getPhaseRun(journal.worker, id, "follow")).toMatchObject({ try: 2, state: "done" });
});
