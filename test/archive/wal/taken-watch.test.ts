import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inSpool, prepareSpool, type Spool } from "../../../src/archive/wal/spool.ts";
import { TakenWatch } from "../../../src/archive/wal/taken-watch.ts";
import { WalSource } from "../../../src/archive/wal/wal-source.ts";
import { systemClock } from "../../../src/clock.ts";
import { openWorlds, until } from "./courier-world.ts";
import { nameOf, segmentBytes } from "./made-wal.ts";

/** A watch over an empty spool, what lies ready there, and what was told as taken. */
async function openWatch(): Promise<
  { spool: Spool; ready: Map<string, string>; taken: Set<string>; watch: TakenWatch } & AsyncDisposable
> {
  const spool = { dir: await mkdtemp("/tmp/drawbridge-taken-") };
  await prepareSpool(spool);
  const [ready, taken] = [new Map<string, string>(), new Set<string>()];
  const watch = new TakenWatch({ spool, ready, onTaken: (name) => void taken.add(name) });
  return { spool, ready, taken, watch, [Symbol.asyncDispose]: () => rm(spool.dir, { recursive: true }) };
}

test("a note that comes before the courier has heard that the segment lies in pg_wal is not lost", async () => {
  await using opened = await openWatch();
  const { spool, ready, taken, watch } = opened;
  const placed = inSpool(spool, "placed", nameOf(3));
  for (const path of [placed, inSpool(spool, "took", nameOf(3))]) await writeFile(path, "");
  await watch.sweep();
  expect([existsSync(placed), existsSync(join(spool.dir, "took", nameOf(3))), taken.size]).toEqual([false, false, 0]);
  ready.set(nameOf(3), placed);
  await watch.sweep();
  expect([...taken]).toEqual([nameOf(3)]);
});

test("a segment that was to be given by hand is taken where a note says that pg_wal had it, and is not left", async () => {
  await using opened = await openWatch();
  const { spool, ready, taken, watch } = opened;
  const byHand = inSpool(spool, "ready", nameOf(3));
  ready.set(nameOf(3), byHand);
  for (const path of [byHand, inSpool(spool, "took", nameOf(3))]) await writeFile(path, "");
  await watch.sweep();
  expect([[...taken], existsSync(byHand)]).toEqual([[nameOf(3)], false]);
});

/** Says "it lies in pg_wal" only when PostgreSQL has been there and the courier has seen its note. */
class SlowToHear extends WalSource {
  spool: Spool | undefined;

  override async fetch(...args: Parameters<WalSource["fetch"]>): ReturnType<WalSource["fetch"]> {
    const found = await super.fetch(...args);
    if (!this.spool || found?.isPlaced !== true) return found;
    const note = inSpool(this.spool, "took", args[0]);
    await writeFile(note, "");
    await until("that the note is read", () => !existsSync(note));
    return found;
  }
}

test("a segment that PostgreSQL has read before the courier heard of it is told at once, not at the next sweep", async () => {
  await using worlds = await openWorlds();
  const world = await worlds.make(14);
  await using source = new SlowToHear({ store: world.store });
  source.spool = world.spool;
  // it stands still, so there is one sweep and no other
  const clock = { ...systemClock, now: () => new Date("2026-01-01") };
  await world.start({ walDir: world.walDir, budgetBytes: 14 * segmentBytes, source, clock });
  expect(await world.restore(nameOf(1))).toBe(0);
  // the first that is placed
  await until("that it is told", () => world.taken.includes(nameOf(8)));
  expect(await readdir(inSpool(world.spool, "placed"))).not.toContain(nameOf(8));
});
