import { describe, expect, test } from "vitest";
import { bytesToConsistency, type RecoveryFacts } from "../../src/agent/consistency.ts";
import { progressFacts } from "../../src/agent/reach-goal.ts";
import { readOnlyStore } from "../../src/agent/read-only-store.ts";
import { replayTimeline } from "../../src/agent/replay-timeline.ts";
import type { ObjectStore } from "../../src/archive/store/object-store.ts";

const MiB = 1024 * 1024;
const segmentBytes = 16 * MiB;

describe("the timeline that is replayed", () => {
  const lsn = (number: number, offset: number): bigint => BigInt(number * segmentBytes + offset);
  test.each([
    [
      "of the segment with the last replayed byte",
      ["000000010000000000000004", "000000020000000000000005"],
      lsn(5, 9),
      2,
    ],
    ["not of a segment that is only fetched", ["000000010000000000000004", "000000020000000000000005"], lsn(4, 9), 1],
    // the byte before a segment's first one is in the segment before
    ["not of the segment that begins there", ["000000010000000000000004", "000000020000000000000005"], lsn(5, 0), 1],
    ["of the child where both hold the fork", ["000000010000000000000005", "000000020000000000000005"], lsn(5, 9), 2],
    ["not of a history that was looked at and refused", ["000000010000000000000005", "00000002.history"], lsn(5, 9), 1],
    ["of the control file where pg_wal holds nothing yet", ["archive_status"], lsn(5, 9), 3],
  ])("is that %s", (_, names, replayed, timeline) => {
    expect(replayTimeline(names, replayed, segmentBytes, timeline === 3 ? 3 : 1)).toBe(timeline);
  });
});

describe("the distance to consistency", () => {
  const facts: RecoveryFacts = {
    minRecoveryLsn: "0/0",
    backupEndLsn: "0/0",
    redoLsn: "0/3000028",
    stopSegment: "000000010000000000000006",
    lastSegment: undefined,
    segmentBytes,
  };
  test("counts from the backup's start, then from the segment that is read, to the end of the backup's last one", () => {
    expect(bytesToConsistency(facts)).toBe(4 * segmentBytes - 0x28);
    expect(bytesToConsistency({ ...facts, lastSegment: "000000010000000000000005" })).toBe(2 * segmentBytes);
    expect(bytesToConsistency({ ...facts, lastSegment: "000000010000000000000009" })).toBe(0);
  });
  test("counts to what was replayed and written before a restart, where that is later", () => {
    expect(bytesToConsistency({ ...facts, minRecoveryLsn: "0/9000000" })).toBe(6 * segmentBytes - 0x28);
    expect(bytesToConsistency({ ...facts, backupEndLsn: "0/9000000" })).toBe(6 * segmentBytes - 0x28);
  });
});

test("a restore tells files' bytes and rate, and the time left by what is still to be fetched", () => {
  const progress = { phase: "base", partsDone: 1, partsTotal: 4, fetchTotalBytes: 400 * MiB } as const;
  const running = { ...progress, bytesDone: 300 * MiB, bytesTotal: 1200 * MiB, fetchedBytes: 100 * MiB };
  expect(progressFacts({ ...running, fetchRate: 10 * MiB })).toEqual({
    bytesDone: 300 * MiB,
    bytesTotal: 1200 * MiB,
    partsDone: 1,
    partsTotal: 4,
    bytesPerSecond: 30 * MiB,
    secondsLeft: 30,
  });
  expect(progressFacts({ ...running, fetchedBytes: 0, bytesDone: 0, fetchRate: 0 })).not.toHaveProperty("secondsLeft");
});

test("the source's archive is never written to, whatever the store can do", async () => {
  const touched: string[] = [];
  const touch = async (key: string): Promise<void> => void touched.push(key);
  const inner: ObjectStore = {
    list: async function* () {},
    head: () => Promise.resolve(undefined),
    get: () => Promise.resolve(undefined),
    put: touch,
    delete: touch,
  };
  const store = readOnlyStore(inner);
  await expect(store.put("wal_005/00000002.history", Buffer.from(""))).rejects.toThrow(/only read/);
  await expect(store.delete("wal_005/000000010000000000000001.lzo")).rejects.toThrow(/only read/);
  expect(touched).toEqual([]);
});
