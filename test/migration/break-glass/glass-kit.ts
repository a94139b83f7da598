import { fileURLToPath } from "node:url";
import { systemClock } from "../../../src/clock.ts";
import { askWindow, openWindowRow } from "../../../src/journal/windows.ts";
import { silentLog } from "../../../src/log.ts";
import type { GlassRequest } from "../../../src/migration/break-glass/break-glass.ts";
import type { Databases } from "../../../src/migration/databases.ts";
import { advance } from "../../../src/migration/run-phase.ts";
import type { Step } from "../../../src/migration/step.ts";
import { fenceOf } from "../../../src/migration/steps/window/fence.ts";
import { turnMaintenanceOn } from "../../../src/migration/steps/window/maintenance.ts";
import { stopWriters } from "../../../src/migration/steps/window/writers.ts";
import type { World } from "../../../src/migration/world.ts";
import { openDatabase } from "../../../src/postgres/connect.ts";
import { Secret } from "../../../src/redact.ts";
import { startWorld, type TestWorld } from "../../sandbox/heroku/world.ts";
import type { TestCluster } from "../../support/cluster.ts";
import type { TestJournal } from "../../support/journal.ts";
import { partOf } from "../part-of.ts";
import { migrationAt } from "../runner-kit.ts";

const addon = "postgresql-curved-1";
const web = `${process.execPath} ${fileURLToPath(new URL("../../sandbox/heroku/fixtures/web.cjs", import.meta.url))}`;
const processes = {
  web: { command: web, quantity: 1 },
  worker: { command: "sleep 600", quantity: 2 },
} as const;

/** An app on its Heroku database, a bridge, a journal: each real, or the stand-in that the sandbox runs. */
export interface GlassWorld extends AsyncDisposable {
  readonly world: World;
  readonly at: TestWorld;
  readonly source: Secret;
  readonly bridge: Secret;
}

/** Opens the world of the migration `id`, which has come to `phase`. */
export async function openGlassWorld(
  cluster: TestCluster,
  journal: TestJournal,
  id: string,
  phase: Parameters<typeof migrationAt>[2] = "promote",
): Promise<GlassWorld> {
  const [source, bridge] = [await cluster.createDatabase(), await cluster.createDatabase()].map(
    (name) => new Secret(cluster.url(name)),
  );
  if (source === undefined || bridge === undefined) throw new Error("two databases were made");
  for (const url of [source, bridge]) await sql(url, "create table orders (id int)");
  const attachments = [{ app: "shop", name: "DATABASE" }];
  const at = await startWorld({
    apps: [{ name: "shop", processes }],
    addons: [{ name: addon, plan: "heroku-postgresql:standard-0", app: "shop", url: source.reveal(), attachments }],
  });
  await migrationAt(journal.worker, id, phase);
  const databases: Databases = {
    sourceUrl: async () => source,
    bridgeUrl: async () => bridge,
    targetUrl: async () => bridge,
    applicationUrl: async () => bridge,
  };
  const world = partOf<World>({
    journal: journal.worker,
    migrationId: id,
    config: { heroku: { app: "shop", addon }, policy: { stopWritersSeconds: 20 } },
    configDigest: "c",
    clock: systemClock,
    log: silentLog,
    fault: async () => undefined,
    heroku: at.heroku,
    databases,
  });
  return { world, at, source, bridge, [Symbol.asyncDispose]: () => at[Symbol.asyncDispose]() };
}

/** A worker that takes window 1 as far as its fence, and at `then` does what it is told. */
export async function toTheFence({ world }: GlassWorld, then: Step["run"], shutdown: AbortSignal): Promise<number> {
  const { journal, migrationId } = world;
  const ask = { migrationId, name: "window-1", try: 1, askedBy: "dan", forecastMs: 1_000 } as const;
  const windowId = await askWindow(journal.db, ask);
  await openWindowRow(journal.db, windowId, 120_000, { configDigest: "c" });
  // what two people said is not the matter here
  const { gate: _gate, ...maintenanceOn } = turnMaintenanceOn;
  const last: Step = {
    name: "mark-source",
    deadlineMs: 60_000,
    observe: async () => undefined,
    run: then,
    undo: "irreversible",
  };
  const steps = [maintenanceOn, stopWriters, fenceOf("source"), last];
  await advance(world, migrationId, "promote", { plan: (phase) => ({ phase, steps }), worker: "w1", shutdown });
  return windowId;
}

/** The same, with a worker that dies there for good. */
export async function killedAtTheFence(glass: GlassWorld): Promise<number> {
  const death = new AbortController();
  return toTheFence(
    glass,
    async () => {
      death.abort(new Error("SIGKILL"));
      throw new Error("dead");
    },
    death.signal,
  );
}

/** What somebody types at the host's terminal. */
export function typed(verb: GlassRequest["verb"], waitMs = 0): GlassRequest {
  return { verb, reason: "Slack is down", by: "root@host", waitMs, signal: new AbortController().signal };
}

/** Runs one statement in a fresh session, as the app would. */
export async function sql(url: Secret, statement: string): Promise<void> {
  await using db = openDatabase(url, { applicationName: "app", max: 1 });
  await db.query(statement);
}

/** Whether a fresh session can write. */
export async function takesWrites(url: Secret): Promise<boolean> {
  return sql(url, "insert into orders values (1)").then(
    () => true,
    () => false,
  );
}

/** "web 1, worker 2, maintenance off" */
export async function appIs({ world }: GlassWorld): Promise<string> {
  const { app } = world.config.heroku;
  const formation = (await world.heroku.formation(app)).map(({ type, quantity }) => `${type} ${quantity}`);
  return [...formation.toSorted(), `maintenance ${(await world.heroku.app(app)).maintenance ? "on" : "off"}`].join(
    ", ",
  );
}
