import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { chooseLabel, formatTablespaceMap, tablespaceMapOids } from "../../../src/archive/format/backup-label.ts";
import { parseControlFile, whyNotOfMajor } from "../../../src/archive/format/control-file.ts";
import { readManifest } from "../../../src/archive/format/files-manifest.ts";
import { listBackups } from "../../../src/archive/format/list-backups.ts";
import { restoreBaseBackup } from "../../../src/archive/restore/restore.ts";
import { folderStore } from "../../../src/archive/store/folder-store.ts";
import type { ObjectStore } from "../../../src/archive/store/object-store.ts";
import { archiveFolder, findArchive } from "../../support/archives.ts";
import { inMemoryDir } from "../restore/kit.ts";

const label = (lsn: string, file: string, timeline = 1): string =>
  `START WAL LOCATION: ${lsn} (file ${file})\nCHECKPOINT LOCATION: 0/3000060\nBACKUP METHOD: streamed\nBACKUP FROM: primary\nSTART TIMELINE: ${timeline}\n`;
const first = "000000010000000000000003";
const expected = { name: `base_${first}_00000040`, timeline: 1, startSegment: first, startLsn: 0x3000028n };
const right = label("0/3000028", first);
const stray = label("0/1000028", "000000010000000000000001");
const nowhere = { ownPart: undefined, sentinel: undefined, partitions: [] };

describe("backup_label", () => {
  test("the one of the backup's own part wins, then the sentinel's, over strays of the data directory", () => {
    expect(chooseLabel({ ownPart: right, sentinel: stray, partitions: [stray] }, expected)).toBe(right);
    expect(chooseLabel({ ...nowhere, sentinel: right, partitions: [stray] }, expected)).toBe(right);
    expect(chooseLabel({ ...nowhere, partitions: [right] }, expected)).toBe(right);
  });

  test.each([
    ["none anywhere", nowhere, /neither in the sentinel/],
    ["one of another backup", { ...nowhere, ownPart: stray, sentinel: right }, /another backup/],
    ["one of another offset", { ...nowhere, ownPart: label("0/3000060", first) }, /another backup/],
    ["one of another timeline", { ...nowhere, ownPart: label("0/3000028", first, 2) }, /timeline 2/],
    [
      "one whose checkpoint is before its start",
      { ...nowhere, ownPart: right.replace("3000060", "2000060") },
      /checkpoint/,
    ],
    [
      "one whose method has a flipped bit",
      { ...nowhere, ownPart: right.replace("streamed", "struamed") },
      /BACKUP METHOD/,
    ],
    ["one whose origin has a flipped bit", { ...nowhere, ownPart: right.replace("primary", "prixary") }, /BACKUP FROM/],
    ["one without a start", { ...nowhere, ownPart: "LABEL: x" }, /no START WAL LOCATION/],
  ])("%s is refused", (_what, sources, message) => {
    expect(() => chooseLabel(sources, expected)).toThrow(message);
  });

  test("a tablespace_map that is written can be read, whatever the directory is called", () => {
    const directories = new Map([
      ["16386", "/srv/a b\\c\nd"],
      ["16400", "/plain"],
    ]);
    expect(formatTablespaceMap(directories)).toBe("16386 /srv/a b\\\\c\\\nd\n16400 /plain\n");
    expect(tablespaceMapOids(formatTablespaceMap(directories))).toEqual(["16386", "16400"]);
  });
});

/** The control file of a restored archive of a real tool. */
async function controlFileOf(archive: string): Promise<Buffer> {
  return inMemoryDir(async (home) => {
    const store = folderStore(join(archiveFolder(archive), "prefix"));
    const backup = (await listBackups(store)).find(({ refusal }) => refusal === undefined);
    if (!backup) throw new Error("no backup");
    await restoreBaseBackup({ store, backup, into: join(home, "pgdata"), tablespacesDir: join(home, "ts") });
    return readFile(join(home, "pgdata/global/pg_control"));
  });
}

describe("global/pg_control", () => {
  const known: [string, number, number][] = [
    ["wal-e-14", 14, 1300],
    ["wal-e-15-heroku", 15, 1300],
    ["wal-g-17-brotli", 17, 1700],
  ];
  test.each(known.filter(([name]) => findArchive(name) !== undefined))(
    "of %s: its checksum is found, and any flipped byte before it is noticed",
    async (archive, major, version) => {
      const bytes = await controlFileOf(archive);
      const control = parseControlFile(bytes);
      expect(control.controlVersion).toBe(version);
      expect(whyNotOfMajor(control, major)).toBeUndefined();
      expect(whyNotOfMajor(control, 18)).toMatch(/PostgreSQL 18 has 1800/);
      expect(whyNotOfMajor(control, 19)).toMatch(/of PostgreSQL 19, and 14 to 18 are supported/);
      for (const at of [0, 7, 12, 33, 48, 100, 200, 223]) {
        const copy = Buffer.from(bytes);
        copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
        expect(() => parseControlFile(copy)).toThrow(/wrong checksum/);
      }
    },
  );

  test.each([0, 8, 511, 8_192])("%i bytes of zeros are none", (length) => {
    expect(() => parseControlFile(Buffer.alloc(length))).toThrow(/not a control file/);
  });
});

describe("WAL-G's manifest", () => {
  const text = (rest: string): string =>
    `{"Files":{"/a":{"TarFileSets":["x"],"n":[{"q":1}]}},` +
    `"TarFileSets":{"part_001.tar.lz4":["/","/a \\"ü\\u00e9"],"part_002.tar.lz4":[]}${rest}`;
  async function read(json: string, cut = 7): Promise<string[]> {
    const bytes = Buffer.from(json);
    const pieces = Array.from({ length: Math.ceil(bytes.length / cut) }, (_, i) =>
      bytes.subarray(i * cut, i * cut + cut),
    );
    const info = { key: "k", sizeBytes: bytes.length, etag: "e", lastModified: new Date(0) };
    const get: ObjectStore["get"] = async () => ({ info, body: Readable.from(pieces) });
    const found: string[] = [];
    const note = (part: string, file: string): void => void found.push(`${part} ${file}`);
    expect(await readManifest({ ...folderStore("/nowhere"), get }, "b/files_metadata.json", note)).toBe(true);
    return found;
  }

  test.each([1, 2, 7, 1_000])("is read in pieces of %i bytes, and only its list of files", async (cut) => {
    const found = await read(text(`,"DatabasesByNames":{"b":{"TarFileSets":{"x":["y"]}}}}`), cut);
    expect(found).toEqual(["part_001.tar.lz4 /", 'part_001.tar.lz4 /a "üé']);
  });

  test("is not there for other writers", async () => {
    expect(await readManifest(folderStore("/nowhere"), "b/files_metadata.json", () => undefined)).toBe(false);
  });

  test.each([
    ["cut", text("").slice(0, -20)],
    ["cut behind the list", text("")],
    ["an error page", "<html>"],
    ["of something else", `{"Files":{}}`],
  ])("%s is refused by name", async (_what, json) => {
    await expect(read(json)).rejects.toMatchObject({
      code: "DB_ARCHIVE_INVALID",
      message: expect.stringMatching(/files_metadata\.json: it/),
    });
  });
});
