import { describe, expect, it } from "vitest";
import type { Severity } from "../../../src/migration/preflight/finding.ts";
import { checks, judge } from "../../../src/migration/preflight/judge.ts";
import { healthy, table, withHeroku, withSource } from "./healthy.ts";
import { ofArchive, ofHeroku } from "./outside-cases.ts";
import { ofSchema } from "./schema-cases.ts";
import { ofServer } from "./server-cases.ts";
import { calling, extension, plan } from "./worlds.ts";

const cases = [...ofServer, ...ofSchema, ...ofArchive, ...ofHeroku];

describe("preflight", () => {
  it("finds nothing to mend in a healthy world", () => {
    const { findings, passed, skipped } = judge(healthy);
    expect(findings.filter(({ severity }) => severity !== "note")).toEqual([]);
    expect(skipped).toEqual([]);
    expect(passed).toEqual(checks.map(({ name }) => name));
  });

  it.each(cases)("$number: names $what ($check, $severity)", ({ world, check, severity, says }) => {
    const found = judge(world).findings.filter((finding) => finding.check === check && finding.severity === severity);
    expect(found.map(({ message }) => message).join("\n")).toMatch(says);
  });

  it("gives every finding a fix, and words without undefined in them", () => {
    for (const { world } of cases) {
      for (const { message, fix } of judge(world).findings) {
        expect(fix.length).toBeGreaterThan(10);
        expect(`${message} ${fix}`).not.toMatch(/undefined|null|NaN|\[object/);
      }
    }
  });

  it("proves every number that it claims by a world that fails it", () => {
    const proven = new Set(cases.map(({ number }) => number));
    for (const number of [2, 8, 9, 11, 17, 18, 21, 22, 26, 32, 40, 43])
      expect(proven, `number ${number}`).toContain(number);
    const fallible = new Set(cases.map(({ check }) => check));
    for (const { name } of checks) expect(fallible, name).toContain(name);
  });

  it("lists blockers first, and a check that found a problem not among those that passed", () => {
    const { findings, passed } = judge({
      ...withSource({ largeObjects: 1, unprovenChecks: [], otherDatabases: ["x"] }),
      client: { bindir: "/x", pgDumpMajor: 9 },
    });
    const severities = findings.map(({ severity }) => severity);
    expect(severities).toEqual(severities.toSorted((a, b) => order(a) - order(b)));
    expect(passed).not.toContain("large-objects");
    expect(passed).toContain("other-databases");
  });

  it("judges what it can when the source cannot be reached, and says what it could not judge", () => {
    const world = { ...withHeroku({ databaseUrl: { by: "none" } }), source: undefined };
    const verdict = judge({ ...world, failures: [{ part: "source", message: "refused", remedy: "Check the host." }] });
    expect(verdict.findings.map(({ check }) => check)).toEqual(expect.arrayContaining(["read-source", "database-url"]));
    expect(verdict.skipped).toContain("large-objects");
    expect(verdict.passed).not.toContain("large-objects");
  });

  it("leaves extensions behind only when the configuration says so", () => {
    const world = { ...extension("timescaledb"), wish: { ...healthy.wish, ignoreExtensions: ["timescaledb"] } };
    expect(judge(world).findings).toContainEqual(expect.objectContaining({ check: "extensions", severity: "note" }));
    expect(judge(world).passed).toContain("extensions");
  });

  it("has no objection to json beside a primary key", () => {
    const world = withSource({ tables: [table({ columnsWithoutEquality: ["body"] })] });
    expect(judge(world).passed).toContain("replica-identity");
  });

  it.each([
    "select public.unaccent($1)",
    "select lower($1) -- as unaccent(x) does",
    "select 'unaccent(' || $1",
    "select count(*) from public.limits",
    "select plain($1)",
    'select "public"."unaccent"($1)',
  ])("has no objection to a function that names its schemas: %s", (body) => {
    expect(judge(calling(body)).passed).toContain("search-path");
  });

  it("accepts every classic plan", () => {
    for (const tier of ["standard-0", "premium-5", "private-3", "shield-2"]) {
      expect(judge(plan(`heroku-postgresql:${tier}`)).passed, tier).toContain("heroku-plan");
    }
  });
});

function order(severity: Severity): number {
  return ["blocker", "warning", "note"].indexOf(severity);
}
