import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeArchive, type MadeArchive } from "../../support/archive-maker.ts";
import { objectsStore } from "../../support/fault-store.ts";
import { mutations } from "../codec/samples.ts";
import { inMemoryDir } from "../restore/kit.ts";
import { restoreInThread } from "./in-thread.ts";

const runs = Number(process.env["DRAWBRIDGE_FUZZ"] ?? 150);
const timeout = 180_000;
/** A restore of these archives takes milliseconds; one that takes so long hangs. */
const deadlineMs = 20_000;

/** What lies beside the target, to be found as it was. */
function surroundings(dir: string): string {
  return readdirSync(dir)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => (name === "home" ? name : `${name} ${readFileSync(join(dir, name), "utf8")}`))
    .join("\n");
}

/** Whether only content differs that no check of the format sees: a relation in an object without checksums, or the like. */
const unseen =
  /^pgdata\/((base\/1\/)?PG_VERSION|base\/1\/(1259|16384)|global\/pg_filenode\.map|pg_xact\/0000|backup_label)$/;

/** What PostgreSQL reads of a file: what follows pg_control's checksum (at 288 in version 15) says nothing. */
function said(name: string, content: string | undefined): string | undefined {
  return name === "pgdata/global/pg_control" ? content?.slice(0, 292) : content;
}

/** The shared mutations are mostly near both ends; these are anywhere: one bit flipped, a cut, 512 bytes put in or left out. */
const anywhere = fc
  .record({ kind: fc.nat(4), place: fc.nat(2 ** 31 - 1), bit: fc.nat(7) })
  .map(({ kind, place, bit }) => (whole: Buffer) => {
    const at = Math.floor((place / 2 ** 31) * whole.length);
    const [before, behind] = [whole.subarray(0, at), whole.subarray(at)];
    if (kind === 0) return Buffer.from(before);
    if (kind === 1) return Buffer.concat([before, Buffer.alloc(512, bit), behind]);
    if (kind === 2) return Buffer.concat([before, behind.subarray(512)]);
    const flipped = Buffer.from(whole);
    if (at < whole.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
    return flipped;
  });

describe("any object of an archive damaged in any way", { timeout }, () => {
  const kinds: [string, () => MadeArchive, boolean][] = [
    ["WAL-E, lzop", () => makeArchive(), true],
    ["WAL-E, lzop, PAX, label in a part", () => makeArchive({ dialect: "pax", label: "part" }), true],
    ["WAL-G, zstd", () => makeArchive({ writer: "wal-g", extension: ".zst" }), false],
    ["WAL-G, brotli", () => makeArchive({ writer: "wal-g", extension: ".br" }), false],
    ["WAL-G, lz4", () => makeArchive({ writer: "wal-g", extension: ".lz4" }), true],
    ["WAL-G, gzip", () => makeArchive({ writer: "wal-g", extension: ".gz" }), true],
    ["WAL-G, plain", () => makeArchive({ writer: "wal-g", extension: "" }), false],
  ];

  test.each(kinds)(
    "%s: refused by name or restored the same; no hang, nothing written beside it",
    async (_what, make, hasSums) => {
      const archive = make();
      const keys = [...archive.objects.keys()];
      await inMemoryDir(async (dir) => {
        const home = join(dir, "home");
        writeFileSync(join(dir, "canary"), "untouched");
        const good = await restoreInThread(objectsStore(archive.objects), home);
        expect(good.restored, good.message).toBe(true);
        const before = surroundings(dir);
        const property = fc.asyncProperty(
          fc.nat(keys.length - 1),
          fc.oneof(mutations, anywhere),
          async (which, mutate) => {
            const key = keys[which] ?? "";
            const objects = new Map(archive.objects);
            objects.set(key, mutate(objects.get(key) ?? Buffer.alloc(0)));
            const outcome = await inTime(restoreInThread(objectsStore(objects), home));
            expect(surroundings(dir)).toBe(before);
            if (!outcome.restored) {
              expect(outcome.code, outcome.message).toBe("DB_ARCHIVE_INVALID");
              expect(outcome.message).toMatch(
                /part_|_label|pg_control|sentinel|base_|WAL file|files_metadata|no backup/,
              );
              expect(outcome.tree.has("pgdata/global/pg_control")).toBe(false);
              return;
            }
            const differing = [...good.tree]
              .filter(([name, content]) => said(name, outcome.tree.get(name)) !== said(name, content))
              .map(([name]) => name);
            // without a checksum in the format nobody can tell; what says what the backup is has checks of its own
            const excused = key.includes("sentinel") ? /backup_label$/ : hasSums ? /^$/ : unseen;
            expect(
              differing.filter((name) => !excused.test(name)),
              key,
            ).toEqual([]);
          },
        );
        await fc.assert(property, { numRuns: runs, unbiased: true });
      });
    },
  );
});

async function inTime<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no end within ${deadlineMs} ms`)), deadlineMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
