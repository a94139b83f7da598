import { readlinkSync } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { startRestore } from "../../../src/archive/restore/prepare-dirs.ts";
import type { RestoreIdentity } from "../../../src/archive/restore/restore-journal.ts";
import { inMemoryDir } from "./kit.ts";

afterEach(() => vi.restoreAllMocks());

function identityIn(home: string): RestoreIdentity {
  const backup = { name: "base_1", completedAt: "2026-11-22T12:00:00Z", startLsn: "1", stopSegment: "1" };
  return { backup, into: join(home, "a/b/pgdata"), tablespacesDir: join(home, "ts"), parts: {} };
}

/** Names below `home` in the order in which they are forced to the disk. */
async function watchSyncs(home: string): Promise<string[]> {
  const synced: string[] = [];
  await using file = await open("/proc/self/status");
  const prototype: FileHandle = Object.getPrototypeOf(file);
  for (const method of ["sync", "datasync"] as const) {
    const real = prototype[method];
    vi.spyOn(prototype, method).mockImplementation(function (this: FileHandle) {
      synced.push(readlinkSync(`/proc/self/fd/${this.fd}`).slice(home.length + 1));
      return real.call(this);
    });
  }
  return synced;
}

test("directories and their stamps are on the disk before the journal that tells of them", async () => {
  await inMemoryDir(async (home) => {
    const identity = identityIn(home);
    const synced = await watchSyncs(home);
    const started = await startRestore({ ...identity, owner: undefined }, join(home, "journal"), identity);
    if (started.kind !== "begun") throw new Error(started.kind);
    await using journal = started.journal;
    const before = synced.slice(0, synced.indexOf("journal"));
    const stamped = ["a/b/pgdata/drawbridge.restoring", "a/b/pgdata", "ts/drawbridge.restoring", "ts"];
    // the names of directories that were made lie in those above them
    expect(before).toEqual(["a/b", "a", "", "", ...stamped]);
    expect(await readFile(join(home, "ts/drawbridge.restoring"), "utf8")).toBe(journal.id);
  });
});

test.each(["a/b/pgdata", "ts"])("a journal is not gone on with when %s is another directory meanwhile", async (one) => {
  await inMemoryDir(async (home) => {
    const identity = identityIn(home);
    const target = { ...identity, owner: undefined };
    const first = await startRestore(target, join(home, "journal"), identity);
    if (first.kind !== "begun") throw new Error(first.kind);
    await first.journal[Symbol.asyncDispose]();
    const again = await startRestore(target, join(home, "journal"), identity);
    if (again.kind !== "resumed") throw new Error(again.kind);
    await again.journal[Symbol.asyncDispose]();
    await rm(join(home, one), { recursive: true });
    await mkdir(join(home, one));
    // both are empty but for a stamp: it begins anew
    const third = await startRestore(target, join(home, "journal"), identity);
    if (third.kind !== "begun") throw new Error(third.kind);
    await using journal = third.journal;
    expect(journal.id).not.toBe(first.journal.id);
  });
});
