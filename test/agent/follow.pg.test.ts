import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import type { ObjectStore } from "../../src/archive/store/object-store.ts";
import { DrawbridgeError } from "../../src/errors.ts";
import type { AgentParams } from "../../src/journal/agent-rows.ts";
import { type ArchivingSource, startSource } from "../archive/wal/replica.ts";
import { systemBindir } from "../support/bindir.ts";
import { makeBridge, type TestBridge } from "./bridge.ts";
import { backUp, remember, rowsArrive } from "./live-source.ts";

/** A bridge that follows a running source with one row. */
async function follows(
  source: ArchivingSource,
  store: ObjectStore = folderStore(source.archive),
  params: AgentParams = {},
  bindir = systemBindir(),
): Promise<{ bridge: TestBridge; port: number }> {
  await backUp(source);
  await source.writeSegment(1);
  const bridge = await makeBridge(store, { bindir });
  try {
    bridge.journal.setGoal("standby", { database: "postgres", sourceSettings: { max_connections: 100 }, ...params });
    bridge.startAgent();
    const { facts } = await bridge.journal.reached("following");
    const port = facts.port ?? 0;
    await rowsArrive(bridge, port, 1);
    return { bridge, port };
  } catch (thrown) {
    await bridge[Symbol.asyncDispose]();
    throw thrown;
  }
}

test("a limit that the source raises beyond ours pauses replay: PostgreSQL starts again with twice as much, and replay goes on", async () => {
  await using source = await startSource();
  const { bridge, port } = await follows(source);
  await using _ = bridge;
  await source.cluster.stop();
  await source.cluster.start({ max_connections: 250, max_locks_per_transaction: 200 });
  await source.writeSegment(2);
  await rowsArrive(bridge, port, 2);
  await using session = await bridge.session("postgres", port);
  expect(
    await session.query(`select current_setting('max_connections') as connections,
                                current_setting('max_locks_per_transaction') as locks`),
  ).toEqual([{ connections: "500", locks: "400" }]);
  expect(bridge.journal.states.some(({ facts }) => facts.replayPaused === true)).toBe(true);
});

test("replay that somebody paused by hand stays paused, is told, and is not promoted before it goes on", async () => {
  await using source = await startSource();
  const { bridge, port } = await follows(source);
  await using _ = bridge;
  await using session = await bridge.session("postgres", port);
  const [before] = await session.query<{ at: Date }>("select pg_postmaster_start_time() as at");
  await session.query("select pg_wal_replay_pause()");
  await bridge.journal.reached("following", ({ facts }) => facts.replayPaused === true);
  bridge.journal.setGoal("primary");
  await bridge.journal.reached("following", ({ facts }) => facts.replayPaused === true);
  expect(await session.query("select pg_is_in_recovery() as standby")).toEqual([{ standby: true }]);
  expect(await session.query("select pg_postmaster_start_time() as at")).toEqual([before]);
  await session.query("select pg_wal_replay_resume()");
  await bridge.journal.reached("primary");
  expect(await session.query("select pg_is_in_recovery() as standby")).toEqual([{ standby: false }]);
});

test("a new timeline that forked where the bridge is, or later, is followed, and told", async () => {
  await using source = await startSource();
  const { bridge, port } = await follows(source);
  await using _ = bridge;
  await source.switchTimeline();
  await source.writeSegment(2);
  await rowsArrive(bridge, port, 2);
  const state = await bridge.journal.reached("following", ({ facts }) => facts.timeline === 2);
  expect(state.facts.error).toBeUndefined();
  // a later agent does not know which segments were taken; it must not take the bridge for one on timeline 1
  await bridge.stopAgent();
  bridge.startAgent();
  expect((await bridge.journal.reached("following")).facts.timeline).toBe(2);
});

test("a timeline that forked before what was replayed: the agent gives up, does not promote, and the next goal restores again", async () => {
  await using source = await startSource();
  const { bridge, port } = await follows(source);
  await using _ = bridge;
  const { journal } = bridge;
  const goBack = await remember(source);
  await source.writeSegment(2);
  await rowsArrive(bridge, port, 2);
  await goBack();
  await source.switchTimeline();
  await source.writeSegment(3);
  const { facts } = await journal.reached("failed");
  expect(facts.error).toMatchObject({ code: "DB_RESTORE_AGAIN", outcome: "terminal" });
  expect(facts.error?.message).toMatch(/timeline 2 left timeline 1 at .* before .* which is replayed already/);
  journal.setGoal("primary");
  expect((await journal.reached("failed")).facts.error).toMatchObject({ code: "DB_RESTORE_AGAIN" });
  await using session = await bridge.session("postgres", port);
  expect(await session.query("select pg_is_in_recovery() as standby")).toEqual([{ standby: true }]);
  await session.close();
  journal.setGoal("standby", { database: "postgres" });
  const again = await journal.reached("following", (one) => one.facts.timeline === 2);
  await rowsArrive(bridge, again.facts.port ?? 0, 2);
  await using after = await bridge.session("postgres", again.facts.port ?? 0);
  expect(await after.query("select n from rows order by n")).toEqual([{ n: 1 }, { n: 3 }]);
});

/** A backup that would be the latest: of timeline 2, later than any of the source's. */
async function putForeignBackup({ archive }: ArchivingSource): Promise<void> {
  const segment = "000000020000000000000009";
  await writeFile(join(archive, "wal_005", segment), "");
  await mkdir(join(archive, "basebackups_005"));
  const sentinel = {
    wal_segment_backup_stop: segment,
    wal_segment_offset_backup_stop: "00000100",
    expanded_size_bytes: 1,
    spec: { base_prefix: "/elsewhere/", tablespaces: [] },
  };
  const name = `basebackups_005/base_${segment}_00000040_backup_stop_sentinel.json`;
  await writeFile(join(archive, name), JSON.stringify(sentinel));
}

/** A source whose archive holds a timeline that it never had. */
async function startBesideForeign(): Promise<{ source: ArchivingSource; failOver: () => Promise<void> }> {
  const source = await startSource();
  const foreign = "1\t0/1000000\tno recovery target specified\n";
  await writeFile(join(source.archive, "wal_005/00000002.history"), foreign);
  const failOver = async (): Promise<void> => {
    // a failover looks into the archive for a number that is free
    const known = join(source.cluster.dataDir, "pg_wal/00000002.history");
    await writeFile(known, foreign);
    await chmod(known, 0o644);
    await source.cluster.query("alter system set recovery_target_timeline = 'current'");
    await source.switchTimeline();
  };
  return { source, failOver };
}

test("a timeline that somebody's test restore left in the archive is passed over; the source's own later one is followed", async () => {
  const { source: made, failOver } = await startBesideForeign();
  await using source = made;
  await putForeignBackup(source);
  const { bridge, port } = await follows(source, folderStore(source.archive), { timeline: 1 });
  await using _ = bridge;
  const before = await bridge.journal.reached("following");
  expect(before.facts).toMatchObject({ timeline: 1, foreignThrough: 2 });
  const told = bridge.journal.states.length;
  await failOver();
  await source.writeSegment(2);
  await rowsArrive(bridge, port, 2);
  await bridge.journal.reached("following", ({ facts }) => facts.timeline === 3);
  // PostgreSQL was started again for it, and does not count as a standby that follows until it answers
  const during = bridge.journal.states.slice(told).filter(({ state }) => state === "starting");
  expect(during[0]?.facts).toMatchObject({ consistent: false, timeline: 1 });
});

test("a server that cannot be stopped for the source's new timeline is told, and stopped as soon as it can be", async () => {
  const { source: made, failOver } = await startBesideForeign();
  await using source = made;
  await using programs = await failingStop();
  const { bridge, port } = await follows(source, undefined, { timeline: 1 }, programs.bindir);
  await using _ = bridge;
  await programs.fail(true);
  await failOver();
  const { facts } = await bridge.journal.reached("failed");
  expect(facts.error).toMatchObject({ code: "DB_BRIDGE", message: expect.stringMatching(/pg_ctl stop failed/) });
  await programs.fail(false);
  await source.writeSegment(2);
  await rowsArrive(bridge, port, 2);
  await bridge.journal.reached("following", (state) => state.facts.timeline === 3);
});

/** PostgreSQL's programs, of which `pg_ctl stop` fails on demand. */
async function failingStop(): Promise<
  AsyncDisposable & { bindir: string; fail: (isFailing: boolean) => Promise<void> }
> {
  const dir = await mkdtemp("/tmp/drawbridge-programs-");
  await chmod(dir, 0o755);
  const [real, bindir, flag] = [systemBindir(), join(dir, "bin"), join(dir, "fails")];
  await mkdir(bindir);
  for (const name of await readdir(real)) if (name !== "pg_ctl") await symlink(join(real, name), join(bindir, name));
  const script = `#!/bin/sh\n[ "$1" = stop ] && [ -e ${flag} ] && exit 1\nexec ${join(real, "pg_ctl")} "$@"\n`;
  await writeFile(join(bindir, "pg_ctl"), script, { mode: 0o755 });
  return {
    bindir,
    fail: (isFailing) => (isFailing ? writeFile(flag, "") : rm(flag, { force: true })),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

test("keys that expire while it follows are told as they are, end no recovery, and once renewed WAL flows on", async () => {
  await using source = await startSource();
  const inner = folderStore(source.archive);
  let expired = false;
  const check = (): void => {
    if (expired) throw new DrawbridgeError("DB_ARCHIVE_ACCESS", "ExpiredToken");
  };
  const store: ObjectStore = {
    ...inner,
    list: (prefix, options) => {
      check();
      return inner.list(prefix, options);
    },
    get: async (key, options) => {
      check();
      return inner.get(key, options);
    },
  };
  const { bridge, port } = await follows(source, store);
  await using _ = bridge;
  expired = true;
  await source.writeSegment(2);
  const told = await bridge.journal.reached("following", ({ facts }) => facts.error !== undefined);
  expect(told.facts.error).toMatchObject({ code: "DB_ARCHIVE_ACCESS", outcome: "paused" });
  expired = false;
  await rowsArrive(bridge, port, 2);
  await bridge.journal.reached("following", ({ facts }) => facts.error === undefined);
  await using session = await bridge.session("postgres", port);
  expect(await session.query("select pg_is_in_recovery() as standby")).toEqual([{ standby: true }]);
});
