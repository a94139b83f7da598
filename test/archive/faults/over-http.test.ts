import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { listBackups } from "../../../src/archive/format/list-backups.ts";
import { planRestore } from "../../../src/archive/restore/plan-restore.ts";
import type { ObjectStore } from "../../../src/archive/store/object-store.ts";
import { findWal, listWal } from "../../../src/archive/wal/wal-index.ts";
import { Secret } from "../../../src/redact.ts";
import { startS3World } from "../../aws/s3-world.ts";
import { noise } from "../../support/archive-maker-sums.ts";
import { type MadeArchive, makeArchive } from "../../support/archive-maker.ts";
import { type FaultProxy, type HttpFault, startFaultProxy } from "../../support/fault-store-proxy.ts";
import { objectsStore } from "../../support/fault-store.ts";
import { nameOf } from "../wal/made-wal.ts";
import { expectRefused, expectRestored, restoreFrom, type Outcome } from "./kit.ts";

const timeout = 180_000;
const middle = "part_00000001";

interface World {
  readonly archive: MadeArchive;
  readonly proxy: FaultProxy;
  /** Reads through the proxy. */
  readonly store: ObjectStore;
  readonly server: Awaited<ReturnType<typeof startS3World>>["server"];
  /** Puts other bytes in the place of an object. */
  readonly replace: (key: string, bytes: Buffer) => void;
  /** Keys that the store has asked for so far. */
  readonly keysGiven: () => number;
}

/** A made archive on the S3 stand-in, behind a proxy that spoils answers. */
async function through(work: (world: World) => Promise<void>): Promise<void> {
  await using s3 = await startS3World();
  const archive = makeArchive();
  const replace = (key: string, bytes: Buffer): void => {
    const path = join(s3.root, "archive/some/prefix", key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  };
  for (const [key, bytes] of archive.objects) replace(key, bytes);
  await using proxy = await startFaultProxy(s3.server.url);
  s3.ring.set("AKOLD", { secretAccessKey: "old" });
  let given = 0;
  const credentials = (): Promise<{ accessKeyId: string; secretAccessKey: Secret }> => {
    given += 1;
    const [accessKeyId, secret] = given === 1 ? ["AKOLD", "old"] : ["AKGOOD", "good"];
    return Promise.resolve({ accessKeyId, secretAccessKey: new Secret(secret) });
  };
  const store = s3.open({ endpoint: proxy.url, credentials });
  try {
    await work({ archive, proxy, store, replace, server: s3.server, keysGiven: () => given });
  } finally {
    store.close();
  }
}

async function pristine(archive: MadeArchive): Promise<Outcome["tree"]> {
  return (await restoreFrom(objectsStore(archive.objects))).tree;
}

describe("a restore from S3, when an answer is spoilt twice and then good", { timeout }, () => {
  const passing: HttpFault[] = [
    "503 SlowDown",
    "500 InternalError",
    "reset in mid-body",
    "short body under the right Content-Length",
    "200 instead of 206",
    "wrong Content-Range",
    "HTML page with status 200",
    "XML error with status 200",
  ];
  test.each(passing)("%s: restored", async (fault) => {
    await through(async ({ archive, proxy, store }) => {
      proxy.disturb(middle, fault, 2);
      expectRestored(await restoreFrom(store), await pristine(archive));
      expect(proxy.spoilt()).toBe(2);
    });
  });
});

describe("a restore from S3, when an answer stays spoilt", { timeout }, () => {
  // together: each waits some seconds between its tries
  test.concurrent.each([
    ["reset in mid-body", "DB_CONNECTION", /part_00000001/],
    ["200 instead of 206", "DB_ARCHIVE_INVALID", /part_00000001.*not a part of the object/],
    ["HTML page with status 200", "DB_ARCHIVE_INVALID", /part_00000001.*no ETag/],
    ["403 for a missing key", "DB_ARCHIVE_ACCESS", /part_00000001.*AccessDenied/],
  ] as const)("%s: refused with %s; healed, it is resumed", async (fault, code, words) => {
    await through(async ({ archive, proxy, store }) => {
      proxy.disturb(middle, fault);
      const outcome = await restoreFrom(store);
      expectRefused(outcome, code, words);
      expectRestored(await restoreFrom(store, { again: () => proxy.heal() }), await pristine(archive));
    });
  });

  test("keys that expire between two parts are read again: restored, nobody has to do anything", async () => {
    await through(async ({ archive, proxy, store, server, keysGiven }) => {
      proxy.before("part_", () => server.setFault("expiredToken", { keyIds: ["AKOLD"] }));
      expectRestored(await restoreFrom(store), await pristine(archive));
      expect(keysGiven()).toBeGreaterThan(1);
    });
  });

  test("a part replaced after it was listed: refused, naming it", async () => {
    await through(async ({ archive, proxy, store, replace }) => {
      const [, key = ""] = archive.partKeys;
      proxy.before(middle, () => replace(key, noise(4_000, 8)));
      expectRefused(await restoreFrom(store), "DB_ARCHIVE_INVALID", /part_00000001.*changed since it was listed/);
    });
  });
});

test("a proxy's page where the backup's first WAL should be: a passing error, no verdict on the archive", async () => {
  await through(async ({ proxy, store }) => {
    const [backup] = await listBackups(store);
    if (!backup) throw new Error("no backup");
    proxy.disturb(`${backup.startSegment}.lzo`, "HTML page with status 200", 1);
    await expect(planRestore({ store, backup })).rejects.toMatchObject({
      code: "DB_ARCHIVE_INVALID",
      outcome: "retryable",
    });
    expect((await planRestore({ store, backup })).problems).toEqual([]);
  });
});

describe("what a listing does not show is not there only if it was a listing", { timeout }, () => {
  const pages: HttpFault[] = [
    "HTML page with status 200",
    "XML error with status 200",
    "empty body with status 200",
    "503 SlowDown",
    "403 for a missing key",
  ];
  test.each(pages)("%s: an error, never an empty archive or the end of the WAL", async (fault) => {
    await through(async ({ proxy, store }) => {
      expect(await findWal(store, nameOf(3))).toHaveLength(1);
      proxy.disturb("list-type=2", fault);
      await expect(findWal(store, nameOf(3))).rejects.toMatchObject({
        code: expect.stringMatching(/^DB_(CONNECTION|ARCHIVE_\w+)$/),
      });
      await expect(listWal(store, nameOf(3)).next()).rejects.toMatchObject({ code: expect.stringMatching(/^DB_/) });
    });
  });
});
