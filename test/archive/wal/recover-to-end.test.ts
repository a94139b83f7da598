import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openWorlds, type Worlds } from "./courier-world.ts";
import { makeSegment, nameOf, segmentBytes } from "./made-wal.ts";

let worlds: Worlds;
beforeAll(async () => {
  worlds = await openWorlds();
});
afterEach(() => worlds.stopAll());
afterAll(() => worlds[Symbol.asyncDispose]());

describe("recovery to the end", () => {
  const mode = "recover-to-end";

  test("ends where the archive provably ends", async () => {
    const world = await worlds.make(2, { mode });
    await world.start({ mode });
    for (const number of [1, 2]) expect(await world.restore(nameOf(number))).toBe(0);
    expect(await world.restore(nameOf(3))).toBe(1);
    expect(await world.restore("00000002.history")).toBe(1);
    expect(world.faults).toEqual([]);
  });

  test.each([
    ["a later segment", nameOf(5), makeSegment(5)],
    ["a segment of a newer timeline", nameOf(3, 2), makeSegment(3)],
    ["a history that leads on", "00000002.history", Buffer.from(`1\t0/${(3 * segmentBytes).toString(16)}\tx\n`)],
    ["the segment in a form that nobody reads", `${nameOf(3)}.xz`, Buffer.from("xz")],
    ["a damaged segment", nameOf(3), makeSegment(3, { pages: 4, torn: true })],
  ])("stops the server at a hole: %s", async (_, name, bytes) => {
    const world = await worlds.make(2, { mode });
    world.store.objects.set(`wal_005/${name}`, bytes);
    await world.start({ mode });
    expect(await world.restore(nameOf(2))).toBe(0);
    expect(await world.restore(nameOf(3))).toBe(255);
    expect(world.faults).not.toEqual([]);
  });

  test("is not stopped by an older history, nor by a timeline that ended before", async () => {
    const world = await worlds.make(4, { mode });
    world.store.objects.set("wal_005/00000002.history", Buffer.from(`1\t0/${(2 * segmentBytes).toString(16)}\tx\n`));
    for (const number of [2, 3]) world.store.objects.set(`wal_005/${nameOf(number, 2)}`, makeSegment(number));
    await world.start({ mode });
    expect(await world.restore(nameOf(3, 2))).toBe(0);
    expect(await world.restore(nameOf(4, 2))).toBe(1);
  });

  test.each(["503", "403", "expired"] as const)("stops the server when %s does not pass", async (fault) => {
    const world = await worlds.make(2, { mode });
    world.store.fail("list", fault);
    await world.start({ mode });
    expect(await world.restore(nameOf(1))).toBe(255);
    expect(await world.restore("00000002.history")).toBe(255);
  });

  test("stops the server when nobody answers, and when the command itself is gone", async () => {
    const world = await worlds.make(1, { mode });
    expect(await world.restore(nameOf(1))).toBe(255);
    await rm(join(world.dir, "restore-wal.sh"));
    expect(await world.restore(nameOf(1))).toBeGreaterThan(125);
  });

  test.each([
    [0, "cp /etc/hostname", 0],
    [0, "true", 255],
    [74, "exit 74 #", 1],
    [1, "exit 1 #", 255],
    [127, "/no/such/program", 255],
  ])("without a courier the fallback's %d (%s) ends with %d", async (_status, command, seen) => {
    const fallback = ["sh", "-c", command.startsWith("cp") ? `${command} "$2"` : command, "sh"];
    const world = await worlds.make(1, { mode, fallback });
    expect(await world.restore(nameOf(1))).toBe(seen);
  });
});
