import { describe, expect, test } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import { readEvents, verifyChain } from "../../../src/journal/events.ts";
import { getMigration } from "../../../src/journal/migrations.ts";
import { getOutbox } from "../../../src/journal/outbox.ts";
import { passNoReturn, windowRuns } from "../../../src/journal/windows.ts";
import { breakGlass } from "../../../src/migration/break-glass/break-glass.ts";
import { foretell, readOutlook } from "../../../src/migration/break-glass/outlook.ts";
import { takeLease } from "../../../src/migration/lease.ts";
import { buildReport, formatReport } from "../../../src/report/final-report.ts";
import { journalOfFile } from "../../support/journal-of-file.ts";
import {
  appIs,
  type GlassWorld,
  killedAtTheFence,
  openGlassWorld,
  sql,
  takesWrites,
  toTheFence,
  typed,
} from "./glass-kit.ts";

const { cluster, journal } = await journalOfFile();
let made = 0;

const open = (phase?: Parameters<typeof openGlassWorld>[3]): Promise<GlassWorld> =>
  openGlassWorld(cluster, journal, `m-${++made}`, phase);
const intentOf = async ({ world }: GlassWorld) => (await getMigration(journal.bot, world.migrationId))?.intent;
const fenced = "web 0, worker 0, maintenance on";
const asBefore = "web 1, worker 2, maintenance off";

/** As the worker would pass it after the promotion; the bridge comes up with the fence that its restore brought along. */
async function beyondNoReturn(glass: GlassWorld): Promise<void> {
  const windowId = await killedAtTheFence(glass);
  const { epoch = 0n } = (await getMigration(journal.worker, glass.world.migrationId)) ?? {};
  expect(await passNoReturn(journal.worker, windowId, epoch)).toBeInstanceOf(Date);
  const name = new URL(glass.bridge.reveal()).pathname.slice(1);
  await sql(glass.bridge, `alter database "${name}" set default_transaction_read_only = on`);
  expect(await takesWrites(glass.bridge)).toBe(false);
}

describe("with the worker dead inside window 1, before its point of no return", () => {
  test("return-writes puts the window back: the app writes again as before, and everybody can read who did it", async () => {
    await using glass = await open();
    await killedAtTheFence(glass);
    expect([await takesWrites(glass.source), await appIs(glass)]).toEqual([false, fenced]);
    const outcome = await breakGlass(glass.world, typed("return-writes"));
    expect(outcome.failed).toEqual([]);
    expect([await takesWrites(glass.source), await appIs(glass), await intentOf(glass)]).toEqual([
      true,
      asBefore,
      "hold",
    ]);
    const { migrationId } = glass.world;
    expect((await windowRuns(journal.bot, migrationId)).map(({ state }) => state)).toEqual(["put-back"]);
    const [broken, ended] = (await readEvents(journal.bot, migrationId)).filter(({ kind }) =>
      kind.startsWith("break-glass"),
    );
    expect(broken).toMatchObject({ actor: "root@host", facts: { verb: "return-writes", reason: "Slack is down" } });
    expect(ended?.facts).toMatchObject({ of: String(broken?.id), failed: [] });
    expect((await getOutbox(journal.bot, "break-glass", migrationId, String(broken?.id)))?.audience).toBe("main");
    expect((await getOutbox(journal.bot, "comms", migrationId, `by-hand-${broken?.id}`))?.audience).toBe("comms");
    const report = await buildReport(journal.bot, migrationId);
    expect(report?.breakGlass).toMatchObject([{ verb: "return-writes", by: "root@host", outcome: "done" }]);
    expect(report && formatReport(report)).toMatch(
      /BREAK-GLASS[^]*return-writes by root@host: done; reason: Slack is down/,
    );
    expect((await verifyChain(journal.bot)).fault).toBeUndefined();
  });

  test("unfence lifts the fence and nothing else; from then on the window can only be put back", async () => {
    await using glass = await open();
    const windowId = await killedAtTheFence(glass);
    expect((await breakGlass(glass.world, typed("unfence"))).failed).toEqual([]);
    expect([await takesWrites(glass.source), await appIs(glass)]).toEqual([true, fenced]);
    await journal.worker.query("update journal.migration set intent = 'run' where id = $1", [glass.world.migrationId]);
    const { epoch = 0n } = (await getMigration(journal.worker, glass.world.migrationId)) ?? {};
    expect(await passNoReturn(journal.worker, windowId, epoch)).toBeUndefined();
    expect((await breakGlass(glass.world, typed("return-writes"))).failed).toEqual([]);
    expect(await appIs(glass)).toBe(asBefore);
  });

  test("abort puts the window back and holds", async () => {
    await using glass = await open();
    await killedAtTheFence(glass);
    expect((await breakGlass(glass.world, typed("abort"))).failed).toEqual([]);
    expect([await takesWrites(glass.source), await appIs(glass), await intentOf(glass)]).toEqual([
      true,
      asBefore,
      "hold",
    ]);
  });

  test("hold touches nothing outside and says who will put the window back", async () => {
    await using glass = await open();
    await killedAtTheFence(glass);
    const outlook = await readOutlook(journal.worker, glass.world.migrationId);
    expect(outlook && foretell("hold", outlook, 1).join("\n")).toMatch(
      /window-1 is put back by the worker .* or by the next/,
    );
    await breakGlass(glass.world, typed("hold"));
    expect([await takesWrites(glass.source), await appIs(glass), await intentOf(glass)]).toEqual([
      false,
      fenced,
      "hold",
    ]);
  });

  test("Heroku away: the fence goes all the same, and what stayed undone is named", async () => {
    await using glass = await open();
    await killedAtTheFence(glass);
    await glass.at.stand.stop();
    const { failed } = await breakGlass(glass.world, typed("return-writes"));
    expect(failed.join()).toMatch(/turn-maintenance-on/);
    expect(failed.join()).not.toMatch(/fence-source/);
    expect(await takesWrites(glass.source)).toBe(true);
  });
});

describe("past the point of no return", () => {
  test("return-writes never lets the app write to the database that is behind", async () => {
    await using glass = await open();
    await beyondNoReturn(glass);
    const { did, failed } = await breakGlass(glass.world, typed("return-writes"));
    expect(did.join()).toMatch(/lifted on the bridge/);
    expect(failed.join()).toMatch(/DATABASE_URL of shop names .* but the bridge .* is the primary/);
    expect([await takesWrites(glass.source), await takesWrites(glass.bridge), await appIs(glass)]).toEqual([
      false,
      true,
      fenced,
    ]);
  });

  test("return-writes opens the app where its DATABASE_URL is the primary's", async () => {
    await using glass = await open();
    await beyondNoReturn(glass);
    const { app, addon } = glass.world.config.heroku;
    await glass.world.heroku.ensureSecondAttachment(app, addon);
    await glass.world.heroku.takeDatabaseUrl({ app, addon, url: glass.bridge });
    expect((await breakGlass(glass.world, typed("return-writes"))).failed).toEqual([]);
    expect([await takesWrites(glass.source), await takesWrites(glass.bridge), await appIs(glass)]).toEqual([
      false,
      true,
      asBefore,
    ]);
  });

  test("abort is refused, and unfence goes to the bridge", async () => {
    await using glass = await open();
    await beyondNoReturn(glass);
    const { migrationId } = glass.world;
    await expect(breakGlass(glass.world, typed("abort"))).rejects.toThrow(/past its point of no return/);
    expect((await readEvents(journal.bot, migrationId)).filter(({ kind }) => kind === "break-glass")).toEqual([]);
    await breakGlass(glass.world, typed("unfence"));
    expect([await takesWrites(glass.source), await takesWrites(glass.bridge)]).toEqual([false, true]);
  });
});

describe("with a worker that lives", () => {
  test("it is told, puts the window back itself, and break-glass says so", async () => {
    await using glass = await open();
    const never = new AbortController().signal;
    const waits = (_world: unknown, { signal }: { signal: AbortSignal }) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const work = toTheFence(glass, waits, never);
    const holder = async () => (await readOutlook(journal.worker, glass.world.migrationId))?.holder;
    await waitFor(async () => !(await takesWrites(glass.source)) && (await holder()) !== undefined, {
      deadlineMs: 30_000,
      everyMs: 100,
      what: "the fence",
    });
    const outcome = await breakGlass(glass.world, typed("return-writes", 60_000));
    await work;
    expect(outcome).toMatchObject({ failed: [] });
    expect(outcome.did[0]).toBe("the worker ended window-1");
    expect([await takesWrites(glass.source), await appIs(glass)]).toEqual([true, asBefore]);
  });

  test("one that does not let go keeps it from touching anything", async () => {
    await using glass = await open();
    await killedAtTheFence(glass);
    await using _lease = await takeLease(journal.worker, glass.world.migrationId);
    const { did, failed } = await breakGlass(glass.world, typed("return-writes", 300));
    expect(did).toEqual([]);
    expect(failed.join()).toMatch(/still holds the lease .* nothing was touched/);
    expect([await takesWrites(glass.source), await appIs(glass)]).toEqual([false, fenced]);
  });
});

test("abort outside of windows undoes the phase and ends the migration", async () => {
  await using glass = await open("follow");
  expect((await breakGlass(glass.world, typed("abort"))).failed).toEqual([]);
  expect((await getMigration(journal.bot, glass.world.migrationId))?.state).toBe("aborted");
});

test("a configuration that people did not approve touches nothing", async () => {
  await using glass = await open();
  await killedAtTheFence(glass);
  const { did, failed } = await breakGlass({ ...glass.world, configDigest: "other" }, typed("return-writes"));
  expect([did, failed.join()]).toEqual([[], expect.stringMatching(/another configuration/)]);
  expect(await appIs(glass)).toBe(fenced);
});
