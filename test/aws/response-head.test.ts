import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readHead } from "../../src/aws/response-head.ts";

const lines = (...all: string[]): string => all.join("\r\n");

describe("the head of an answer", () => {
  it("tells status, fields and length", () => {
    const text = lines("HTTP/1.1 206 Partial Content", 'ETag: "a"', "Content-Length:  12 ", "X-A: 1", "x-a: 2");
    expect(readHead(text)).toEqual({
      statusCode: 206,
      headers: { etag: '"a"', "content-length": "12", "x-a": "1, 2" },
      bodyBytes: 12,
      keepsAlive: true,
    });
    expect(readHead("HTTP/1.1 200")).toMatchObject({ statusCode: 200, bodyBytes: undefined });
  });

  it("knows when the length is not announced, and when the connection ends behind it", () => {
    const chunked = lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Content-Length: 12");
    expect(readHead(chunked)?.bodyBytes).toBeUndefined();
    expect(readHead(lines("HTTP/1.1 200 OK", "Connection: Keep-Alive, Close"))?.keepsAlive).toBe(false);
  });

  it.each([
    ["another version", "HTTP/1.0 200 OK"],
    ["no answer at all", "<html>"],
    ["an interim answer", "HTTP/1.1 100 Continue"],
    ["a status of four digits", "HTTP/1.1 2000 OK"],
    ["a line that is no field", lines("HTTP/1.1 200 OK", "hello")],
    ["a folded field", lines("HTTP/1.1 200 OK", "A: 1", " 2")],
    ["a space before the colon", lines("HTTP/1.1 200 OK", "Content-Length : 5")],
    ["two lengths", lines("HTTP/1.1 200 OK", "Content-Length: 5", "content-length: 5")],
    ["a length that is no number", lines("HTTP/1.1 200 OK", "Content-Length: 0x10")],
    ["a negative length", lines("HTTP/1.1 200 OK", "Content-Length: -5")],
    ["a line end inside a line", "HTTP/1.1 200 OK\r\nA: 1\nB: 2"],
  ])("is not one with %s", (_, text) => {
    expect(readHead(text)).toBeUndefined();
  });

  it("never throws, and never tells a length that is none", () => {
    const piece = fc.constantFrom("HTTP/1.1 200 OK", "\r\n", "Content-Length", ":", " ", "5", "close", "\n", "é", "\0");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const bytes = readHead(pieces.join(""))?.bodyBytes ?? 0;
        expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
