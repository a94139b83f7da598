import { beforeAll, expect, test } from "vitest";
import { finishAttempt, startAttempt } from "../../src/journal/attempts.ts";
import type { Command } from "../../src/journal/commands.ts";
import { windowRuns } from "../../src/journal/windows.ts";
import type { CommandContext } from "../../src/migration/commands/command.ts";
import { windowCommand } from "../../src/migration/commands/window.ts";
import type { StepContext } from "../../src/migration/step.ts";
import { turnMaintenanceOn } from "../../src/migration/steps/window/maintenance.ts";
import type { World } from "../../src/migration/world.ts";
import { Secret } from "../../src/redact.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { partOf } from "./part-of.ts";
import { migrationAt } from "./runner-kit.ts";

const id = "drift";
const { cluster, journal } = await journalOfFile();
let bridge: string;
let target: string;
let world: World;

beforeAll(async () => {
  [bridge, target] = [await cluster.createDatabase(), await cluster.createDatabase()];
  for (const database of [bridge, target]) await cluster.query("create table orders (id int primary key)", database);
  await cluster.query("create view left_behind as select 1 as one", bridge);
  await migrationAt(journal.worker, id, "cutover");
  const place = { migrationId: id, phase: "replicate", step: "load-schema", try: 1 } as const;
  const attempt = await startAttempt(journal.worker, place, { migrationId: id, epoch: 0n }, "w");
  await finishAttempt(journal.worker, attempt, { output: { leftBehind: ["view public.left_behind"] } });
  const urlOf = async (database: string): Promise<Secret> => new Secret(cluster.url(database));
  const databases = { bridgeUrl: () => urlOf(bridge), targetUrl: () => urlOf(target) };
  world = partOf<World>({ migrationId: id, journal: { ...journal.worker, db: journal.worker }, databases });
});

const before = async (name: string): Promise<void> =>
  turnMaintenanceOn.validate?.(world, partOf<StepContext>({ window: { id: 1, name, deadlineAt: new Date() } }));

test("an index made on the bridge since is found before anybody votes and before writes stop", async () => {
  await expect(before("window-2")).resolves.toBeUndefined();
  await cluster.query("create unique index late on orders (id)", bridge);
  const drift = { code: "DB_SCHEMA_DRIFT", message: expect.stringContaining("late") };
  const typed = partOf<CommandContext>({
    command: partOf<Command>({ id: 1n, verb: "window", person: "greg", slackUser: "UGREG" }),
  });
  await expect(windowCommand(world, typed)).rejects.toMatchObject(drift);
  expect(await windowRuns(journal.worker, id)).toEqual([]);
  await expect(before("window-2")).rejects.toMatchObject(drift);
  // there is no target yet
  await expect(before("window-1")).resolves.toBeUndefined();
});
