import { expect, test } from "vitest";
import { readGoal, setGoal, writeAgentState } from "../../../src/journal/agent-goals.ts";
import type { AgentFacts, AgentParams, AgentState } from "../../../src/journal/agent-rows.ts";
import type { JsonObject } from "../../../src/journal/json.ts";
import { createDraft } from "../../../src/journal/migrations.ts";
import { askWindow, noteWindow, windowRuns } from "../../../src/journal/windows.ts";
import type { StepContext } from "../../../src/migration/step.ts";
import { takeFirstBackup } from "../../../src/migration/steps/replicate/take-first-backup.ts";
import { aimBridge, rememberGoal, watchBridge } from "../../../src/migration/steps/restore/bridge-goal.ts";
import type { World } from "../../../src/migration/world.ts";
import { journalOfFile } from "../../support/journal-of-file.ts";
import { partOf } from "../part-of.ts";

const { journal } = await journalOfFile();
let made = 0;

/** The part of the world that a goal needs, for a migration of its own whose bridge is empty. */
async function fresh(): Promise<World> {
  const migrationId = `goal-${++made}`;
  await createDraft(journal.worker, { id: migrationId, driver: "dan", configDigest: "c" });
  await setGoal(journal.admin, migrationId, "wiped", {});
  // steps see more of the world; these functions look at nothing else
  return partOf<World>({ migrationId, journal: { ...journal.worker, db: journal.admin } });
}

function contextWith(memory: JsonObject): StepContext {
  const signal = new AbortController().signal;
  return partOf<StepContext>({
    signal,
    memory,
    assertLease: async () => undefined,
    progress: async () => undefined,
  });
}

const params = { backup: "LATEST", systemIdentifier: "7", sourceSettings: { max_connections: 100 } } as const;

const says = async (world: World, epoch: bigint, state: AgentState["state"], facts: AgentFacts = {}): Promise<void> =>
  writeAgentState(journal.admin, { migrationId: world.migrationId, epoch, state, facts });

const failed = (outcome: string): AgentFacts => ({ error: { code: "DB_ARCHIVE_ACCESS", message: "no", outcome } });

const watching = { deadlineMs: 5_000, everyMs: 10, patience: 2, what: "it" } as const;

test("a restarted worker goes on watching the goal of the attempt before: the restore does not begin from zero", async () => {
  const world = await fresh();
  const memory = await rememberGoal(world);
  const first = await aimBridge(world, contextWith(memory), { goal: "standby", params });
  await says(world, first, "restoring");
  // the journal gives keys back in an order of its own
  const other: AgentParams = { sourceSettings: { max_connections: 100 }, systemIdentifier: "7", backup: "LATEST" };
  expect(await aimBridge(world, contextWith(memory), { goal: "standby", params: other })).toBe(first);
  await says(world, first, "failed", failed("retryable"));
  expect(await aimBridge(world, contextWith(memory), { goal: "standby", params })).toBe(first);
});

test("other parameters, a goal on which the agent gave up, and a goal of an earlier try are set anew", async () => {
  const world = await fresh();
  const memory = await rememberGoal(world);
  const aim = async (note: JsonObject, more: AgentParams = params): Promise<bigint> =>
    aimBridge(world, contextWith(note), { goal: "standby", params: more });
  const first = await aim(memory);
  const second = await aim(memory, { ...params, backup: "base_2" });
  expect(second).toBe(first + 1n);
  await says(world, second, "failed", failed("terminal"));
  const third = await aim(memory, { ...params, backup: "base_2" });
  expect(third).toBe(second + 1n);
  const later = await rememberGoal(world);
  expect(await aim(later, { ...params, backup: "base_2" })).toBe(third + 1n);
});

test("what the agent says of older goals does not count, its own tries again are looked on at, its giving up ends the step", async () => {
  const world = await fresh();
  const context = contextWith(await rememberGoal(world));
  await says(world, 1n, "failed", failed("terminal"));
  const epoch = await aimBridge(world, context, { goal: "primary", params });
  const done = watchBridge(world, context, { ...watching, epoch, accept: ({ state }) => state === "primary" });
  await says(world, epoch, "failed", failed("retryable"));
  await says(world, epoch, "primary");
  expect(await done).toMatchObject({ state: "primary", epoch });
  await says(world, epoch, "failed", failed("terminal"));
  const ended = watchBridge(world, context, { ...watching, epoch, accept: () => false });
  await expect(ended).rejects.toMatchObject({ code: "DB_ARCHIVE_ACCESS", message: expect.stringContaining("no") });
  const other = { error: { code: "DB_CONFIG", message: "no openssl", outcome: "terminal" } };
  await says(world, epoch, "failed", other);
  const unnamed = watchBridge(world, context, { ...watching, epoch, accept: () => false });
  await expect(unnamed).rejects.toMatchObject({ code: "DB_BRIDGE", outcome: "terminal" });
});

test("the backup of a bridge that was wiped since is not taken for that of the present one", async () => {
  const world = await fresh();
  const goal = await setGoal(journal.admin, world.migrationId, "primary", { firstBackup: true });
  await says(world, goal, "primary", { firstBackup: "base_old" });
  const context = contextWith({});
  expect(await takeFirstBackup.observe(world, context)).toEqual({ backup: "base_old" });
  await setGoal(journal.admin, world.migrationId, "wiped", {});
  expect(await takeFirstBackup.observe(world, context)).toBeUndefined();
  await setGoal(journal.admin, world.migrationId, "primary", {});
  expect(await takeFirstBackup.observe(world, context)).toBeUndefined();
  expect(await readGoal(journal.admin, world.migrationId)).toMatchObject({ goal: "primary" });
});

test("an outage counts from the first fence, also when a restarted worker raised it again", async () => {
  const { migrationId } = await fresh();
  const ask = { migrationId, name: "window-1", try: 1, askedBy: "dan", forecastMs: 1 } as const;
  const id = await askWindow(journal.worker, ask);
  await noteWindow(journal.worker, id, { fenceCommittedAt: "2026-01-01T00:00:00.000Z" });
  await noteWindow(journal.worker, id, { fenceCommittedAt: "2026-01-01T00:00:09.000Z", firstCommitAt: "later" });
  expect((await windowRuns(journal.worker, migrationId))[0]?.facts).toEqual({
    fenceCommittedAt: "2026-01-01T00:00:00.000Z",
    firstCommitAt: "later",
  });
});

test("keys that are refused are looked on at for a minute, since they may be renewed by themselves, and then pause the step", async () => {
  const world = await fresh();
  const epoch = await aimBridge(world, contextWith(await rememberGoal(world)), { goal: "standby", params });
  let told = 0;
  const context = partOf<StepContext>({
    signal: new AbortController().signal,
    progress: async () => {
      told += 1;
      // the agent's next try
      await says(world, epoch, "failed", failed("paused"));
    },
  });
  await says(world, epoch, "failed", failed("paused"));
  const ended = watchBridge(world, context, { ...watching, patience: 20, epoch, accept: () => false });
  await expect(ended).rejects.toMatchObject({ code: "DB_ARCHIVE_ACCESS", outcome: "paused" });
  expect(told).toBe(7);
});

test("two reports of the agent within a millisecond are two: neither is taken for the other", async () => {
  const world = await fresh();
  const epoch = await aimBridge(world, contextWith(await rememberGoal(world)), { goal: "standby", params });
  const within = async (microseconds: number): Promise<void> => {
    await says(world, epoch, "failed", failed("retryable"));
    await journal.admin.query(
      "update journal.agent_state set at = timestamptz '2026-01-01' + $2 * interval '1 microsecond' where migration_id = $1",
      [world.migrationId, microseconds],
    );
  };
  let told = 0;
  const context = partOf<StepContext>({
    signal: new AbortController().signal,
    progress: async () => {
      told += 1;
      await within(100 + told);
    },
  });
  await within(100);
  const ended = watchBridge(world, context, { ...watching, patience: 3, epoch, accept: () => false });
  await expect(ended).rejects.toMatchObject({ code: "DB_ARCHIVE_ACCESS" });
  expect(told).toBe(4);
});
