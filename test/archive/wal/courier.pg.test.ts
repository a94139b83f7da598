import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { usualSegmentBytes } from "../../../src/archive/format/wal-names.ts";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import type { ObjectStore } from "../../../src/archive/store/object-store.ts";
import { type RestoreMode, serveRestores } from "../../../src/archive/wal/serve-restores.ts";
import { verifyWal } from "../../../src/archive/wal/verify-wal.ts";
import { WalSource } from "../../../src/archive/wal/wal-source.ts";
import { waitFor } from "../../../src/clock.ts";
import { DrawbridgeError, explain } from "../../../src/errors.ts";
import { silentLog } from "../../../src/log.ts";
import { type ArchivingSource, type Replica, serverOwner, startSource } from "./replica.ts";

const deadlineMs = 60_000;

interface Courier extends AsyncDisposable {
  readonly faults: string[];
}

async function startCourier(
  replica: Replica,
  store: ObjectStore,
  mode: RestoreMode,
  { startAt, budgetBytes }: { startAt?: string | undefined; budgetBytes?: number } = {},
): Promise<Courier> {
  const stop = new AbortController();
  const faults: string[] = [];
  const source = new WalSource({ store, owner: serverOwner(), threads: 1 });
  const service = await serveRestores({
    spool: replica.spool,
    source,
    mode,
    walDir: replica.walDir,
    budgetBytes,
    troubleMs: 1_000,
    onFault: (_, fault) => void faults.push(explain(fault)),
    log: silentLog,
    signal: stop.signal,
  });
  if (startAt !== undefined) service.startAt(startAt);
  return {
    faults,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await service.ended;
      await source[Symbol.asyncDispose]();
    },
  };
}

async function archived(source: ArchivingSource, name: string): Promise<void> {
  const path = join(source.archive, "wal_005", name);
  await waitFor(() => existsSync(path), { deadlineMs, what: `${name} in the archive` });
}

async function writeSegments(source: ArchivingSource, from: number, to: number): Promise<string[]> {
  const names: string[] = [];
  for (let n = from; n <= to; n += 1) names.push(await source.writeSegment(n));
  await archived(source, names.at(-1) ?? "");
  return names;
}

async function rowsArrive(replica: Replica, count: number): Promise<void> {
  const probe = async (): Promise<boolean> => {
    const rows = await replica.query<{ count: string }>("select count(*) from rows");
    return rows?.[0]?.count === String(count);
  };
  await waitFor(probe, { deadlineMs, what: `${count} rows on the replica` });
}

async function findings(archive: string): Promise<string[]> {
  await using source = new WalSource({ store: folderStore(archive), threads: 1 });
  const found: string[] = [];
  await verifyWal(source, { first: "0".repeat(24), onFinding: ({ message }) => void found.push(message) });
  return found;
}

describe("a standby that is fed by the courier", () => {
  test("follows over a timeline switch, with .history and .partial in the archive", async () => {
    await using source = await startSource();
    await using replica = await source.copy("standby");
    await using courier = await startCourier(replica, folderStore(source.archive), "standby");
    replica.start();
    await writeSegments(source, 1, 3);
    await rowsArrive(replica, 3);
    await source.switchTimeline();
    const [first] = await writeSegments(source, 4, 6);
    expect(first).toMatch(/^00000002/);
    await rowsArrive(replica, 6);
    const names = await readdir(join(source.archive, "wal_005"));
    expect(names).toContain("00000002.history");
    expect(names.some((name) => name.endsWith(".partial"))).toBe(true);
    expect(courier.faults).toEqual([]);
    // real segments of every kind: ended by a switch, copied at the fork, cut at a promotion
    expect(await findings(source.archive)).toEqual([]);
  });

  test("gets all when the courier is killed in the middle and started again, and does not stop in between", async () => {
    await using source = await startSource();
    await using replica = await source.copy("standby");
    await writeSegments(source, 1, 14);
    let courier = await forkCourier(source, replica);
    replica.start();
    const kept = join(replica.spool.dir, "kept");
    await waitFor(async () => (await readdir(kept)).length >= 3, { deadlineMs, everyMs: 5, what: "three segments" });
    courier.kill("SIGKILL");
    await once(courier, "exit");
    courier = await forkCourier(source, replica);
    try {
      await rowsArrive(replica, 14);
      expect(replica.log()).not.toMatch(/FATAL.*restore/);
    } finally {
      courier.kill("SIGKILL");
    }
  });
});

describe("a standby that is far behind", () => {
  test("reads segments out of pg_wal, and has all rows after a promotion and a crash right behind it", async () => {
    await using source = await startSource();
    await using replica = await source.copy("standby");
    const names = await writeSegments(source, 1, 24);
    // ahead before the server begins, and not with everything: what comes after its first question can be put before it
    const ahead = { startAt: names[0], budgetBytes: 10 * usualSegmentBytes };
    await using courier = await startCourier(replica, folderStore(source.archive), "standby", ahead);
    const ready = join(replica.spool.dir, "ready");
    await waitFor(async () => (await readdir(ready)).length === 10, { deadlineMs, what: "segments ahead" });
    replica.start();
    await rowsArrive(replica, 24);
    const restored = names.filter((name) => replica.log().includes(`restored log file "${name}"`));
    // what lay ready before its first question is there, and some of what comes later
    expect(restored.length).toBeLessThan(names.length - 10);
    for (const name of names.slice(0, 10)) expect(restored).not.toContain(name);
    expect(await replica.query("select pg_promote()")).toEqual([{ pg_promote: true }]);
    await replica.crash();
    replica.start();
    await rowsArrive(replica, 24);
    expect(await replica.query("select pg_is_in_recovery() as closed")).toEqual([{ closed: false }]);
    expect(courier.faults).toEqual([]);
  });
});

describe("a standby that is started again", () => {
  test("replays out of its pg_wal what it has had, while the archive cannot be reached", async () => {
    await using source = await startSource();
    await using replica = await source.copy("standby");
    const names = await writeSegments(source, 1, 12);
    const reach = { isBroken: false };
    await using courier = await startCourier(replica, breakableStore(folderStore(source.archive), reach), "standby");
    replica.start();
    await rowsArrive(replica, 12);
    reach.isBroken = true;
    await replica.crash();
    replica.start();
    await rowsArrive(replica, 12);
    // it may have asked for what comes next
    expect(courier.faults.filter((fault) => names.some((name) => fault.includes(name)))).toEqual([]);
  });

  test("gets from the archive what lies damaged in its pg_wal, where only a record's checksum tells", async () => {
    await using source = await startSource();
    await using replica = await source.copy("standby");
    const names = await writeSegments(source, 1, 8);
    await using courier = await startCourier(replica, folderStore(source.archive), "standby");
    replica.start();
    await rowsArrive(replica, 8);
    await replica.crash();
    const byHand = (name = ""): number => replica.log().split(`restored log file "${name}"`).length - 1;
    const before = [names[3], names[4]].map(byHand);
    const damaged = join(replica.walDir, names[4] ?? "");
    await using file = await open(damaged, "r+");
    await file.write(Buffer.alloc(100, 0xff), 0, 100, 300);
    replica.start();
    await rowsArrive(replica, 8);
    expect([names[3], names[4]].map(byHand)).toEqual([before[0], (before[1] ?? 0) + 1]);
    expect(courier.faults).toEqual([]);
  });
});

describe.each([undefined, 17] as const)("recovery to the end (PostgreSQL %s)", (version) => {
  const mode = "recover-to-end";

  test("opens the server at the archive's true end, and stops it at a hole and at trouble", async () => {
    await using source = await startSource(version);
    await using whole = await source.copy(mode);
    await using holed = await source.copy(mode);
    await using troubled = await source.copy(mode);
    const names = await writeSegments(source, 1, 6);
    expect(await findings(source.archive)).toEqual([]);
    const store = folderStore(source.archive);

    await using trouble = await startCourier(troubled, expiringStore(store, names[3] ?? ""), mode);
    troubled.start();
    expect(await troubled.ended()).toMatch(/FATAL: .*could not restore file "[0-9A-F]{24}" from archive/);
    expect(trouble.faults.join()).toMatch(/ExpiredToken/);

    await using courier = await startCourier(whole, store, mode);
    whole.start();
    await rowsArrive(whole, 6);
    const isOpen = async (): Promise<boolean> => {
      const rows = await whole.query<{ closed: boolean }>("select pg_is_in_recovery() as closed");
      return rows?.[0]?.closed === false;
    };
    await waitFor(isOpen, { deadlineMs, what: "the server to open" });
    expect(courier.faults).toEqual([]);

    await rm(join(source.archive, "wal_005", names[3] ?? ""));
    await using gap = await startCourier(holed, store, mode);
    holed.start();
    expect(await holed.ended()).toMatch(/FATAL: .*could not restore file "[0-9A-F]{24}" from archive/);
    expect(gap.faults.join()).toMatch(new RegExp(`WAL is missing: ${names[3]}, but ${names[4]} is in the archive`));
    expect(holed.log()).not.toMatch(/archive recovery complete/);
  });
});

/** Credentials that expire before `name` can be read. */
function expiringStore(store: ObjectStore, name: string): ObjectStore {
  return {
    ...store,
    get: (key, options) => {
      if (!key.includes(name)) return store.get(key, options);
      return Promise.reject(new DrawbridgeError("DB_ARCHIVE_ACCESS", `${key}: ExpiredToken`));
    },
  };
}

function breakableStore(store: ObjectStore, reach: { readonly isBroken: boolean }): ObjectStore {
  const broken = (key: string): Promise<never> =>
    Promise.reject(new DrawbridgeError("DB_ARCHIVE_ACCESS", `${key}: not reached`));
  return {
    ...store,
    get: (key, options) => (reach.isBroken ? broken(key) : store.get(key, options)),
    async *list(under, options) {
      if (reach.isBroken) await broken(under);
      yield* store.list(under, options);
    },
  };
}

async function forkCourier(source: ArchivingSource, replica: Replica): Promise<ChildProcess> {
  const owner = serverOwner();
  const args = [source.archive, replica.spool.dir, ...(owner ? [String(owner.uid), String(owner.gid)] : [])];
  const child = fork(join(import.meta.dirname, "courier-main.ts"), args);
  await once(child, "message");
  return child;
}
