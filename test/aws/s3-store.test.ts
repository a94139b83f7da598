import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ObjectStore, ReadOptions } from "../../src/archive/store/object-store.ts";
import { normalizePrefix } from "../../src/aws/s3-store.ts";
import { Secret } from "../../src/redact.ts";
import { type S3World, startS3World } from "./s3-world.ts";

let world: S3World;
beforeAll(async () => void (world = await startS3World()));
afterAll(async () => world[Symbol.asyncDispose]());

async function read(store: ObjectStore, key: string, options?: ReadOptions): Promise<Buffer> {
  const found = await store.get(key, options);
  if (found === undefined) throw new Error(`${key} is missing`);
  return buffer(found.body);
}

async function keys(store: ObjectStore, prefix: string, startAfter?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix, startAfter === undefined ? {} : { startAfter })) found.push(key);
  return found;
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("the S3 store", () => {
  it("stores and reads buffers and streams, and knows their size and age", async () => {
    await world.store.put("a b/c+d%.txt", Buffer.from("hello"));
    await world.store.put("stream", Readable.from([Buffer.alloc(300_000, 1), Buffer.alloc(7, 2)]));
    expect(await read(world.store, "a b/c+d%.txt")).toEqual(Buffer.from("hello"));
    const info = await world.store.head("stream");
    expect(info).toMatchObject({ key: "stream", sizeBytes: 300_007 });
    expect(Date.now() - (info?.lastModified.getTime() ?? 0)).toBeLessThan(10_000);
    expect((await read(world.store, "stream")).subarray(-8)).toEqual(Buffer.from([1, 2, 2, 2, 2, 2, 2, 2]));
  });

  it("answers a missing object with undefined, and removes quietly", async () => {
    expect(await world.store.head("nowhere")).toBeUndefined();
    expect(await world.store.get("nowhere")).toBeUndefined();
    await world.store.delete("nowhere");
    await world.store.put("gone", Buffer.from("x"));
    await world.store.delete("gone");
    expect(await world.store.head("gone")).toBeUndefined();
  });

  it("lists more than one page, in order, under a prefix and after a key", async () => {
    const folder = join(world.root, "archive/some/prefix/many");
    await mkdir(folder, { recursive: true });
    const names = Array.from({ length: 2_345 }, (_, index) => String(index).padStart(5, "0"));
    await Promise.all(names.map((name) => writeFile(join(folder, name), "")));
    expect(await keys(world.store, "many/")).toEqual(names.map((name) => `many/${name}`));
    expect(await keys(world.store, "many/", "many/02340")).toEqual([
      "many/02341",
      "many/02342",
      "many/02343",
      "many/02344",
    ]);
    expect(await keys(world.store, "many/0100")).toHaveLength(10);
  });

  it("reads any range exactly", async () => {
    const whole = randomBytes(5_000);
    await world.store.put("ranges", whole);
    const range = fc.tuple(fc.nat(4_999), fc.option(fc.nat(6_000), { nil: undefined }));
    await fc.assert(
      fc.asyncProperty(range, async ([start, more]) => {
        const end = more === undefined ? undefined : start + more;
        const part = await read(world.store, "ranges", { range: end === undefined ? { start } : { start, end } });
        expect(part.equals(whole.subarray(start, end === undefined ? undefined : end + 1))).toBe(true);
      }),
      { numRuns: 40 },
    );
    const tooFar = failure(read(world.store, "ranges", { range: { start: 5_000 } }));
    expect(await tooFar).toMatchObject({ code: "DB_ARCHIVE_INVALID" });
    const got = await world.store.get("ranges", { range: { start: 10, end: 19 } });
    got?.body.destroy();
    expect(got?.info.sizeBytes).toBe(5_000);
  });

  it("notices that an object has changed", async () => {
    await world.store.put("changing", Buffer.from("one"));
    const before = await world.store.head("changing");
    expect((await read(world.store, "changing", { ifMatch: before?.etag ?? "" })).toString()).toBe("one");
    await world.store.put("changing", Buffer.from("two"));
    const stale = failure(read(world.store, "changing", { ifMatch: before?.etag ?? "" }));
    expect(await stale).toMatchObject({ code: "DB_ARCHIVE_INVALID" });
  });

  it("says DB_ARCHIVE_ACCESS when the keys are wrong, unknown or not allowed there", async () => {
    world.ring.set("AKLIMITED", { secretAccessKey: "limited", allowPrefixes: ["archive/elsewhere/"] });
    for (const [accessKeyId, secret] of [
      ["AKGOOD", "wrong"],
      ["AKNOBODY", "x"],
      ["AKLIMITED", "limited"],
    ] as const) {
      const store = world.open({ credentials: async () => ({ accessKeyId, secretAccessKey: new Secret(secret) }) });
      expect(await failure(store.head("x"))).toMatchObject({ code: "DB_ARCHIVE_ACCESS" });
      expect(await failure(keys(store, ""))).toMatchObject({ code: "DB_ARCHIVE_ACCESS" });
      expect(await failure(store.put("x", Buffer.from("x")))).toMatchObject({ code: "DB_ARCHIVE_ACCESS" });
      store.close();
    }
  });

  it("reads its keys again when they have expired, and goes on", async () => {
    world.ring.set("AKOLD", { secretAccessKey: "s", sessionToken: "t", expiresAt: new Date(Date.now() - 1_000) });
    world.ring.set("AKNEW", { secretAccessKey: "s", sessionToken: "t" });
    const handedOut: string[] = [];
    const store = world.open({
      credentials: async () => {
        handedOut.push(handedOut.length === 0 ? "AKOLD" : "AKNEW");
        return { accessKeyId: handedOut.at(-1) ?? "", secretAccessKey: new Secret("s"), sessionToken: new Secret("t") };
      },
    });
    await store.put("renewed", Buffer.from("yes"));
    expect((await read(store, "renewed")).toString()).toBe("yes");
    expect(handedOut).toEqual(["AKOLD", "AKNEW"]);
    world.server.setFault("expiredToken", {});
    expect(await failure(store.get("renewed"))).toMatchObject({ code: "DB_ARCHIVE_ACCESS" });
    world.server.setFault("expiredToken", undefined);
    store.close();
  });

  it.each([
    ["is gone", "AKGONE", "s"],
    ["has another secret now", "AKKEPT", "old"],
  ])("reads its keys again when the long-lived one %s, and goes on", async (_, accessKeyId, secret) => {
    world.ring.set("AKKEPT", { secretAccessKey: "s" });
    let reads = 0;
    const store = world.open({
      credentials: async () => {
        reads += 1;
        if (reads === 1) return { accessKeyId, secretAccessKey: new Secret(secret) };
        return { accessKeyId: "AKKEPT", secretAccessKey: new Secret("s") };
      },
    });
    await store.put("replaced", Buffer.from("yes"));
    expect((await read(store, "replaced")).toString()).toBe("yes");
    expect(reads).toBe(2);
    store.close();
  });

  it("goes on where a body broke off, and through 503s", async () => {
    const whole = randomBytes(3_000_000);
    await world.store.put("long", whole);
    world.server.setFault("reset", { rate: 0.7, afterBytes: 500_000 });
    world.server.setFault("error503", { rate: 0.2 });
    try {
      expect((await read(world.store, "long")).equals(whole)).toBe(true);
      await world.store.put("long-stream", Readable.from([whole]));
    } finally {
      world.server.setFault("reset", undefined);
      world.server.setFault("error503", undefined);
    }
    expect((await read(world.store, "long-stream")).equals(whole)).toBe(true);
  });

  it("never mixes two versions of an object", async () => {
    await world.store.put("mixed", randomBytes(4_000_000));
    world.server.setFault("reset", { rate: 1, afterBytes: 1_000_000 });
    const found = await world.store.get("mixed");
    await world.store.put("mixed", randomBytes(4_000_000));
    const outcome = failure(buffer(found?.body ?? Readable.from([])));
    expect(await outcome).toMatchObject({ code: "DB_ARCHIVE_INVALID" });
    world.server.setFault("reset", undefined);
  });

  it("frees its sockets when bodies are given up unread", async () => {
    await world.store.put("unread", randomBytes(1_000_000));
    const store = world.open({ maxSockets: 2 });
    for (let time = 0; time < 6; time++) (await store.get("unread"))?.body.destroy();
    expect((await read(store, "unread")).length).toBe(1_000_000);
    store.close();
  });

  it("stops reading when told to", async () => {
    await world.store.put("slow", randomBytes(2_000_000));
    world.server.setFault("slow", { bytesPerSecond: 500_000 });
    const stop = new AbortController();
    const found = await world.store.get("slow", { signal: stop.signal });
    const outcome = failure(buffer(found?.body ?? Readable.from([])));
    stop.abort();
    expect(await outcome).toMatchObject({ code: "DB_ABORTED" });
    world.server.setFault("slow", undefined);
  });

  it("normalizes prefixes as WAL-E does", () => {
    expect(["", "/", "a", "/a/b", "a/b//"].map(normalizePrefix)).toEqual(["", "", "a/", "a/b/", "a/b/"]);
  });
});
