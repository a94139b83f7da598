import { describe, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { DrawbridgeError } from "../../src/errors.ts";
import { attemptsOf, startAttempt } from "../../src/journal/attempts.ts";
import { fenced } from "../../src/journal/fenced.ts";
import { getMigration, setIntent } from "../../src/journal/migrations.ts";
import { getPhaseRun, releasePhase } from "../../src/journal/phase-runs.ts";
import { readUndoNote } from "../../src/journal/undo-notes.ts";
import { takeLease } from "../../src/migration/lease.ts";
import { duePhases } from "../../src/migration/sweep.ts";
import type { Secret } from "../../src/redact.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { done, makeScratch, migrationAt, scratchWorld, type ScratchWorld, step, work } from "./runner-kit.ts";

const { cluster, journal } = await journalOfFile();
let scratchUrl: Secret;
let world: ScratchWorld;
let made = 0;

/** A migration at `follow` (no window) with a scratch database of its own. */
async function fresh(fault?: (name: string) => Promise<void>): Promise<string> {
  const id = `run-${++made}`;
  scratchUrl = await makeScratch(cluster);
  world = scratchWorld(journal.worker, scratchUrl, fault);
  await migrationAt(journal.worker, id, "follow");
  return id;
}

const soon = { deadlineMs: 10_000, everyMs: 10 };
class SimulatedCrash extends Error {}

describe("a step", () => {
  test("that succeeded is not run again, whoever rings how often", async () => {
    const id = await fresh();
    let broken = true;
    const second = step("two", {
      before: async () => (broken ? Promise.reject(new DrawbridgeError("DB_BRIDGE", "no")) : {}),
    });
    const plan = { phase: "follow", steps: [step("one"), second] } as const;
    expect(await work(world, id, plan)).toEqual({ kind: "retrying" });
    expect(await work(world, id, plan)).toEqual({ kind: "idle" });
    broken = false;
    await releasePhase(journal.worker, id);
    expect(await work(world, id, plan)).toEqual({ kind: "done", next: "promote" });
    expect(await work(world, id, plan)).toEqual({ kind: "idle" });
    expect(await done(world)).toEqual(["one", "two"]);
  });

  test("that crashed between effect and record is observed, not done again", async () => {
    let crash = true;
    const id = await fresh(async (name) => {
      if (crash && name === "ran:one") throw new SimulatedCrash(name);
    });
    const plan = { phase: "follow", steps: [step("one")] } as const;
    await work(world, id, plan);
    crash = false;
    await releasePhase(journal.worker, id);
    expect(await work(world, id, plan)).toMatchObject({ kind: "done" });
    expect(await done(world)).toEqual(["one"]);
    const attempts = await attemptsOf(journal.worker, { migrationId: id, phase: "follow" });
    expect(attempts.map((attempt) => attempt.state)).toEqual(["started", "succeeded"]);
    expect(attempts[1]?.output).toEqual({ seen: true });
  });

  test("remembers what undo needs before its first effect, and never again", async () => {
    let crash = true;
    const id = await fresh(async (name) => {
      if (crash && name === "started:one") throw new SimulatedCrash(name);
    });
    let web = 2;
    const plan = { phase: "follow", steps: [step("one", { remember: async () => ({ web: web }) })] } as const;
    await work(world, id, plan);
    web = 0;
    crash = false;
    await releasePhase(journal.worker, id);
    await work(world, id, plan);
    const place = { migrationId: id, phase: "follow", step: "one", try: 1 } as const;
    expect(await readUndoNote(journal.worker, place)).toEqual({ web: 2 });
  });

  test("that takes too long is told to stop and tried again later", async () => {
    const id = await fresh();
    const slow = step("one", {
      deadlineMs: 50,
      before: (_world, { signal }) => waitFor(() => undefined, { ...soon, signal, what: "never" }),
    });
    expect(await work(world, id, { phase: "follow", steps: [slow] })).toEqual({ kind: "retrying" });
    const run = await getPhaseRun(journal.worker, id, "follow");
    expect(run).toMatchObject({ failures: 1, error: { code: "DB_WAIT_TIMEOUT" } });
    expect(run?.dueAt).toBeInstanceOf(Date);
  });

  test("needs its gate", async () => {
    const id = await fresh();
    const plan = { phase: "follow", steps: [step("one", { gate: "promote" })] } as const;
    expect(await work(world, id, plan)).toEqual({ kind: "paused" });
    expect(await done(world)).toEqual([]);
  });
});

describe("the lease", () => {
  test("lets exactly one of many workers run", async () => {
    const id = await fresh();
    const others = Array.from({ length: 5 }, () => scratchWorld(journal.worker, scratchUrl));
    const plan = {
      phase: "follow",
      steps: [step("one", { before: () => others[0]!.clock.sleep(100).then(() => ({})) })],
    } as const;
    const results = await Promise.all(others.map((other, n) => work(other, id, plan, { worker: `w${n}` })));
    expect(results.filter((result) => result.kind === "done")).toHaveLength(1);
    expect(await done(world)).toEqual(["one"]);
  });

  test("that is lost aborts the step, and nothing is recorded under its epoch", async () => {
    const id = await fresh();
    let reason: unknown;
    const slow = step("one", {
      before: async (_world, { signal }) => {
        await cluster.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'drawbridge-worker-lease'",
        );
        return waitFor(() => undefined, { ...soon, signal, what: "never" }).catch((thrown: unknown) => {
          reason = thrown;
          throw thrown;
        });
      },
    });
    expect(await work(world, id, { phase: "follow", steps: [slow] })).toEqual({ kind: "lease-lost" });
    expect(reason).toMatchObject({ code: "DB_LEASE_LOST" });
    expect(await attemptsOf(journal.worker, { migrationId: id, phase: "follow" })).toMatchObject([
      { state: "started" },
    ]);
    expect(await duePhases(journal.worker)).toContainEqual({ migrationId: id, phase: "follow" });
    expect(await work(world, id, { phase: "follow", steps: [step("one")] })).toMatchObject({ kind: "done" });
  });

  test("of an earlier epoch records nothing", async () => {
    const id = await fresh();
    const stale = await takeLease(journal.worker, id);
    await stale?.[Symbol.asyncDispose]();
    await using lease = await takeLease(journal.worker, id);
    expect(lease?.epoch).toBe((stale?.epoch ?? 0n) + 1n);
    expect(await takeLease(journal.worker, id)).toBeUndefined();
    const place = { migrationId: id, phase: "follow", step: "one", try: 1 } as const;
    const old = { migrationId: id, epoch: stale?.epoch ?? 0n };
    const late = fenced(journal.worker, old, (tx) => startAttempt(tx, place, old, "w"));
    await expect(late).rejects.toMatchObject({ code: "DB_LEASE_LOST" });
  });
});

describe("people", () => {
  test("hold a running phase within two seconds, and let it go on where it was", async () => {
    const id = await fresh();
    const wait = step("two", {
      before: (_world, { signal }) => waitFor(() => undefined, { ...soon, signal, what: "never" }),
    });
    const running = work(world, id, { phase: "follow", steps: [step("one"), wait] });
    await waitFor(async () => (await done(world)).includes("one"), { ...soon, what: "the first step" });
    await setIntent(journal.worker, id, "hold", "dan");
    expect(await running).toEqual({ kind: "paused" });
    expect(await duePhases(journal.worker)).not.toContainEqual({ migrationId: id, phase: "follow" });
    await setIntent(journal.worker, id, "run", "dan");
    await releasePhase(journal.worker, id);
    expect(await work(world, id, { phase: "follow", steps: [step("one"), step("two")] })).toMatchObject({
      kind: "done",
    });
    expect(await done(world)).toEqual(["one", "two"]);
  });

  test("abort: the present phase is undone in reverse, what cannot be undone stays and is named", async () => {
    const id = await fresh();
    const wait = step("three", {
      before: (_world, { signal }) => waitFor(() => undefined, { ...soon, signal, what: "never" }),
    });
    const plan = { phase: "follow", steps: [step("one"), step("two", { undo: "irreversible" }), wait] } as const;
    const running = work(world, id, plan);
    await waitFor(async () => (await attemptsOf(journal.worker, { migrationId: id, phase: "follow" })).length === 3, {
      ...soon,
      what: "the third step",
    });
    await setIntent(journal.worker, id, "abort", "ann");
    expect(await running).toEqual({ kind: "aborted" });
    expect(await done(world)).toEqual(["one", "two", "undo three", "undo one"]);
    expect((await getMigration(journal.worker, id))?.state).toBe("aborted");
  });

  test("abort a phase that nobody runs: the sweep rings for it", async () => {
    const id = await fresh();
    const fails = step("one", { before: () => Promise.reject(new DrawbridgeError("DB_CONFIG", "no")) });
    const plan = { phase: "follow", steps: [fails] } as const;
    expect(await work(world, id, plan)).toEqual({ kind: "failed" });
    await setIntent(journal.worker, id, "abort", "ann");
    expect(await duePhases(journal.worker)).toContainEqual({ migrationId: id, phase: "follow" });
    expect(await work(world, id, plan)).toEqual({ kind: "aborted" });
  });
});
