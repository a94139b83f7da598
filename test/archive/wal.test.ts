import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decompress } from "../../src/archive/codec/decompress.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { fetchWal, listSegments } from "../../src/archive/wal/fetch-wal.ts";
import { putWal } from "../../src/archive/wal/put-wal.ts";
import { prepareSpool, serveArchiving, serveRestores, type Spool } from "../../src/archive/wal/wal-courier.ts";
import { writeWalScripts } from "../../src/archive/wal/wal-scripts.ts";
import { waitFor } from "../../src/clock.ts";
import { silentLog } from "../../src/log.ts";

const run = promisify(execFile);
const sysid = 7_710_946_750_875_798_065n;
const first = "000000010000000000000001";
let dir = "";

beforeAll(async () => {
  dir = await mkdtemp("/tmp/drawbridge-wal-");
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A segment of 1 MiB with a true first page header. */
function segment(number: number, systemIdentifier = sysid, sizeBytes = 2 ** 20): Buffer {
  const bytes = Buffer.alloc(sizeBytes, 7);
  bytes.writeUInt16LE(0xd110, 0);
  bytes.writeUInt16LE(0x2, 2);
  bytes.writeUInt32LE(1, 4);
  bytes.writeBigUInt64LE(BigInt(number) * 2n ** 20n, 8);
  bytes.writeBigUInt64LE(systemIdentifier, 24);
  bytes.writeUInt32LE(2 ** 20, 32);
  return bytes;
}

function nameOf(number: number): string {
  return `0000000100000000${number.toString(16).toUpperCase().padStart(8, "0")}`;
}

async function stored(label: string, bytes: Buffer, name = first): Promise<ReturnType<typeof folderStore>> {
  const store = folderStore(join(dir, label));
  await writeFile(join(dir, "raw"), bytes);
  await putWal({ store, path: join(dir, "raw"), name });
  return store;
}

describe("fetching WAL", () => {
  test("a whole segment of the right cluster arrives under its name", async () => {
    const store = await stored("good", segment(1));
    const dest = join(dir, "got");
    expect(await fetchWal({ store, name: first, dest, systemIdentifier: sysid })).toBe("found");
    expect((await readFile(dest)).equals(segment(1))).toBe(true);
    expect(await listSegments(store, first)).toEqual(new Set([first]));
  });

  test("what is not there is missing, not an error", async () => {
    const store = await stored("good2", segment(1));
    expect(await fetchWal({ store, name: "00000002.history", dest: join(dir, "h") })).toBe("missing");
    expect(await fetchWal({ store, name: nameOf(2), dest: join(dir, "h") })).toBe("missing");
  });

  test.each([
    ["of another cluster", segment(1, 5n), /cluster 5/],
    ["of another place", segment(9), /page address/],
    ["that is short", segment(1).subarray(0, 2 ** 19), /524288 bytes instead/],
    ["that is too long", Buffer.concat([segment(1), Buffer.alloc(8192)]), /1056768 bytes instead/],
    ["of zeros", Buffer.alloc(2 ** 20), /no WAL/],
  ])("a segment %s never gets its name", async (what, bytes, message) => {
    const store = await stored(`bad ${what}`, bytes);
    const dest = join(dir, "never");
    await expect(fetchWal({ store, name: first, dest, systemIdentifier: sysid })).rejects.toThrow(message);
    expect(existsSync(dest)).toBe(false);
  });

  test("an lzop object cut or flipped anywhere is an error that names it", async () => {
    const store = await stored("whole", segment(1));
    const whole = await readFile(join(dir, "whole/wal_005", `${first}.lzo`));
    const read = async (bytes: Buffer): Promise<void> => {
      for await (const _ of decompress(Readable.from([bytes]), "the/object.lzo"));
    };
    await read(whole);
    for (const length of [0, 5, 30, 45, 1_000, whole.length - 4, whole.length - 1]) {
      await expect(read(whole.subarray(0, length))).rejects.toThrow(/the\/object\.lzo/);
    }
    const flipped = Buffer.from(whole);
    flipped.writeUInt8(flipped.readUInt8(60) ^ 0x55, 60);
    await expect(read(flipped)).rejects.toThrow(/the\/object\.lzo/);
    await expect(read(Buffer.from("<html>denied</html>"))).rejects.toThrow(/not lzop data/);
    expect(await store.head(`wal_005/${first}.lzo`)).toBeDefined();
  });
});

describe("archiving WAL", () => {
  test("the same file may come twice, another one under its name may not", async () => {
    const store = await stored("twice", segment(1));
    expect(await putWal({ store, path: join(dir, "raw"), name: first })).toBe("present");
    await writeFile(join(dir, "raw"), segment(1, 9n));
    await expect(putWal({ store, path: join(dir, "raw"), name: first })).rejects.toThrow(/other content/);
  });
});

describe("the courier and its sh commands", () => {
  test("serve segments, fetch ahead, say missing quickly, and store what is archived", async () => {
    const spool: Spool = { dir: join(dir, "it's a spool") };
    await prepareSpool(spool);
    const scripts = await writeWalScripts(dir, spool);
    const source = folderStore(join(dir, "source"));
    const target = folderStore(join(dir, "target"));
    for (const number of [1, 2, 3]) {
      await writeFile(join(dir, "raw"), segment(number));
      await putWal({ store: source, path: join(dir, "raw"), name: nameOf(number) });
    }
    const stop = new AbortController();
    const onFault = (): void => undefined;
    const fetch = (name: string, dest: string): Promise<"found" | "missing"> => fetchWal({ store: source, name, dest });
    const serving = Promise.all([
      serveRestores({ spool, fetch, segmentBytes: 2 ** 20, onFault, log: silentLog, signal: stop.signal }),
      serveArchiving({
        spool,
        put: (name, path) => putWal({ store: target, name, path }),
        onFault,
        signal: stop.signal,
      }),
    ]);
    const restore = (name: string, to: string): Promise<unknown> =>
      run("sh", ["-c", scripts.restoreCommand.replace("%f", name).replace("%p", to)]);
    await restore(nameOf(1), join(dir, "one"));
    expect((await readFile(join(dir, "one"))).equals(segment(1))).toBe(true);
    await waitFor(() => existsSync(join(spool.dir, "ready", nameOf(3))), { deadlineMs: 5_000, what: "the prefetch" });
    await restore(nameOf(2), join(dir, "two"));
    const began = Date.now();
    await expect(restore(nameOf(9), join(dir, "nine"))).rejects.toMatchObject({ code: 1 });
    expect(Date.now() - began).toBeLessThan(1_500);
    const archive = scripts.archiveCommand.replace("%p", join(dir, "one")).replace("%f", nameOf(1));
    await run("sh", ["-c", archive]);
    expect(await listSegments(target, first)).toEqual(new Set([nameOf(1)]));
    stop.abort();
    await serving;
  });
});
