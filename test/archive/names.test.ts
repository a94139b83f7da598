import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseBackup } from "../../src/archive/format/choose-backup.ts";
import { describeBackup } from "../../src/archive/format/list-backups.ts";
import { parseSentinel } from "../../src/archive/format/sentinel.ts";
import {
  backupName,
  formatWalLsn,
  nextSegment,
  parseBackupName,
  parseSegmentName,
  parseWalLsn,
  segmentName,
  segmentRange,
  usualSegmentBytes,
  walKind,
} from "../../src/archive/format/wal-names.ts";

const mb16 = usualSegmentBytes;

describe("names of WAL", () => {
  test("a segment's name and its number are two forms of the same, for every segment size", () => {
    const size = fc.integer({ min: 0, max: 10 }).map((power) => 2 ** (20 + power));
    const position = fc.record({
      timeline: fc.integer({ min: 1, max: 0xffff }),
      number: fc.bigInt({ min: 0n, max: 2n ** 30n }),
    });
    fc.assert(
      fc.property(size, position, (bytes, at) => {
        expect(parseSegmentName(segmentName(at, bytes), bytes)).toEqual(at);
      }),
    );
  });

  test("the successor carries over into the middle part", () => {
    expect(nextSegment("0000000100000003000000FF", mb16)).toBe("000000010000000400000000");
    expect(nextSegment("000000010000000300000003", 2 ** 30)).toBe("000000010000000400000000");
  });

  test("LSNs read and print as PostgreSQL does", () => {
    expect(formatWalLsn(parseWalLsn("16/B374D848"))).toBe("16/B374D848");
    expect(() => parseWalLsn("16-B3")).toThrow(/not an LSN/);
  });

  test("kinds of files", () => {
    expect(walKind("000000010000000000000003")).toBe("segment");
    expect(walKind("00000002.history")).toBe("history");
    expect(walKind("000000010000000000000003.00000028.backup")).toBe("backup");
    expect(walKind("000000010000000000000003.partial")).toBe("partial");
    expect(walKind("000000010000000000000003_delta")).toBe("other");
  });

  test("the offset in a backup's name is decimal although it looks like hex", () => {
    const parts = parseBackupName("base_00000004000002DF000000A6_03626144");
    expect(parts?.startOffsetBytes).toBe(3_626_144);
    expect(backupName(4, (0x2dfn << 32n) + 0xa6n * BigInt(mb16) + 3_626_144n, mb16)).toBe(
      "base_00000004000002DF000000A6_03626144",
    );
  });
});

describe("sentinels", () => {
  test("Heroku's carries the labels; they are found under keys of any spelling", () => {
    const label = "START WAL LOCATION: 0/3000028 (file 000000010000000000000003)\n";
    const text = JSON.stringify({
      wal_segment_backup_stop: "000000010000000000000003",
      BackupLabel: label,
      Tablespace_Map: "1 /x\n",
    });
    expect(parseSentinel(text, "key")).toMatchObject({ writer: "wal-e", backupLabel: label, tablespaceMap: "1 /x\n" });
  });

  test("WAL-G's 64-bit numbers stay exact", () => {
    const text = `{"LSN":9223372036854775807,"FinishLSN":9223372036854775807,"PgVersion":150018,"SystemIdentifier":7710881377150646907}`;
    expect(parseSentinel(text, "key")).toMatchObject({
      startLsn: 9223372036854775807n,
      systemIdentifier: 7710881377150646907n,
    });
  });

  test("an error page is named, not read", () => {
    expect(() => parseSentinel("<html>", "basebackups_005/x")).toThrow(/basebackups_005\/x is not JSON/);
    expect(() => parseSentinel("{}", "basebackups_005/x")).toThrow(/not a sentinel/);
  });
});

describe("choosing a base backup", () => {
  const sentinel = (stop: string, more: object = {}) =>
    parseSentinel(JSON.stringify({ wal_segment_backup_stop: stop, ...more }), "k");
  const older = describeBackup(
    "base_000000010000000000000003_00000040",
    sentinel("000000010000000000000004"),
    new Date(2),
    mb16,
  );
  const newer = describeBackup(
    "base_000000010000000000000008_00000040",
    sentinel("00000001000000000000000A"),
    new Date(1),
    mb16,
  );
  const all = new Set(segmentRange("000000010000000000000003", "00000001000000000000000A", mb16));
  const choice = { backups: [older, newer], wanted: "LATEST", segments: all, segmentBytes: mb16 };

  test("the newest by position in the WAL, whatever the clocks say", () => {
    expect(chooseBackup(choice).name).toBe(newer.name);
  });

  test("not one whose WAL has a hole: refused, or skipped when that is asked for", () => {
    const holed = new Set([...all].filter((name) => name !== "000000010000000000000009"));
    expect(() => chooseBackup({ ...choice, segments: holed })).toThrow(/000000010000000000000009/);
    expect(chooseBackup({ ...choice, segments: holed, skipRefused: true }).name).toBe(older.name);
    expect(() => chooseBackup({ ...choice, segments: holed, wanted: newer.name })).toThrow(/000000010000000000000009/);
  });

  test("never a delta; the error names the full one", () => {
    const name = "base_000000010000000000000008_D_000000010000000000000003";
    const text = `{"LSN":134217768,"FinishLSN":150000000,"PgVersion":150018,"DeltaFrom":"base_000000010000000000000003"}`;
    const delta = describeBackup(name, parseSentinel(text, "k"), new Date(0), mb16);
    expect(() => chooseBackup({ ...choice, backups: [delta] })).toThrow(/delta on base_000000010000000000000003/);
  });

  test("a sentinel of WAL-G without a start is refused: its segment's first byte would be a guess", () => {
    const silent = parseSentinel(`{"FinishLSN":150000000,"PgVersion":150018}`, "k");
    expect(() => describeBackup("base_000000010000000000000008", silent, new Date(0), mb16)).toThrow(
      /base_000000010000000000000008_backup_stop_sentinel\.json does not say where the backup started/,
    );
  });

  test("one whose sentinel cannot be read hides no other, and is told of where nothing else is left or it was named", () => {
    const unreadable = [{ name: "base_000000010000000000000001", reason: "its sentinel is cut off" }];
    expect(chooseBackup({ ...choice, unreadable }).name).toBe(newer.name);
    expect(() => chooseBackup({ ...choice, unreadable, wanted: "base_000000010000000000000001" })).toThrow(
      /is cut off/,
    );
    expect(() => chooseBackup({ ...choice, backups: [], unreadable })).toThrow(/000001: its sentinel is cut off/);
  });

  test("an empty archive says so", () => {
    expect(() => chooseBackup({ ...choice, backups: [] })).toThrow(/no completed base backup/);
  });
});
