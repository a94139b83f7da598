import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openWorlds, until, type World, type Worlds } from "./courier-world.ts";
import { makeSegment, nameOf, segmentBytes } from "./made-wal.ts";

let worlds: Worlds;
beforeAll(async () => {
  worlds = await openWorlds();
});
afterEach(() => worlds.stopAll());
afterAll(() => worlds[Symbol.asyncDispose]());

/** A standby that has taken segment 1 and has `last - 1` more before it: those behind the first few lie in its `pg_wal`. */
async function farBehind(last: number): Promise<World> {
  const world = await worlds.make(last);
  await world.start({ walDir: world.walDir, budgetBytes: last * segmentBytes });
  expect(await world.restore(nameOf(1))).toBe(0);
  await until("the last segment in pg_wal", () => existsSync(join(world.walDir, nameOf(last))));
  await until("all of them", async () => (await world.ready()).length + (await placed(world)).length === last - 1);
  return world;
}

async function placed(world: World): Promise<string[]> {
  return (await readdir(join(world.spool.dir, "placed"))).filter((name) => !name.startsWith("."));
}

describe("a standby that is far behind", () => {
  test("is sent to its pg_wal, where the proven segment lies with the mark of a restored one", async () => {
    const world = await farBehind(14);
    for (let number = 2; number < 14; number += 1) await world.restore(nameOf(number));
    expect(await world.restore(nameOf(14), "pg_wal/RECOVERYXLOG", nameOf(9))).toBe(1);
    expect((await readFile(join(world.walDir, nameOf(14)))).equals(makeSegment(14))).toBe(true);
    expect(existsSync(join(world.walDir, "RECOVERYXLOG"))).toBe(false);
    expect(await readdir(join(world.walDir, "archive_status"))).toContain(`${nameOf(14)}.done`);
    await until("that it is taken", () => world.taken.includes(nameOf(14)));
    expect(world.taken).toHaveLength(14);
    // nothing of it is left in the spool, and where PostgreSQL would start again is known
    expect([...(await placed(world)), ...(await readdir(join(world.spool.dir, "took")))]).toEqual([]);
    expect(await readdir(join(world.spool.dir, "from"))).toContain(nameOf(9));
    expect(world.faults).toEqual([]);
  });

  test("finds in pg_wal at its first question what was fetched before, and nothing is put there sooner", async () => {
    const world = await worlds.make(14);
    const service = await world.start({ walDir: world.walDir, budgetBytes: 14 * segmentBytes });
    service.startAt(nameOf(1));
    await until("all of them", async () => (await world.ready()).length === 14);
    expect(await readdir(world.walDir)).toEqual(["archive_status"]);
    // as PostgreSQL begins
    expect(await world.restore("00000002.history")).toBe(1);
    for (let number = 1; number <= 14; number += 1) {
      expect(await world.restore(nameOf(number), "pg_wal/RECOVERYXLOG")).toBe(1);
      expect((await readFile(join(world.walDir, nameOf(number)))).equals(makeSegment(number))).toBe(true);
    }
    await until("that all are taken", () => world.taken.length === 14);
  });

  test("waits for the next server when another restore begins", async () => {
    const world = await worlds.make(14);
    const service = await world.start({ walDir: world.walDir, budgetBytes: 3 * segmentBytes });
    expect(await world.restore("00000002.history")).toBe(1);
    service.startAt(nameOf(4));
    await until("three of them", async () => (await world.ready()).length === 3);
    expect(await readdir(world.walDir)).toEqual(["archive_status"]);
  });

  test("finds there what an earlier courier has put there and nobody took, without a third name of it", async () => {
    const world = await farBehind(14);
    await world.stop();
    await world.start({ walDir: world.walDir, budgetBytes: 14 * segmentBytes });
    expect(await world.restore("00000002.history")).toBe(1);
    const names = await readdir(join(world.spool.dir, "placed"));
    expect(names.filter((name) => name.startsWith("."))).toEqual([]);
    expect(names).toContain(nameOf(14));
    expect(await world.restore(nameOf(14), "pg_wal/RECOVERYXLOG")).toBe(1);
  });

  test("keeps in pg_wal what it has read there, also where no note of that came through", async () => {
    const world = await farBehind(14);
    await rm(join(world.spool.dir, "took"), { recursive: true });
    expect(await world.restore(nameOf(13), "pg_wal/RECOVERYXLOG")).toBe(1);
    await mkdir(join(world.spool.dir, "took"));
    expect(await world.restore(nameOf(14), "pg_wal/RECOVERYXLOG")).toBe(1);
    await until("that the last one is taken", () => world.taken.includes(nameOf(14)));
    await until("a spool without them", async () => (await placed(world)).length === 0);
    expect(world.taken).not.toContain(nameOf(13));
    for (const number of [13, 14]) expect(existsSync(join(world.walDir, nameOf(number)))).toBe(true);
  });

  test("gets the segment itself where another file has its name in pg_wal", async () => {
    const world = await farBehind(14);
    const inWal = join(world.walDir, nameOf(14));
    await rm(inWal);
    await writeFile(inWal, "recycled");
    expect(await world.restore(nameOf(14))).toBe(0);
    expect((await readFile(join(world.dir, "got"))).equals(makeSegment(14))).toBe(true);
    expect(await readFile(inWal, "utf8")).toBe("recycled");
  });

  test("is given everything by hand where pg_wal cannot be linked into", async () => {
    const world = await worlds.make(14);
    await world.start({ walDir: join(world.dir, "nowhere"), budgetBytes: 14 * segmentBytes });
    expect(await world.restore(nameOf(1))).toBe(0);
    await until("all of them", async () => (await world.ready()).length === 13);
    for (let number = 2; number <= 14; number += 1) expect(await world.restore(nameOf(number))).toBe(0);
    expect(world.taken).toHaveLength(14);
  });

  test("is served by the next courier as well, by whichever way it asks", async () => {
    const world = await farBehind(14);
    await world.stop();
    await world.start({ walDir: world.walDir });
    for (let number = 2; number <= 14; number += 1) {
      expect(await world.restore(nameOf(number))).toBe(0);
      expect((await readFile(join(world.dir, "got"))).equals(makeSegment(number))).toBe(true);
    }
  });

  test("has nothing of an abandoned timeline put before it: what is off the plan is withdrawn from pg_wal", async () => {
    const world = await farBehind(14);
    const lies = (): Promise<string[]> =>
      readdir(world.walDir).then((names) => names.filter((name) => name.startsWith("00000001")));
    expect((await lies()).length).toBeGreaterThan(0);
    const fork = Buffer.from(`1\t0/${(2.5 * segmentBytes).toString(16)}\tpromoted\n`);
    world.store.objects.set("wal_005/00000002.history", fork);
    for (const number of [2, 3])
      world.store.objects.set(`wal_005/${nameOf(number, 2)}`, makeSegment(number, { timeline: number === 2 ? 1 : 2 }));
    expect(await world.restore(nameOf(2), "pg_wal/RECOVERYXLOG")).toBe(1);
    await until("the new timeline's history", async () => (await world.restore("00000002.history")) === 0);
    expect(await world.restore(nameOf(2, 2))).toBe(0);
    // but for what it has read of it
    await until("pg_wal without the old timeline's", async () => (await lies()).length === 1);
    expect(await lies()).toEqual([nameOf(2)]);
    expect(await readdir(join(world.walDir, "archive_status"))).toEqual([`${nameOf(2)}.done`]);
  });
});

test("a recovery to the end finds nothing in pg_wal beside what it is given", async () => {
  const world = await worlds.make(14, { mode: "recover-to-end" });
  await world.start({ walDir: world.walDir, budgetBytes: 14 * segmentBytes });
  expect(await world.restore(nameOf(1))).toBe(0);
  await until("all of them", async () => (await world.ready()).length === 13);
  expect(await readdir(world.walDir)).toEqual(["archive_status"]);
  expect(world.scripts.restoreCommand).not.toContain("pg_wal");
});
