import { describe, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { DrawbridgeError } from "../../src/errors.ts";
import { attemptsOf } from "../../src/journal/attempts.ts";
import { verifyChain } from "../../src/journal/events.ts";
import { getMigration, setIntent } from "../../src/journal/migrations.ts";
import { getPhaseRun } from "../../src/journal/phase-runs.ts";
import { upsertVote } from "../../src/journal/votes.ts";
import { windowRuns } from "../../src/journal/windows.ts";
import { duePhases } from "../../src/migration/sweep.ts";
import type { Session } from "../../src/postgres/session.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import {
  done,
  heldStep,
  makeScratch,
  migrationAt,
  openWindow1,
  scratchWorld,
  type ScratchWorld,
  step,
  work,
} from "./runner-kit.ts";

const { cluster, journal } = await journalOfFile();
let world: ScratchWorld;
let made = 0;

async function fresh(fault?: (name: string) => Promise<void>): Promise<string> {
  const id = `win-${++made}`;
  world = scratchWorld(journal.worker, await makeScratch(cluster), fault);
  await migrationAt(journal.worker, id, "promote");
  return id;
}

const soon = { deadlineMs: 10_000, everyMs: 10 };
const never = (_world: ScratchWorld, { signal }: { readonly signal: AbortSignal }) =>
  waitFor(() => undefined, { deadlineMs: 30_000, everyMs: 10, signal, what: "never" });
const gated = step("gated", { gate: "maintenance" });
const noReturn = step("no-return", { noReturn: true, run: async () => ({}), undo: "irreversible" });
const plan = (...steps: readonly ReturnType<typeof step>[]) => ({ phase: "promote", steps }) as const;
const lastWindow = async (id: string) => (await windowRuns(journal.worker, id)).at(-1);

describe("a window", () => {
  test("waits without a job until people have opened it, and closes when its phase is done", async () => {
    const id = await fresh();
    expect(await work(world, id, plan(gated, noReturn))).toEqual({ kind: "idle" });
    expect(await duePhases(journal.worker)).not.toContainEqual({ migrationId: id, phase: "promote" });
    await openWindow1(journal, id);
    expect(await duePhases(journal.worker)).toContainEqual({ migrationId: id, phase: "promote" });
    expect(await work(world, id, plan(gated, noReturn))).toEqual({ kind: "done", next: "replicate" });
    expect(await lastWindow(id)).toMatchObject({ state: "closed", noReturnAt: expect.any(Date) });
  });

  test("that fails before its point of no return is put back in reverse order, and its try no longer counts", async () => {
    const id = await fresh();
    await openWindow1(journal, id);
    const fails = step("three", { before: () => Promise.reject(new DrawbridgeError("DB_MARKER_MISSING", "gone")) });
    const result = await work(world, id, {
      ...plan(gated, step("two"), fails, noReturn),
      restartsWhenPutBack: () => ["follow"],
    });
    expect(result).toEqual({ kind: "put-back", next: "follow" });
    expect(await done(world)).toEqual(["gated", "two", "undo three", "undo two", "undo gated"]);
    expect(await lastWindow(id)).toMatchObject({ state: "put-back", outcome: "DB_MARKER_MISSING: gone" });
    expect(await getPhaseRun(journal.worker, id, "promote")).toMatchObject({ try: 2, state: "waiting" });
    expect(await getPhaseRun(journal.worker, id, "follow")).toMatchObject({ try: 2, state: "waiting" });
    expect((await getMigration(journal.worker, id))?.phase).toBe("follow");
    const attempts = await attemptsOf(journal.worker, { migrationId: id, phase: "promote" });
    expect(new Set(attempts.map((attempt) => attempt.state))).toEqual(new Set(["undone"]));
  });

  test("tries a passing fault again while its deadline holds", async () => {
    const id = await fresh();
    await openWindow1(journal, id);
    let left = 2;
    const flaky = step("two", {
      before: async () => (left-- > 0 ? Promise.reject(new DrawbridgeError("DB_HEROKU", "503")) : {}),
    });
    expect(await work(world, id, plan(gated, flaky, noReturn))).toMatchObject({ kind: "done" });
    expect(await done(world)).toEqual(["gated", "two"]);
  });

  test("is put back at its deadline, by a veto and by an abort, which ends only the window", async () => {
    const stops: Record<string, (id: string, windowId: number) => Promise<unknown>> = {
      DB_WINDOW_DEADLINE: async () => undefined,
      DB_VETOED: (id, windowId) =>
        upsertVote(journal.bot, {
          approvalId: `${id}-${windowId}`,
          person: "bob",
          slackUser: "U2",
          decision: "veto",
          eligible: true,
        }),
      DB_ABORTED: (id) => setIntent(journal.worker, id, "abort", "ann"),
    };
    for (const [code, stop] of Object.entries(stops)) {
      const id = await fresh();
      const windowId = await openWindow1(journal, id, code === "DB_WINDOW_DEADLINE" ? 1_500 : 60_000);
      const running = work(world, id, plan(gated, step("two", { before: never }), noReturn));
      await waitFor(
        async () => (await attemptsOf(journal.worker, { migrationId: id, phase: "promote" })).length === 2,
        { ...soon, what: "the second step" },
      );
      await stop(id, windowId);
      expect(await running).toEqual({ kind: "put-back" });
      expect(await done(world)).toEqual(["gated", "undo two", "undo gated"]);
      expect((await lastWindow(id))?.outcome).toContain(code);
      expect(await getMigration(journal.worker, id)).toMatchObject({ state: "active", intent: "run" });
    }
  });

  test("is put back by a hold, and nothing new begins until people resume", async () => {
    const id = await fresh();
    await openWindow1(journal, id);
    const holds = step("two", {
      before: (_world, { signal }) => setIntent(journal.worker, id, "hold", "ann").then(() => never(world, { signal })),
    });
    expect(await work(world, id, plan(gated, holds, noReturn))).toEqual({ kind: "put-back" });
    expect(await getMigration(journal.worker, id)).toMatchObject({ intent: "hold" });
    expect(await duePhases(journal.worker)).not.toContainEqual({ migrationId: id, phase: "promote" });
  });

  test("goes only forward after its point of no return: no undo, whatever fails or is wished", async () => {
    const id = await fresh();
    await openWindow1(journal, id, 2_000);
    let left = 3;
    const fails = step("after", {
      before: async () => {
        await setIntent(journal.worker, id, "abort", "ann");
        if (left-- > 0) throw new DrawbridgeError("DB_CONFIG", "even a terminal fault");
      },
    });
    expect(await work(world, id, plan(gated, noReturn, fails))).toMatchObject({ kind: "done" });
    expect(await done(world)).toEqual(["gated", "after"]);
    expect((await lastWindow(id))?.state).toBe("closed");
  });

  test("whose worker died goes on in the next one; past its deadline the next one puts it back", async () => {
    const id = await fresh();
    await openWindow1(journal, id);
    const shutdown = new AbortController();
    const dying = step("two", { before: async () => shutdown.abort(new Error("SIGTERM")) });
    await work(world, id, plan(gated, dying, step("three", { before: never }), noReturn), {
      shutdown: shutdown.signal,
    });
    expect(await work(world, id, plan(gated, step("two"), step("three"), noReturn))).toMatchObject({ kind: "done" });
    expect(await done(world)).toEqual(["gated", "two", "three"]);
    const late = await fresh();
    await openWindow1(journal, late, 1);
    expect(await work(world, late, plan(gated, noReturn))).toEqual({ kind: "put-back" });
    expect(await done(world)).toEqual([]);
  });

  test("goes on undoing where an undo failed, and does nothing else before", async () => {
    const id = await fresh();
    await openWindow1(journal, id);
    let broken = true;
    const stubborn = step("two", {
      undo: async ({ scratch }) => {
        if (broken) throw new DrawbridgeError("DB_HEROKU", "503");
        await scratch.query("insert into log (what) values ('undo two')");
      },
    });
    const fails = step("three", { before: () => Promise.reject(new DrawbridgeError("DB_CONFIG", "no")) });
    expect(await work(world, id, plan(gated, stubborn, fails, noReturn))).toEqual({ kind: "retrying" });
    expect(await done(world)).toEqual(["gated", "two", "undo three", "undo gated"]);
    broken = false;
    await waitFor(async () => (await work(world, id, plan(gated, stubborn, fails, noReturn))).kind === "put-back", {
      ...soon,
      what: "the rest",
    });
    expect(await done(world)).toEqual(["gated", "two", "undo three", "undo gated", "undo two"]);
  });
});

describe("a held step", () => {
  const cut = (session: Session | undefined) => cluster.query(`select pg_terminate_backend(${session?.pid ?? 0})`);

  test("whose session is lost runs again, and so does all that rested on it", async () => {
    const id = await fresh();
    await openWindow1(journal, id);
    const sessions: Session[] = [];
    const again = step("marker", {
      observe: async () => undefined,
      run: async ({ scratch }) => (await scratch.query("insert into log (what) values ('marker')"), {}),
    });
    const cuts = step("three", {
      before: async (_world, { signal }) => {
        if (sessions.length > 1) return;
        await cut(sessions[0]);
        await never(world, { signal });
      },
    });
    expect(await work(world, id, plan(gated, heldStep("fence", sessions), again, cuts, noReturn))).toMatchObject({
      kind: "done",
    });
    expect(await done(world)).toEqual(["gated", "fence", "marker", "fence", "marker", "three"]);
  });

  test("whose session is lost after something that cannot be repeated puts the window back", async () => {
    const id = await fresh();
    await openWindow1(journal, id);
    const sessions: Session[] = [];
    const cuts = step("three", {
      before: async (_world, { signal }) => (await cut(sessions[0]), never(world, { signal })),
    });
    const steps = plan(gated, heldStep("fence", sessions), step("promote", { once: true }), cuts, noReturn);
    expect(await work(world, id, steps)).toEqual({ kind: "put-back" });
    expect((await lastWindow(id))?.outcome).toContain("DB_FENCE_LOST");
  });

  test("does not count in another process, but after the point of no return nothing is fenced again", async () => {
    const id = await fresh();
    await openWindow1(journal, id);
    const shutdown = new AbortController();
    const stops = (name: string) => step(name, { before: async () => shutdown.abort(new Error("SIGTERM")) });
    const first = plan(gated, heldStep("fence"), stops("two"), step("x", { before: never }), noReturn);
    await work(world, id, first, { shutdown: shutdown.signal });
    const second = new AbortController();
    const last = step("after", { before: async () => second.abort(new Error("SIGTERM")) });
    const steps = [gated, heldStep("fence"), step("two"), step("x"), noReturn, last, step("end")] as const;
    await work(world, id, plan(...steps), { shutdown: second.signal });
    expect(await work(world, id, plan(...steps))).toMatchObject({ kind: "done" });
    expect(await done(world)).toEqual(["gated", "fence", "fence", "two", "x", "after", "end"]);
  });
});

test("all that left an unbroken chain of events", async () => {
  expect((await verifyChain(journal.bot)).fault).toBeUndefined();
});
