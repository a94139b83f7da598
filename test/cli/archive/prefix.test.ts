import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatPlace, parseArchivePlace } from "../../../src/cli/archive/prefix.ts";

describe("--prefix", () => {
  test.each([
    ["s3://bucket/some/path", { kind: "s3", bucket: "bucket", prefix: "some/path" }],
    ["s3://bucket", { kind: "s3", bucket: "bucket", prefix: "" }],
    ["s3://bucket/a/", { kind: "s3", bucket: "bucket", prefix: "a" }],
    ["s3://bucket/a/basebackups_005/", { kind: "s3", bucket: "bucket", prefix: "a" }],
    ["s3://bucket/a/wal_005", { kind: "s3", bucket: "bucket", prefix: "a" }],
    ["file:///srv/archive", { kind: "folder", path: "/srv/archive" }],
    ["file:///srv/my%20archive", { kind: "folder", path: "/srv/my archive" }],
    ["file:///srv/my archive/", { kind: "folder", path: "/srv/my archive" }],
    ["file:///srv/50%", { kind: "folder", path: "/srv/50%" }],
  ])("%s", (typed, place) => {
    expect(parseArchivePlace(typed)).toEqual(place);
  });

  test.each([
    ["/srv/archive", /did you mean file:\/\/\/srv\/archive\?/],
    ["file://srv/archive", /named from the root/],
    ["https://s3.amazonaws.com/bucket/path", /--endpoint/],
    ["bucket/path", /did you mean s3:\/\/bucket\/path\?/],
    ["s3:/bucket/path", /a bucket's name/],
    ["s3://My_Bucket/path", /a bucket's name/],
    ["s3://", /a bucket's name/],
    ["", /neither/],
  ])("%j is refused and the form that was meant is named", (typed, why) => {
    expect(() => parseArchivePlace(typed)).toThrow(why);
  });

  test("what is printed for a folder leads to the same folder when it is typed again", () => {
    const name = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).filter((text) => !/[/\0]/.test(text));
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `/${names.join("/")}/x`);
    fc.assert(
      fc.property(path, (folder) => {
        const place = { kind: "folder", path: folder } as const;
        expect(parseArchivePlace(formatPlace(place))).toEqual(place);
      }),
    );
  });
});
