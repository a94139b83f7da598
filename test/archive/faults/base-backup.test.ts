import { describe, expect, test } from "vitest";
import { chooseLabel } from "../../../src/archive/format/backup-label.ts";
import { noise } from "../../support/archive-maker-sums.ts";
import { tarOf } from "../../support/archive-maker-tar.ts";
import { compress, controlFile, labelOf, makeArchive } from "../../support/archive-maker.ts";
import { errorPages } from "../../support/fault-store.ts";
import { makeSegment, nameOf, sysid } from "../wal/made-wal.ts";
import { outcomeOf, type Case } from "./in-thread.ts";
import { expectRefused, expectRestored } from "./kit.ts";

const timeout = 120_000;

const part = ({ archive }: Case, index: number): string => archive.partKeys[index] ?? "";
const positions = [
  ["first", 0],
  ["middle", 1],
  ["last", 2],
] as const;

describe("the first, middle and last part", { timeout }, () => {
  test.each(positions)("%s one cut in half: refused, naming it", async (_what, index) => {
    const outcome = await outcomeOf((given) => {
      const key = part(given, index);
      given.store.spoil(key, { kind: "cut", at: (given.archive.objects.get(key)?.length ?? 0) >> 1 });
    });
    expectRefused(outcome, "DB_ARCHIVE_INVALID", new RegExp(`part_0000000${index}.*(ends|cut|short)`));
  });

  test.each(positions)("%s one empty: refused, naming it", async (_what, index) => {
    const outcome = await outcomeOf((given) => given.store.spoil(part(given, index), { kind: "cut", at: 0 }));
    expectRefused(outcome, "DB_ARCHIVE_INVALID", new RegExp(`part_0000000${index}.*empty`));
  });

  test.each(positions)("%s one an error page with status 200: refused, saying so", async (_what, index) => {
    for (const bytes of Object.values(errorPages)) {
      const outcome = await outcomeOf((given) => given.store.spoil(part(given, index), { kind: "content", bytes }));
      expectRefused(outcome, "DB_ARCHIVE_INVALID", new RegExp(`part_0000000${index}.*error page`));
    }
  });

  test.each(positions)("%s one missing: refused, the middle before anything is fetched", async (_what, index) => {
    const outcome = await outcomeOf((given) => given.store.spoil(part(given, index), { kind: "missing" }));
    const named = index === 2 ? /the last part may be missing|is in none of its parts/ : /part_0000000\d.*missing/;
    expectRefused(outcome, "DB_ARCHIVE_INVALID", named);
    if (index < 2) expect(outcome.asked.filter((key) => key.includes("tar_partitions"))).toEqual([]);
  });

  test.each(positions)("%s one encrypted: refused, saying what to do", async (_what, index) => {
    const openPgp = Buffer.concat([Buffer.from("85020c03", "hex"), noise(900, 1)]);
    const sodium = noise(900, 2);
    for (const bytes of [openPgp, sodium]) {
      const outcome = await outcomeOf((given) => given.store.spoil(part(given, index), { kind: "content", bytes }));
      expectRefused(outcome, "DB_ARCHIVE_INVALID", new RegExp(`part_0000000${index}.*encrypted.*decrypt`));
    }
  });

  test.each(positions)("%s one there twice, under another number or extension: refused", async (_what, index) => {
    for (const copy of ["part_00000003.tar.lzo", `part_0000000${index}.tar`]) {
      const outcome = await outcomeOf((given) => {
        const key = part(given, index);
        const bytes = given.archive.objects.get(key) ?? Buffer.alloc(0);
        given.store.add(key.replace(/part_\d+\.tar\.lzo/, copy), bytes);
      });
      expectRefused(outcome, "DB_ARCHIVE_INVALID", /comes twice|there 2 times/);
    }
  });

  test("a part of another backup in place of the middle one: refused", async () => {
    const other = compress(tarOf([{ name: "base/1/2600", content: noise(9_000, 3) }]), ".lzo");
    const outcome = await outcomeOf((given) => given.store.spoil(part(given, 1), { kind: "content", bytes: other }));
    expectRefused(outcome, "DB_ARCHIVE_INVALID", /is in none of its parts/);
  });

  test("objects that are no parts beside them: restored", async () => {
    const outcome = await outcomeOf((given) => given.store.add(`${part(given, 0)}.md5`, Buffer.from("x")));
    expectRestored(outcome, outcome.pristine);
  });
});

describe("the sentinel", { timeout }, () => {
  const spoilt = (change: (text: string) => string): ReturnType<typeof outcomeOf> =>
    outcomeOf(({ archive, store }) => {
      const bytes = Buffer.from(change(archive.objects.get(archive.sentinelKey)?.toString() ?? ""));
      store.spoil(archive.sentinelKey, { kind: "content", bytes });
    });

  const stopping = (segment: string) => (text: string) => text.replace("000000010000000000000004", segment);

  test("cut at any place: refused, naming it", async () => {
    const length = makeArchive().objects.get(makeArchive().sentinelKey)?.length ?? 0;
    for (let at = 0; at < length; at += 29) {
      const outcome = await spoilt((text) => text.slice(0, at));
      expectRefused(outcome, "DB_ARCHIVE_INVALID", /backup_stop_sentinel\.json.*not JSON/);
    }
  });

  test.each(Object.entries(errorPages))("an error page (%s): refused, naming it", async (_what, page) => {
    expectRefused(await spoilt(() => page.toString()), "DB_ARCHIVE_INVALID", /backup_stop_sentinel\.json.*not JSON/);
  });

  test.each([
    ["of something else", () => '{"a":1}', /not a sentinel/],
    ["without a label", (text: string) => text.replace('"backup_label"', '"other"'), /backup_label is neither/],
    ["with more bytes announced", (text: string) => text.replace(/(size_bytes":)/, "$19"), /bytes of 9\d+ announced/],
    ["with fewer bytes announced", (text: string) => text.replace(/(size_bytes":)\d/, "$1"), /there twice|another/],
    [
      "with more parts announced",
      (text: string) => text.replace("{", '{"number_of_partitions":4,'),
      /part_00000003.*missing/,
    ],
    ["of another cluster", (text: string) => text.replace("{", '{"system_identifier":77,'), /its sentinel says 77/],
    ["that stops before it starts", stopping("000000010000000000000002"), /before it started/],
    ["that stops in a segment that is not there", stopping("000000010000000000000005"), /WAL is missing/],
    ["that stops impossibly far away", stopping("00000001FFFF000000000004"), /impossibly far/],
    ["that stops nowhere", stopping("00000001000000000000000G"), /not a WAL segment/],
  ])("%s: refused", async (_what, change, words) => {
    expectRefused(await spoilt(change), "DB_ARCHIVE_INVALID", words);
  });

  test("missing: there is no backup", async () => {
    const outcome = await outcomeOf(({ archive, store }) => store.spoil(archive.sentinelKey, { kind: "missing" }));
    expectRefused(outcome, "DB_ARCHIVE_INVALID", /no backup/);
  });
});

describe("backup_label and pg_control", { timeout }, () => {
  const label = labelOf(3);
  const withLabel = (text: string): ReturnType<typeof outcomeOf> =>
    outcomeOf(({ archive, store }) => {
      const good = archive.objects.get(archive.sentinelKey)?.toString() ?? "";
      const bytes = Buffer.from(good.replace(/"backup_label":"[^"]*"/, () => `"backup_label":${JSON.stringify(text)}`));
      store.spoil(archive.sentinelKey, { kind: "content", bytes });
    });

  test("a flipped bit anywhere in what recovery reads of the label: refused, or passed over by PostgreSQL as well", () => {
    const expected = { name: "base", timeline: 1, startSegment: nameOf(3), startLsn: 0x300028n };
    const accepts = (text: string): boolean => {
      try {
        return chooseLabel({ ownPart: undefined, sentinel: text, partitions: [] }, expected) === text;
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: "DB_ARCHIVE_INVALID" });
        return false;
      }
    };
    expect(accepts(label)).toBe(true);
    const until = label.indexOf("START TIME:");
    const accepted = new Set<number>();
    for (let at = 0; at < until; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = Buffer.from(label, "latin1");
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        if (accepts(changed.toString("latin1"))) accepted.add(at);
      }
    }
    // the checkpoint's position alone has nothing that it must equal: PostgreSQL refuses a place without a checkpoint record
    const checkpoint = label.indexOf("CHECKPOINT LOCATION: ") + "CHECKPOINT LOCATION: ".length;
    const end = label.indexOf("\n", checkpoint);
    expect([...accepted].filter((at) => at < checkpoint || at >= end)).toEqual([]);
  });

  test.each([
    ["cut", label.slice(0, 120)],
    ["of another segment", labelOf(4)],
    ["of another timeline", labelOf(3, 2)],
    ["empty", ""],
  ])("a label that is %s: refused", async (_what, text) => {
    expectRefused(await withLabel(text), "DB_ARCHIVE_INVALID", /backup_label/);
  });

  const withControl = (control: Buffer): ReturnType<typeof outcomeOf> =>
    outcomeOf((given) => {
      const members = given.archive.parts[1]?.map((one) =>
        one.name === "global/pg_control" ? { ...one, content: control } : one,
      );
      given.store.spoil(part(given, 1), { kind: "content", bytes: compress(tarOf(members ?? []), ".lzo") });
    });

  test("a flipped bit in pg_control: refused by its checksum", async () => {
    for (let at = 0; at < 292; at += 7) {
      const control = controlFile();
      control[at] = (control[at] ?? 0) ^ 4;
      expectRefused(await withControl(control), "DB_ARCHIVE_INVALID", /pg_control/);
    }
  });

  test.each([
    ["of another cluster than the WAL", controlFile(sysid + 1n), /cluster/],
    ["of another version", controlFile(sysid, 1700), /has version 1700, PostgreSQL 15 has 1300/],
    ["empty", Buffer.alloc(0), /announced|pg_control/],
    ["zeros", Buffer.alloc(8_192), /pg_control/],
  ])("a pg_control that is %s: refused", async (_what, control, words) => {
    expectRefused(await withControl(control), "DB_ARCHIVE_INVALID", words);
  });

  test("a pg_control that is a hard link, whose content nobody can judge: refused", async () => {
    const outcome = await outcomeOf((given) => {
      const members = given.archive.parts[1]?.map((one) =>
        one.name === "global/pg_control" ? { name: one.name, kind: "link" as const, to: "global/copy" } : one,
      );
      const all = [...(members ?? []), { name: "global/copy", content: controlFile() }];
      given.store.spoil(part(given, 1), { kind: "content", bytes: compress(tarOf(all), ".lzo") });
    });
    expectRefused(outcome, "DB_ARCHIVE_INVALID", /global\/pg_control is in none of its parts/);
  });
});

describe("the version of PostgreSQL", { timeout }, () => {
  const ofVersion = (version: string, control: Buffer): ReturnType<typeof outcomeOf> =>
    outcomeOf((given) => {
      const content = new Map([
        // three bytes, as announced
        ["PG_VERSION", Buffer.from(version.padEnd(3, "\n"))],
        ["global/pg_control", control],
      ]);
      for (const index of [0, 1]) {
        const members = given.archive.parts[index]?.map((one) => {
          const other = content.get(one.name);
          return other === undefined ? one : { ...one, content: other };
        });
        given.store.spoil(part(given, index), { kind: "content", bytes: compress(tarOf(members ?? []), ".lzo") });
      }
    });

  test.each([
    ["9.6", 960],
    ["10", 1002],
    ["11", 1100],
    ["12", 1201],
    ["13", 1300],
    ["19", 1900],
  ])("%s, whose control file is in order, is refused by its name", async (version, controlVersion) => {
    const outcome = await ofVersion(version, controlFile(sysid, controlVersion));
    const words = `of PostgreSQL ${Number.parseInt(version, 10)}, and 14 to 18 are supported`;
    expectRefused(outcome, "DB_ARCHIVE_INVALID", new RegExp(words));
  });

  test("that is none is refused", async () => {
    expectRefused(await ofVersion("xx", controlFile()), "DB_ARCHIVE_INVALID", /PG_VERSION does not say a version/);
  });
});

describe("the WAL that a backup needs", { timeout }, () => {
  const wal = (given: Case, index: number): string => given.archive.walKeys[index] ?? "";

  test.each([0, 1])("segment %i of the two missing: refused before a part is fetched", async (index) => {
    const outcome = await outcomeOf((given) => given.store.spoil(wal(given, index), { kind: "missing" }));
    expectRefused(outcome, "DB_ARCHIVE_INVALID", /WAL/);
    expect(outcome.asked.filter((key) => key.includes("tar_partitions"))).toEqual([]);
  });

  test.each([
    ["of another cluster", makeSegment(3, { systemIdentifier: 7n }), /cluster/],
    ["filled with zeros", Buffer.alloc(2 ** 20), /no WAL/],
    ["an empty object", Buffer.alloc(0), /bytes only|empty/],
  ])("the first segment %s: refused before a part is fetched", async (_what, content, words) => {
    const outcome = await outcomeOf((given) =>
      given.store.spoil(wal(given, 0), { kind: "content", bytes: compress(content, ".lzo") }),
    );
    expectRefused(outcome, "DB_ARCHIVE_INVALID", words);
  });
});
