import { describe, expect, test } from "vitest";
import { isLoopback, listenHostOf, pgHbaConf } from "../../src/agent/server-config.ts";
import { limitNames } from "../../src/archive/server/conf-files.ts";
import { standbyLimits } from "../../src/postgres/preflight.ts";

const logins = [{ role: "shop owner", method: "md5" as const }];

function doors(demandedOf: "away" | "everyone" | undefined): string[] {
  const tls = demandedOf === undefined ? undefined : { demandedOf };
  const lines = pgHbaConf({ logins, database: "shop", tls }).split("\n");
  return lines.filter((line) => line.startsWith("host"));
}

describe("who may come in over TCP", () => {
  test("from elsewhere nobody without TLS, from loopback everybody who has a role", () => {
    const lines = doors("away");
    expect(lines.filter((line) => line.includes("shop owner"))).toEqual([
      'host  "shop"  "shop owner"  127.0.0.0/8  md5',
      'host  "shop"  "shop owner"  ::1/128  md5',
      'hostssl  "shop"  "shop owner"  all  md5',
    ]);
    const plain = lines.filter((line) => !line.startsWith("hostssl "));
    expect(plain.filter((line) => !/ (127\.0\.0\.0\/8|::1\/128) /.test(line))).toEqual([]);
  });

  test("nobody from elsewhere while the server speaks no TLS", () => {
    const lines = doors(undefined);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter((line) => !/ (127\.0\.0\.0\/8|::1\/128) /.test(line))).toEqual([]);
  });

  test("nobody at all without TLS where it is asked of everyone", () => {
    expect(doors("everyone").filter((line) => !line.startsWith("hostssl "))).toEqual([]);
  });
});

describe("where PostgreSQL listens", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["localhost", "localhost"],
    ["::1", "::1"],
    // an instance's public address is none of its interfaces
    ["203.0.113.9", "*"],
    ["10.0.0.7", "*"],
    ["bridge.example.org", "*"],
  ])("announced as %s: on %s", (host, listens) => {
    expect(listenHostOf({ host })).toBe(listens);
  });

  test("as told, if it is told", () => {
    expect(listenHostOf({ host: "203.0.113.9", listenHost: "10.0.0.7" })).toBe("10.0.0.7");
  });

  test.each(["*", "0.0.0.0", "::", "", "localhost,10.0.0.7", "127.example.org"])("%j is not loopback", (hosts) => {
    expect(isLoopback(hosts)).toBe(false);
  });
});

// two rooms that may not import each other name them
test("the limits that preflight reads on the source are those that a restored server gets", () => {
  expect([...limitNames].toSorted()).toEqual([...standbyLimits].toSorted());
});
