import { expect, test } from "vitest";
import { noteWindow } from "../../src/journal/windows.ts";
import { retryDecision } from "../../src/migration/retry.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import {
  done,
  makeScratch,
  migrationAt,
  openWindow1,
  scratchWorld,
  type ScratchWorld,
  step,
  work,
} from "./runner-kit.ts";

const { cluster, journal } = await journalOfFile();

test("a worker whose configuration nobody approved does not touch an open window; the right one goes on", async () => {
  const id = "configured";
  const world = scratchWorld(journal.worker, await makeScratch(cluster));
  await migrationAt(journal.worker, id, "promote");
  const windowId = await openWindow1(journal, id);
  // whatever is noted later, the digest of the one who opened it stays
  await noteWindow(journal.worker, windowId, { configDigest: "another" });
  const gated = step("gated", { gate: "maintenance" });
  const noReturn = step("no-return", { noReturn: true, run: async () => ({}), undo: "irreversible" });
  const plan = { phase: "promote", steps: [gated, noReturn] } as const;
  const stranger: ScratchWorld = { ...world, configDigest: "another" };
  for (let rings = 0; rings < 3; rings += 1) expect(await work(stranger, id, plan)).toEqual({ kind: "idle" });
  expect(await done(world)).toEqual([]);
  const told = await journal.admin.query<{ message: string }>(
    "select facts ->> 'message' as message from journal.outbox where kind = 'failure' and migration_id = $1",
    [id],
  );
  expect(told).toEqual([{ message: expect.stringMatching(/approved under configuration c,.*another/) }]);
  expect(await work(world, id, plan)).toMatchObject({ kind: "done" });
});

test("a window that does not say under which configuration it was opened is touched by nobody", async () => {
  const id = "unsaid";
  const world = scratchWorld(journal.worker, await makeScratch(cluster));
  await migrationAt(journal.worker, id, "promote");
  const windowId = await openWindow1(journal, id);
  await journal.admin.query("update journal.window_run set facts = facts - 'configDigest' where id = $1", [windowId]);
  const plan = { phase: "promote", steps: [step("gated", { gate: "maintenance" })] } as const;
  expect(await work(world, id, plan)).toEqual({ kind: "idle" });
  expect(await done(world)).toEqual([]);
});

test("beyond the point of no return an abort from within a library is a fault, and is waited after", () => {
  const abort = { outcome: "aborted", retryAfterMs: undefined } as const;
  expect(retryDecision(abort, 1, "past-no-return")).toEqual({ kind: "retry", afterMs: 500 });
  expect(retryDecision(abort, 1, "window")).toEqual({ kind: "stopped" });
});
