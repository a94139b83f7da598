import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { putWal } from "../../../src/archive/wal/put-wal.ts";
import { serveArchiving } from "../../../src/archive/wal/serve-archiving.ts";
import { openWorlds, until, type Worlds } from "./courier-world.ts";
import { makeSegment, nameOf, segmentBytes } from "./made-wal.ts";

const run = promisify(execFile);
let worlds: Worlds;
beforeAll(async () => {
  worlds = await openWorlds();
});
afterEach(() => worlds.stopAll());
afterAll(() => worlds[Symbol.asyncDispose]());

describe("a standby's courier", () => {
  test("brings what is asked for, then lies ahead of it within its budget", async () => {
    const world = await worlds.make(12);
    await world.start({ budgetBytes: 4 * segmentBytes });
    expect(await world.restore(nameOf(1))).toBe(0);
    expect((await readFile(join(world.dir, "got"))).equals(makeSegment(1))).toBe(true);
    await until("four segments", async () => (await world.ready()).length === 4);
    expect(await world.ready()).toEqual([2, 3, 4, 5].map((number) => nameOf(number)));
    expect(await world.restore(nameOf(2))).toBe(0);
    await until("the sixth", async () => (await world.ready()).includes(nameOf(6)));
    expect(world.taken).toEqual([nameOf(1), nameOf(2)]);
  });

  test("starts before PostgreSQL does, and changes over to the timeline that a history file tells of", async () => {
    const world = await worlds.make(4);
    const fork = Buffer.from(`1\t0/${(3.5 * segmentBytes).toString(16)}\tpromoted\n`);
    world.store.objects.set("wal_005/00000002.history", fork);
    for (const number of [3, 4, 5])
      world.store.objects.set(`wal_005/${nameOf(number, 2)}`, makeSegment(number, { timeline: number === 3 ? 1 : 2 }));
    (await world.start()).startAt(nameOf(1));
    const expected = [nameOf(1), nameOf(2), nameOf(3, 2), nameOf(4, 2), nameOf(5, 2)];
    await until("all of both timelines", async () => (await world.ready()).length === expected.length);
    expect(await world.ready()).toEqual(expected);
  });

  test("does not bring again what a slow client asked for twice and has taken", async () => {
    const world = await worlds.make(1);
    await world.start();
    const [want, ready] = [join(world.spool.dir, "want"), join(world.spool.dir, "ready")];
    const ask = async (ticket: string): Promise<void> => {
      await writeFile(join(want, ticket), "");
      await until("the question to be taken up", async () => (await readdir(want)).length === 0);
    };
    await ask(`${nameOf(1)}.777`);
    await until("the segment", () => existsSync(join(ready, nameOf(1))));
    await rename(join(ready, nameOf(1)), join(world.dir, "got"));
    await until("that it is taken", () => world.taken.length === 1);
    await ask(`${nameOf(1)}.777`);
    expect(await world.restore(nameOf(2))).toBe(1);
    expect(await world.ready()).toEqual([]);
    await ask(`${nameOf(1)}.778`);
    await until("it again for another client", () => existsSync(join(ready, nameOf(1))));
  });

  test("says quickly and by at most one listing that a file is not there, histories included", async () => {
    const world = await worlds.make(1);
    await world.start();
    expect(await world.restore(nameOf(1))).toBe(0);
    world.store.forgetCounts();
    expect(await world.restore("00000002.history")).toBe(1);
    expect(world.store.counts.list).toBeLessThanOrEqual(1);
    expect(await world.restore(nameOf(2))).toBe(1);
    expect(world.store.counts.list).toBeLessThanOrEqual(2);
    world.store.objects.set("wal_005/00000002.history", Buffer.from("1\t0/200000\tx\n"));
    await until("the new history", async () => (await world.restore("00000002.history")) === 0);
    expect(await readFile(join(world.dir, "got"), "utf8")).toBe("1\t0/200000\tx\n");
  });

  test("serves the last segment again without the archive, as a promotion asks", async () => {
    const world = await worlds.make(2);
    await world.start();
    expect([await world.restore(nameOf(1)), await world.restore(nameOf(2))]).toEqual([0, 0]);
    world.store.fail("", "503");
    expect(await world.restore(nameOf(2))).toBe(0);
    expect((await readFile(join(world.dir, "got"))).equals(makeSegment(2))).toBe(true);
  });

  test("keeps everything from the restart point on and nothing before it", async () => {
    const world = await worlds.make(40);
    await world.start({ budgetBytes: 2 * segmentBytes });
    for (let number = 1; number <= 33; number += 1) {
      expect(await world.restore(nameOf(number), undefined, nameOf(Math.max(1, number - 10)))).toBe(0);
    }
    const kept = join(world.spool.dir, "kept");
    await until("pruning", async () => !(await readdir(kept)).includes(nameOf(5)));
    expect(await readdir(kept)).toEqual(expect.arrayContaining([nameOf(23), nameOf(33)]));
  });

  test("never ends above 125: trouble is met with tries, told, and then looks like 'not yet'", async () => {
    const world = await worlds.make(2);
    world.store.objects.set(`wal_005/${nameOf(2)}`, makeSegment(9));
    await world.start();
    expect(await world.restore(nameOf(2))).toBe(1);
    expect(world.faults.join()).toMatch(/page address is of another/);
    expect(existsSync(join(world.dir, "got"))).toBe(false);
    world.store.fail("list", "expired");
    // "not there" may be told from a listing of a moment ago
    await until("the fault", async () => {
      expect(await world.restore(nameOf(3))).toBe(1);
      return world.faults.join().includes("ExpiredToken");
    });
    world.store.heal();
    world.store.objects.set(`wal_005/${nameOf(2)}`, makeSegment(2));
    expect(await world.restore(nameOf(2))).toBe(0);
  });

  test("that has died leaves 'not yet', and its successor checks what it finds and goes on", async () => {
    const world = await worlds.make(6);
    await world.start();
    expect(await world.restore(nameOf(1))).toBe(0);
    await until("the prefetch", async () => (await world.ready()).length === 5);
    await world.stop();
    expect(await world.restore(nameOf(2))).toBe(0);
    expect(await world.restore(nameOf(7))).toBe(1);
    await writeFile(join(world.spool.dir, "ready", nameOf(4)), makeSegment(4).fill(0, 8192 * 9));
    world.store.forgetCounts();
    await world.start();
    for (const number of [3, 4, 5]) expect(await world.restore(nameOf(number))).toBe(0);
    expect((await readFile(join(world.dir, "got"))).equals(makeSegment(5))).toBe(true);
    // only the one that was damaged
    expect(world.store.counts.get).toBeLessThanOrEqual(1);
  });

  test("does not trust what lies in the spool after the machine was started again", async () => {
    const world = await worlds.make(3);
    await world.start();
    expect(await world.restore(nameOf(1))).toBe(0);
    await until("the prefetch", async () => (await world.ready()).length === 2);
    await world.stop();
    await writeFile(join(world.spool.dir, "boot"), "another boot");
    await world.start();
    expect(await world.ready()).toEqual([]);
  });

  test("a second one for the same spool is refused", async () => {
    const world = await worlds.make(1);
    await writeFile(join(world.spool.dir, "courier.pid"), `${process.ppid} ${startOf(process.ppid)}\n`);
    await expect(world.start()).rejects.toMatchObject({ code: "DB_CONFIG" });
    // a number that another process has by now is nobody's claim
    await writeFile(join(world.spool.dir, "courier.pid"), `${process.ppid} 1\n`);
    await world.start();
  });
});

describe("the archiving side", () => {
  test("stores what the server hands over", async () => {
    const world = await worlds.make(0);
    const stop = new AbortController();
    const put = (name: string, path: string): Promise<unknown> => putWal({ store: world.store, name, path });
    const serving = serveArchiving({ spool: world.spool, put, onFault: () => undefined, signal: stop.signal });
    const path = join(world.dir, "one");
    await writeFile(path, makeSegment(1));
    await run("sh", ["-c", world.scripts.archiveCommand.replace("%p", path).replace("%f", nameOf(1))]);
    expect([...world.store.objects.keys()]).toEqual([`wal_005/${nameOf(1)}.lzo`]);
    stop.abort();
    await serving;
  });
});

function startOf(pid: number): string {
  const stat = execFileSync("cat", [`/proc/${pid}/stat`], { encoding: "utf8" });
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}
