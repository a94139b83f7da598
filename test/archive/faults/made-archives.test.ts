import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDecodePool } from "../../../src/archive/wal/decode-pool.ts";
import { WalSource } from "../../../src/archive/wal/wal-source.ts";
import { noise } from "../../support/archive-maker-sums.ts";
import type { MadeMember } from "../../support/archive-maker-tar.ts";
import { compress, type Extension, makeArchive, type MadeArchiveOptions } from "../../support/archive-maker.ts";
import { objectsStore } from "../../support/fault-store.ts";
import { inMemoryDir } from "../restore/kit.ts";
import { makeSegment, nameOf } from "../wal/made-wal.ts";
import { restoreInThread } from "./in-thread.ts";
import { expectRefused, type Outcome } from "./kit.ts";

const timeout = 120_000;

function restored(options: MadeArchiveOptions): Promise<Outcome> {
  return inMemoryDir((dir) => restoreInThread(objectsStore(makeArchive(options).objects), join(dir, "home")));
}

const file = (name: string, content: Buffer | string = name): MadeMember => ({ name, content: Buffer.from(content) });

describe("archives that need no tool to be made restore", { timeout }, () => {
  const extensions: Extension[] = [".lzo", ".lz4", ".zst", ".br", ".gz", ""];
  test.each(extensions)("WAL-G's layout with %j, 64-bit identifiers exact", async (extension) => {
    const { tree, message } = await restored({ writer: "wal-g", extension });
    expect(message).toBe("");
    expect(tree.get("pgdata/base/1/16384")?.length).toBe(20_000);
  });

  test.each(["gnu", "pax"] as const)("WAL-E's layout in the %s dialect, label in sentinel or part", async (dialect) => {
    const inSentinel = await restored({ dialect });
    const inPart = await restored({ dialect, label: "part" });
    expect(inPart).toEqual(inSentinel);
    expect(inPart.tree.get("pgdata/backup_label")).toMatch(/^START WAL LOCATION: 0\/300028 /);
  });

  test("WAL-G's first sentinels, without version, times and manifest", async () => {
    const sentinel = { Version: undefined, FinishTime: undefined };
    expect((await restored({ writer: "wal-g", extension: ".lz4", manifest: "missing", sentinel })).message).toBe("");
  });
});

describe("what real archives hold beside plain files", { timeout }, () => {
  const dialects = ["gnu", "pax"] as const;

  test.each(dialects)(
    "pg_wal on a volume of its own, empty directories, long and non-ASCII names (%s)",
    async (dialect) => {
      const long = `base/1/${"long".repeat(30)}`;
      const more: MadeMember[] = [
        { name: "pg_xlog", kind: "symlink", to: "/srv/wal" },
        { name: "base/5", kind: "directory" },
        { name: "pg_notify", kind: "directory" },
        file(long),
        file("base/1/größe ☃"),
        file("base/1/empty", ""),
      ];
      const { tree, message } = await restored({ dialect, more: [more] });
      expect(message).toBe("");
      for (const name of ["pg_xlog/", "base/5/", "pg_notify/"]) expect(tree.get(`pgdata/${name}`)).toBe("");
      expect(tree.get(`pgdata/${long}`)).toBe(long);
      expect(Buffer.from(tree.get("pgdata/base/1/größe ☃") ?? "", "latin1").toString()).toBe("base/1/größe ☃");
      expect(tree.get("pgdata/base/1/empty")).toBe("");
    },
  );

  test("a hard link in the first part to a file in the last one", async () => {
    const link: MadeMember = { name: "base/1/link", kind: "link", to: "base/1/16384" };
    const { tree, message } = await restored({ more: [[link]] });
    expect(message).toBe("");
    expect(tree.get("pgdata/base/1/link")).toBe(tree.get("pgdata/base/1/16384"));
  });

  test("a hard link to a file that is in no part: refused", async () => {
    const link: MadeMember = { name: "base/1/link", kind: "link", to: "base/1/404" };
    expectRefused(await restored({ more: [[link]] }), "DB_ARCHIVE_INVALID", /base\/1\/404/);
  });

  test("files of a tablespace without their directories, in a directory of our own", async () => {
    const more = [[], [], [file("pg_tblspc/16400/PG_15_202209061/5/17000", "row")]];
    const { tree, message } = await restored({ more, sentinel: { spec: { tablespaces: ["16400", "16401"] } } });
    expect(message).toBe("");
    expect(tree.get("ts/16400/PG_15_202209061/5/17000")).toBe("row");
    expect(tree.get("pgdata/pg_tblspc/16401")).toBe("/ts/16401");
    expect(tree.get("pgdata/tablespace_map")).toBe("16400 /ts/16400\n16401 /ts/16401\n");
  });

  test("a file that shrank while it was read, filled up with zeros: restored as long as its header says", async () => {
    const shrunk = Buffer.concat([noise(3_000, 5), Buffer.alloc(9_000)]);
    const { tree } = await restored({ more: [[file("base/1/17001", shrunk)]] });
    expect(tree.get("pgdata/base/1/17001")).toBe(shrunk.toString("latin1"));
  });

  test("a relation of three files: whole: restored; without one of the first two: refused, naming the hole", async () => {
    const files = ["base/1/18000", "base/1/18000.1", "base/1/18000.2"].map((name) => file(name));
    expect((await restored({ more: [files] })).message).toBe("");
    for (const [index, hole] of [/base\/1\/18000 is missing/, /base\/1\/18000\.1 is missing/].entries())
      expectRefused(await restored({ more: [files.toSpliced(index, 1)] }), "DB_ARCHIVE_INVALID", hole);
  });
});

describe("one prefix with much in it", { timeout }, () => {
  test("several backups, of two timelines: the newest by position is restored, the older one when it is asked for", async () => {
    const old = makeArchive({ more: [[file("base/1/mark", "old")]] });
    const later = makeArchive({
      start: 9,
      timeline: 2,
      more: [[file("base/1/mark", "new")]],
      writer: "wal-g",
      extension: ".br",
    });
    const objects = new Map([...old.objects, ...later.objects]);
    await inMemoryDir(async (dir) => {
      const newest = await restoreInThread(objectsStore(objects), join(dir, "home"));
      expect(newest.message).toBe("");
      expect(newest.tree.get("pgdata/base/1/mark")).toBe("new");
      objects.delete(later.sentinelKey);
      const older = await restoreInThread(objectsStore(objects), join(dir, "home"));
      expect(older.tree.get("pgdata/base/1/mark")).toBe("old");
    });
  });

  test("WAL in five compressions and in none, one after another: each is served", async () => {
    const extensions: Extension[] = [".lzo", ".lz4", ".zst", ".br", ".gz", ""];
    const objects = new Map(
      extensions.map((extension, at) => [
        `wal_005/${nameOf(at + 3)}${extension}`,
        compress(makeSegment(at + 3), extension),
      ]),
    );
    await using pool = openDecodePool(1);
    await using source = new WalSource({ store: objectsStore(objects), pool });
    await inMemoryDir(async (dir) => {
      for (const at of extensions.keys()) {
        const served = await source.fetch(nameOf(at + 3), join(dir, String(at)));
        expect(served?.sizeBytes, extensions[at]).toBe(2 ** 20);
      }
      expect(await source.fetch(nameOf(30), join(dir, "none"))).toBeUndefined();
    });
  });

  test("a damaged segment beside a good one in another compression: the good one is served", async () => {
    const good = compress(makeSegment(3), ".zst");
    const objects = new Map([
      [`wal_005/${nameOf(3)}.lzo`, compress(makeSegment(4), ".lzo")],
      [`wal_005/${nameOf(3)}.zst`, good],
    ]);
    await using pool = openDecodePool(1);
    await using source = new WalSource({ store: objectsStore(objects), pool });
    await inMemoryDir(async (dir) => {
      expect((await source.fetch(nameOf(3), join(dir, "one")))?.facts?.startLsn).toBe(3n * 2n ** 20n);
    });
  });
});
