import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { waitFor } from "../../src/clock.ts";
import { setGoal, writeAgentState } from "../../src/journal/agent-goals.ts";
import type { AgentFacts, AgentState } from "../../src/journal/agent-rows.ts";
import type { Command } from "../../src/journal/commands.ts";
import { getMigration } from "../../src/journal/migrations.ts";
import { getPhaseRun } from "../../src/journal/phase-runs.ts";
import { askWindow, currentWindow } from "../../src/journal/windows.ts";
import type { CommandContext } from "../../src/migration/commands/command.ts";
import { goCommand } from "../../src/migration/commands/go.ts";
import { retryCommand } from "../../src/migration/commands/intent.ts";
import { windowCommand } from "../../src/migration/commands/window.ts";
import { demandPromotable } from "../../src/migration/standby-guard.ts";
import type { World } from "../../src/migration/world.ts";
import { Secret } from "../../src/redact.ts";
import { startSource, type ArchivingSource, type Replica } from "../archive/wal/replica.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";
import { partOf } from "./part-of.ts";
import { migrationAt } from "./runner-kit.ts";

let source: ArchivingSource;
let standby: Replica;
let other: TestCluster;
let journal: TestJournal;
let made = 0;

beforeAll(async () => {
  [source, other] = await Promise.all([startSource(), startCluster()]);
  standby = await source.copy("standby");
  standby.start();
  await waitFor(() => standby.query("select 1"), { deadlineMs: 60_000, what: "the standby" });
  journal = await makeJournal(other);
});
afterAll(async () => {
  await journal[Symbol.asyncDispose]();
  await standby[Symbol.asyncDispose]();
  await Promise.all([source[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
});

/** A migration that waits for window 1, with the standby as its bridge, and `from` as its source. */
async function waiting(from: TestCluster, state: AgentState["state"], facts: AgentFacts): Promise<World> {
  const migrationId = `guard-${(made += 1)}`;
  await migrationAt(journal.worker, migrationId, "promote");
  const epoch = await setGoal(journal.admin, migrationId, "standby", {});
  await writeAgentState(journal.admin, { migrationId, epoch, state, facts });
  const [row] = (await standby.query<{ port: number }>("select inet_server_port() as port")) ?? [];
  return partOf<World>({
    migrationId,
    journal: { ...journal.worker, db: journal.admin },
    clock: systemClock,
    config: { policy: { acceptCollationChange: false } },
    databases: {
      sourceUrl: () => Promise.resolve(new Secret(from.url())),
      bridgeUrl: () => Promise.resolve(new Secret(`postgres://postgres@127.0.0.1:${row?.port}/postgres`)),
    },
  });
}

function typed(verb: string): CommandContext & { readonly rung: string[] } {
  const rung: string[] = [];
  const command = partOf<Command>({ id: 1n, verb, person: "greg", slackUser: "UGREG" });
  return { command, rung, ring: async (phase) => void rung.push(phase) };
}

const giveUp: AgentFacts = { error: { code: "DB_RESTORE_AGAIN", message: "timeline 2 left it", outcome: "terminal" } };

test("a standby of the source may take over; one of another cluster is to be restored again", async () => {
  await demandPromotable(await waiting(source.cluster, "following", { timeline: 1, collations: [] }));
  const world = await waiting(other, "following", { timeline: 1, collations: [] });
  await expect(demandPromotable(world)).rejects.toMatchObject({ code: "DB_RESTORE_AGAIN" });
});

test("no window is asked for and none begins while the agent says that the bridge has to be restored again", async () => {
  const world = await waiting(source.cluster, "failed", giveUp);
  await expect(windowCommand(world, typed("window"))).rejects.toMatchObject({
    code: "DB_RESTORE_AGAIN",
    remedy: expect.stringContaining("/migrate retry"),
  });
  expect(await currentWindow(journal.worker, world.migrationId)).toBeUndefined();
  const ask = { migrationId: world.migrationId, name: "window-1", try: 1, askedBy: "greg", forecastMs: 1_000 } as const;
  await askWindow(journal.worker, ask);
  // its gates are all armed, as far as `go` can see: there are none
  await expect(goCommand(world, typed("go"))).rejects.toMatchObject({ code: "DB_RESTORE_AGAIN" });
  expect((await currentWindow(journal.worker, world.migrationId))?.state).toBe("asking");
});

test("no window is asked for while the bridge sorts text otherwise", async () => {
  const collations = [{ what: "database shop", recorded: "2.31", actual: "2.36" }];
  const world = await waiting(source.cluster, "following", { timeline: 1, collations });
  await expect(windowCommand(world, typed("window"))).rejects.toMatchObject({ code: "DB_COLLATION" });
});

test("`retry` before window 1 restores such a bridge again, and strikes out the window that was asked for", async () => {
  const world = await waiting(source.cluster, "failed", giveUp);
  const { migrationId } = world;
  await askWindow(journal.worker, { migrationId, name: "window-1", try: 1, askedBy: "greg", forecastMs: 1_000 });
  const retry = typed("retry");
  expect(await retryCommand(world, retry)).toMatchObject({ level: "done", text: expect.stringContaining("restored") });
  expect(retry.rung).toEqual(["restore-bridge"]);
  expect((await getMigration(journal.worker, migrationId))?.phase).toBe("restore-bridge");
  for (const phase of ["restore-bridge", "follow", "promote"] as const) {
    expect(await getPhaseRun(journal.worker, migrationId, phase)).toMatchObject({ try: 2, state: "waiting" });
  }
  expect(await currentWindow(journal.worker, migrationId)).toBeUndefined();
});

test("`retry` before window 1 restores nothing while the bridge is well", async () => {
  const world = await waiting(source.cluster, "following", { timeline: 1, collations: [] });
  expect(await retryCommand(world, typed("retry"))).toMatchObject({ level: "refused" });
  expect((await getMigration(journal.worker, world.migrationId))?.phase).toBe("promote");
});
