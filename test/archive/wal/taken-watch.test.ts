import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inSpool, prepareSpool } from "../../../src/archive/wal/spool.ts";
import { TakenWatch } from "../../../src/archive/wal/taken-watch.ts";
import { nameOf } from "./made-wal.ts";

test("a note that comes before the courier has heard that the segment lies in pg_wal is not lost", async () => {
  const spool = { dir: await mkdtemp("/tmp/drawbridge-taken-") };
  try {
    await prepareSpool(spool);
    const [ready, taken] = [new Map<string, string>(), new Set<string>()];
    const watch = new TakenWatch({ spool, ready, onTaken: (name) => void taken.add(name) });
    const placed = inSpool(spool, "placed", nameOf(3));
    for (const path of [placed, inSpool(spool, "took", nameOf(3))]) await writeFile(path, "");
    await watch.sweep();
    expect([existsSync(placed), existsSync(join(spool.dir, "took", nameOf(3))), taken.size]).toEqual([false, false, 0]);
    ready.set(nameOf(3), placed);
    await watch.sweep();
    expect([...taken]).toEqual([nameOf(3)]);
  } finally {
    await rm(spool.dir, { recursive: true });
  }
});
