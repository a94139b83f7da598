import { describe, expect, it } from "vitest";
import { whyNotListing, whyNotTheObject } from "../../src/aws/s3-answer.ts";

const range = { start: 8, end: 15 };
const good = { ETag: '"a"', ContentRange: "bytes 8-15/100", ContentLength: 8 };

describe("an answer of S3 is taken for (a part of) the object only if it", () => {
  it("is the range that was asked for, cut at the object's end", () => {
    expect(whyNotTheObject(good, { range, ifMatch: '"a"' })).toBeUndefined();
    expect(whyNotTheObject({ ETag: '"a"', ContentRange: "bytes 8-9/10", ContentLength: 2 }, { range })).toBeUndefined();
    expect(whyNotTheObject({ ETag: '"a"', ContentRange: "bytes 8-9/10" }, { range: { start: 8 } })).toBeUndefined();
    expect(whyNotTheObject({ ETag: '"a"', ContentLength: 10 }, {})).toBeUndefined();
  });

  it.each([
    ["an error page with status 200", { ContentType: "text/html", ContentLength: 8 }, /no ETag.*text\/html/],
    ["the whole object instead of a range", { ETag: '"a"', ContentLength: 100 }, /not a part of the object/],
    ["another range", { ...good, ContentRange: "bytes 0-7/100" }, /bytes 8 to 15 were asked for/],
    ["a shorter range", { ...good, ContentRange: "bytes 8-12/100", ContentLength: 5 }, /bytes 8 to 15 were asked for/],
    ["another length than its range says", { ...good, ContentLength: 3 }, /8 bytes were asked for, the answer has 3/],
    ["another version", { ...good, ETag: '"b"' }, /another version/],
  ])("is not %s", (_what, answer, message) => {
    expect(whyNotTheObject(answer, { range, ifMatch: '"a"' })).toMatch(message);
  });
});

describe("an answer of S3 is taken for a page of a listing", () => {
  it("only if it says whether it is the last one, and where the next one starts", () => {
    expect(whyNotListing({ IsTruncated: false })).toBeUndefined();
    expect(whyNotListing({ IsTruncated: true, NextContinuationToken: "x" })).toBeUndefined();
    expect(whyNotListing({ IsTruncated: true })).toMatch(/how it goes on/);
    expect(whyNotListing({})).toMatch(/no listing/);
  });
});
