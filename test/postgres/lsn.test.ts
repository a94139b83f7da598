import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { quoteIdent, quoteLiteral } from "../../src/postgres/identifier.ts";
import { formatLsn, lsnDiffBytes, maxLsn, parseLsn } from "../../src/postgres/lsn.ts";
import { parseDatabaseUrl, withUrlParts } from "../../src/postgres/url.ts";
import { Secret } from "../../src/redact.ts";

const half = fc.integer({ min: 0, max: 0xffffffff });
const text = fc.tuple(half, half).map(([a, b]) => `${a.toString(16)}/${b.toString(16)}`.toUpperCase());

describe("a WAL position", () => {
  test("is read and written without loss", () => {
    fc.assert(
      fc.property(text, (lsn) => {
        expect(formatLsn(parseLsn(lsn))).toBe(lsn);
      }),
    );
    expect(parseLsn("16/B374D848")).toBe(0x16_b374d848n);
  });
  test("orders and subtracts as bytes", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [x, y] = [parseLsn(a), parseLsn(b)];
        expect(lsnDiffBytes(x, y)).toBe(-lsnDiffBytes(y, x));
        expect(lsnDiffBytes(maxLsn(x, y), x)).toBeGreaterThanOrEqual(0n);
      }),
    );
  });
  test.each(["", "16", "16/", "/1", "1/123456789", "g/1", "1/1 ", "-1/1"])("refuses %j", (bad) => {
    expect(() => parseLsn(bad)).toThrow(/not a WAL position/);
  });
});

describe("quoting", () => {
  test("doubles quotes and keeps backslashes", () => {
    expect(quoteIdent('a"b')).toBe('"a""b"');
    expect(quoteLiteral("it's")).toBe("'it''s'");
    expect(quoteLiteral("a\\'b")).toBe(" E'a\\\\''b'");
  });
});

describe("a database URL", () => {
  const word = fc.string({ minLength: 1, unit: "grapheme-ascii" });
  test("keeps any user, password and database through rewriting", () => {
    fc.assert(
      fc.property(word, word, word, (user, password, database) => {
        const url = withUrlParts(new Secret("postgres://a@db.example:6543/x"), {
          user,
          password: new Secret(password),
          database,
        });
        const at = parseDatabaseUrl(url);
        expect([at.user, at.password?.reveal(), at.database, at.host, at.port, at.sslMode]).toEqual([
          user,
          password,
          database,
          "db.example",
          6543,
          "require",
        ]);
      }),
      // What a URL's path takes for steps up and down, and a database may be called.
      { examples: [".", "..", "./..", "%2e", "a/../b"].map((name): [string, string, string] => [name, name, name]) },
    );
  });
  test("may name a socket's directory, and then speaks no TLS", () => {
    const at = parseDatabaseUrl(
      withUrlParts(new Secret("postgres://me@/app?host=/run/pg&port=5555"), { database: "other" }),
    );
    expect(at).toMatchObject({
      host: "/run/pg",
      port: 5555,
      database: "other",
      user: "me",
      sslMode: "disable",
    });
  });
});
