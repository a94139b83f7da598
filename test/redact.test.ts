import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DrawbridgeError, explain } from "../src/errors.ts";
import { redact, redactJson, Secret } from "../src/redact.ts";

/** Passwords as people and machines make them, with everything in them that a URL would want to have escaped. */
const password = fc.string({ unit: "grapheme-ascii", minLength: 12, maxLength: 40 }).map((text) => `k9!${text}`);
/** Text around a secret. Without the secret's own letters nothing can be proven by search. */
const around = fc.string({
  unit: fc.constantFrom("z", " ", "\n", "\t", "{", "}", "[", "<", ">", '"', "'", "`", "|", ",", "é", "漢"),
  maxLength: 60,
});

describe("a password in a database's URL", () => {
  it("goes from any text on its line, escaped or not, with @, /, :, quotes and spaces in it", () => {
    fc.assert(
      fc.property(password, around, around, (secret, before, after) => {
        const url = `postgres://owner:${secret}@db.example.com:5432/shop`;
        expect(redact(`${before}${url} ${after}`)).not.toContain(secret.slice(0, 10));
      }),
      { numRuns: 500 },
    );
  });
  it.each([
    ["postgres://u:p@ss@host/db", "postgres://[secret]@host/db"],
    ["postgres://u:p/a?s#s@w:ord@host/db", "postgres://[secret]@host/db"],
    ["redis://:pa ss@host:6379", "redis://[secret]@host:6379"],
    ["rediss://default:x@y@z@host", "rediss://[secret]@host"],
    ["https://user:p@ss@host/path and more", "https://[secret]@host/path and more"],
    ['{"url":"https://u:p@h/x","mail":"a@b"}', '{"url":"https://[secret]@h/x","mail":"a@b"}'],
    ["PGPASSWORD=geheim psql", "PGPASSWORD=[secret] psql"],
    ["host=h password='it\\'s long' user=u", "host=h password=[secret] user=u"],
    ["Authorization: Bearer abc.def", "Authorization: Bearer [secret]"],
  ])("%s becomes %s", (text, clean) => expect(redact(text)).toBe(clean));
  it("leaves what holds no login as it is", () => {
    for (const text of ["write to ann@example.com", "https://docs.example.com/a:b", "postgres://host/db", "@ann: hi"])
      expect(redact(text)).toBe(text);
  });
});

describe("a secret that this process holds", () => {
  it("goes from any text, log line or error, however it was spelled there", () => {
    fc.assert(
      fc.property(password, around, around, (value, before, after) => {
        const held = new Secret(value);
        const text = `${before}${held.reveal()}${after} ${encodeURIComponent(value)}`;
        const said = [
          redact(text),
          redactJson(JSON.stringify({ msg: text, deep: [{ text }], [value]: 1 })),
          new DrawbridgeError("DB_UNEXPECTED", text).message,
          explain(new Error("outer", { cause: new Error(text) })),
        ];
        for (const line of said) {
          expect(line).not.toContain(value);
          expect(line).not.toContain(encodeURIComponent(value));
          expect(line).not.toContain(JSON.stringify(value).slice(1, -1));
        }
      }),
      { numRuns: 500 },
    );
  });
  it("is also found where only the URL around it was wrapped, whether URLs can hold it or not", () => {
    fc.assert(
      fc.property(password, (value) => {
        for (const written of [value, encodeURIComponent(value)]) {
          const url = new Secret(`postgres://owner:${written}@h:5432/d`);
          expect(String(url) + inspect(url) + JSON.stringify({ url })).not.toContain(value);
          expect(redact(`the server said: "${written}" is wrong`)).not.toContain(written);
        }
      }),
      { numRuns: 300 },
    );
  });
  it("is no word that everybody uses", () => {
    expect(new Secret("postgres").reveal()).toBe("postgres");
    expect(redact("postgres is up")).toBe("postgres is up");
  });
});

it("a hostile text of any kind is redacted in no time", () => {
  for (const text of [
    "postgres://".repeat(9_000),
    `postgres://${":".repeat(100_000)}`,
    "a.".repeat(50_000),
    "http://".repeat(9_000),
    "@".repeat(100_000),
  ]) {
    const startMs = performance.now();
    redact(text);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  }
});

it("log lines stay JSON, whatever was taken out of them", () => {
  const line = redactJson(`${JSON.stringify({ msg: "postgres://u:a@b@h/d failed", next: "x@y", n: 1 })}\n`);
  expect(JSON.parse(line)).toEqual({ msg: "postgres://[secret]@h/d failed", next: "x@y", n: 1 });
});
