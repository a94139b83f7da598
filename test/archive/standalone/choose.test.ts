import { describe, expect, test } from "vitest";
import { describeBackup } from "../../../src/archive/format/list-backups.ts";
import { parseSentinel } from "../../../src/archive/format/sentinel.ts";
import { chooseWanted, latestByTime, nearest } from "../../../src/archive/standalone/choose.ts";
import type { SurveyedFacts } from "../../../src/archive/standalone/survey.ts";

const mb16 = 16 * 1024 * 1024;

function facts(name: string, refusal?: string): SurveyedFacts {
  const sentinel = parseSentinel(`{"LSN":50331688,"FinishLSN":50331904,"PgVersion":150020}`, "k");
  const found = describeBackup(name, sentinel, new Date(0), mb16);
  const backup = { ...found, refusal };
  return {
    name,
    backup,
    refusal,
    finishedAt: new Date(0),
    pgVersion: "15.20",
    timeline: 1,
    startSegment: backup.startSegment,
    parts: 1,
    compressedBytes: 1,
    isEncrypted: false,
  };
}

const old = facts("base_000000010000000000000003");
const delta = facts("base_000000010000000000000005_D_000000010000000000000003", "it is a delta");

describe("which backup is restored", () => {
  test("LATEST is the newest", () => {
    const newer = facts("base_000000010000000000000007");
    expect(chooseWanted([old, newer], "LATEST", "s3://b").name).toBe(newer.name);
  });

  test("LATEST never silently means an older one: the error names the one that can be restored", () => {
    expect(() => chooseWanted([old, delta], "LATEST", "s3://b")).toThrow(
      /newest backup, base_.*_D_.*, cannot be restored: it is a delta; give --backup base_000000010000000000000003, which can/,
    );
    expect(chooseWanted([old, delta], old.name, "s3://b").name).toBe(old.name);
  });

  test("where another one was finished later than LATEST, that is said", () => {
    const later = { ...old, finishedAt: new Date(1) };
    const newer = facts("base_000000020000000000000002");
    expect(latestByTime([later, newer], "LATEST")).toMatch(/^LATEST is base_0{7}2.* base_0{7}1.* was finished later/);
    expect(latestByTime([later, newer], newer.name)).toBeUndefined();
    expect(latestByTime([old, newer], "LATEST")).toBeUndefined();
    expect(latestByTime([], "LATEST")).toBeUndefined();
  });

  test("an unreadable sentinel is no reason to take another one", () => {
    const unreadable = { ...delta, backup: undefined, refusal: "the sentinel is not JSON" };
    expect(() => chooseWanted([old, unreadable], "LATEST", "s3://b")).toThrow(/is not JSON; give --backup base_0/);
  });

  test("where none will do, the error does not send one to another", () => {
    expect(() => chooseWanted([delta], "LATEST", "s3://b")).toThrow(/no other backup in this archive/);
    expect(() => chooseWanted([], "LATEST", "s3://b")).toThrow(/s3:\/\/b holds no completed base backup/);
  });

  test("an unknown name is answered with the nearest ones", () => {
    expect(() => chooseWanted([old, delta], "base_00000001000000000000004", "s3://b")).toThrow(
      /did you mean base_000000010000000000000003/,
    );
    expect(nearest("lates", ["LATEST", "x"])[0]).toBe("LATEST");
  });
});
