import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { putWal } from "../../../src/archive/wal/put-wal.ts";
import { makeSegment, memoryStore, nameOf } from "./made-wal.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp("/tmp/drawbridge-wal-");
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test("the same file may be archived twice, another one under its name may not", async () => {
  const store = memoryStore();
  const path = join(dir, "raw");
  await writeFile(path, makeSegment(1));
  expect(await putWal({ store, path, name: nameOf(1) })).toBe("stored");
  expect(await putWal({ store, path, name: nameOf(1) })).toBe("present");
  await writeFile(path, makeSegment(1, { systemIdentifier: 9n }));
  await expect(putWal({ store, path, name: nameOf(1) })).rejects.toThrow(/other content/);
});

test("a segment, its partial and its backup file do not stand in each other's way", async () => {
  const store = memoryStore();
  const path = join(dir, "raw");
  const names = [`${nameOf(1)}.partial`, `${nameOf(1)}.00000028.backup`, nameOf(1), "00000002.history"];
  for (const name of names) {
    await writeFile(path, `content of ${name}`);
    expect(await putWal({ store, path, name })).toBe("stored");
  }
  expect([...store.objects.keys()]).toEqual(names.map((name) => `wal_005/${name}.lzo`));
});
