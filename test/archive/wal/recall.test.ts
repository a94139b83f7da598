import { existsSync } from "node:fs";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
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

/** What PostgreSQL asks its `restore_command` for one segment, and does with the answer; resolves with the exit status. */
async function replay(world: World, number: number): Promise<number> {
  const status = await world.restore(nameOf(number), "pg_wal/RECOVERYXLOG");
  if (status === 0) await rename(join(world.walDir, "RECOVERYXLOG"), inWal(world, number));
  await until(`that ${number} is taken`, () => world.taken.includes(nameOf(number)));
  return status;
}

function inWal(world: World, number: number): string {
  return join(world.walDir, nameOf(number));
}

async function placed(world: World): Promise<string[]> {
  return readdir(join(world.spool.dir, "placed"));
}

/** A standby that has replayed segments 1 to `last`, keeps them in `pg_wal`, and is started again. */
async function startedAgain(last: number, budget = last): Promise<World> {
  const world = await worlds.make(last);
  await world.start({ walDir: world.walDir, budgetBytes: budget * segmentBytes });
  for (let number = 1; number <= last; number += 1) await replay(world, number);
  world.taken.length = 0;
  return world;
}

describe("a standby that is started again", () => {
  test("is sent back to its pg_wal for what it has had, and the archive is not asked", async () => {
    const world = await startedAgain(9);
    world.store.fail("", "503");
    world.store.forgetCounts();
    for (let number = 4; number <= 9; number += 1) expect(await replay(world, number)).toBe(1);
    expect(world.store.counts.get).toBe(0);
    for (let number = 1; number <= 9; number += 1)
      expect((await readFile(inWal(world, number))).equals(makeSegment(number))).toBe(true);
    expect([await placed(world), world.faults]).toEqual([[], []]);
  });

  test("gets from the archive what it asks for twice in a row: it could not read what lies in pg_wal", async () => {
    const world = await startedAgain(4);
    // inside a record, where no page header tells
    const damaged = makeSegment(3);
    damaged.fill(0, 3 * 8192 + 100, 3 * 8192 + 200);
    await writeFile(inWal(world, 3), damaged);
    expect(await replay(world, 3)).toBe(1);
    // as a standby does before each new try
    expect(await world.restore("00000002.history")).toBe(1);
    expect(await replay(world, 3)).toBe(0);
    expect((await readFile(inWal(world, 3))).equals(makeSegment(3))).toBe(true);
  });

  test("keeps in pg_wal what it had there, also where it will not be asked for soon", async () => {
    const world = await startedAgain(20, 10);
    expect(await replay(world, 2)).toBe(1);
    await until("those behind it", async () => (await placed(world)).includes(nameOf(12)));
    expect(await replay(world, 1)).toBe(1);
    await until("fewer", async () => !(await placed(world)).includes(nameOf(12)));
    for (let number = 1; number <= 20; number += 1) expect(existsSync(inWal(world, number))).toBe(true);
  });

  test.each([
    ["torn", makeSegment(3, { pages: 40, torn: true })],
    ["cut", makeSegment(3).subarray(0, 5 * 8192)],
    ["empty", Buffer.alloc(0)],
    ["of another place, to be used again", makeSegment(1)],
    ["of another cluster", makeSegment(3, { systemIdentifier: 5n })],
  ])("is not sent to a segment that is %s", async (_what, content) => {
    const world = await startedAgain(4);
    await writeFile(inWal(world, 3), content);
    expect(await replay(world, 3)).toBe(0);
    expect((await readFile(inWal(world, 3))).equals(makeSegment(3))).toBe(true);
  });
});

test("an old file that waits in pg_wal under the name of a segment far ahead is replaced by that segment", async () => {
  const world = await worlds.make(14);
  await writeFile(inWal(world, 14), makeSegment(2));
  await world.start({ walDir: world.walDir, budgetBytes: 14 * segmentBytes });
  expect(await world.restore(nameOf(1))).toBe(0);
  await until("the last one", async () => (await readFile(inWal(world, 14))).equals(makeSegment(14)));
  for (let number = 2; number < 14; number += 1) await world.restore(nameOf(number));
  expect(await world.restore(nameOf(14), "pg_wal/RECOVERYXLOG")).toBe(1);
});

test("what a courier that was killed has left half is removed by the next one", async () => {
  const world = await worlds.make(2);
  const halves = [join(world.spool.dir, "ready", ".half"), join(world.spool.dir, "placed", ".half")];
  for (const path of halves) await writeFile(path, "half");
  await world.start({ walDir: world.walDir });
  for (const path of halves) expect(existsSync(path)).toBe(false);
});
