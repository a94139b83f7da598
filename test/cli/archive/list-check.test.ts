import { existsSync } from "node:fs";
import { open, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findArchive } from "../../support/archives.ts";
import { copyArchive, makeHome, prefixOf, runArchive } from "./run-command.ts";

const timeout = 240_000;
const walE = "wal-e-15-heroku";
const walG = "wal-g-15-lz4";
const delta = "wal-g-15-delta";
const full = "base_000000010000000000000003";

describe.skipIf(findArchive(walE) === undefined)("archive list", { timeout }, () => {
  test("tells of a backup of wal-e what a person wants to know", async () => {
    const { status, stdout, stderr } = await runArchive(["list", ...prefixOf(walE)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.split("\n")[1]).toMatch(
      /^base_\S+_00000040 +wal-e +\S+ \S+ +15\.20 +34\.2 MiB +6\.5 MiB +1 +0\/3000028 +to 000000010000000000000005 +LATEST$/,
    );
  });

  test("one sentinel that cannot be read does not hide the others", async () => {
    await using home = await makeHome();
    const folder = await copyArchive(home.path, walE);
    const name = "base_000000010000000000000004_00000040";
    await writeFile(join(folder, `basebackups_005/${name}_backup_stop_sentinel.json`), "<Error/>");
    const { status, stdout } = await runArchive(["list", "--json", "--prefix", `file://${folder}`]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      latest: name,
      backups: [
        { writer: "wal-e", isRestorable: true, isLatest: false },
        {
          name,
          writer: null,
          isRestorable: false,
          isLatest: true,
          refusal: expect.stringMatching(/sentinel.*not JSON/),
        },
      ],
    });
  });

  test("the first segment that is missing on the way to now is named", async () => {
    await using home = await makeHome();
    const folder = await copyArchive(home.path, walE);
    await rm(join(folder, "wal_005/000000010000000000000004.lzo"));
    const { stdout } = await runArchive(["list", "--json", "--prefix", `file://${folder}`]);
    expect(JSON.parse(stdout)).toMatchObject({
      backups: [{ wal: { isComplete: false, firstMissing: "000000010000000000000004" } }],
    });
  });

  test("encrypted parts are marked, whatever their names say", async () => {
    await using home = await makeHome();
    const folder = await copyArchive(home.path, walE);
    const parts = join(folder, "basebackups_005/base_000000010000000000000003_00000040/tar_partitions");
    await writeFile(join(parts, "part_00000000.tar.lzo"), Buffer.from("85020c03" + "5a".repeat(600), "hex"));
    const { stdout } = await runArchive(["list", "--json", "--prefix", `file://${folder}`]);
    expect(JSON.parse(stdout)).toMatchObject({ backups: [{ isEncrypted: true, isRestorable: false }] });
  });

  test("a folder without an archive is no error, and says what was looked for", async () => {
    await using home = await makeHome();
    const { status, stdout, stderr } = await runArchive(["list", "--json", "--prefix", `file://${home.path}`]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ latest: null, backups: [] });
    expect(stderr).toMatch(/holds basebackups_005 and wal_005/);
  });
});

describe.skipIf(findArchive(delta) === undefined)("archive list of a delta", { timeout }, () => {
  test("marks it, and says on which backup it is built", async () => {
    const { stdout } = await runArchive(["list", ...prefixOf(delta)]);
    expect(stdout).toMatch(new RegExp(`_D_.*LATEST, delta on ${full}`));
    const { stdout: json } = await runArchive(["list", "--json", ...prefixOf(delta)]);
    expect(JSON.parse(json)).toMatchObject({
      backups: [
        { name: full, deltaFrom: null, isRestorable: true, compressedBytes: expect.any(Number), postgresql: "15.20" },
        { deltaFrom: full, isRestorable: false, isLatest: true },
      ],
    });
  });
});

describe.skipIf(findArchive(walE) === undefined)("archive check", { timeout }, () => {
  test("a good archive: 0, nothing written into it, and what was read", async () => {
    await using home = await makeHome();
    const folder = await copyArchive(home.path, walE);
    const before = await readdir(folder, { recursive: true });
    const { status, stdout } = await runArchive(["check", "--json", "--prefix", `file://${folder}`]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ isGood: true, findings: [], parts: 5, walFiles: 4 });
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  test("a timeline that left the backup's own before it began is named, and not restored", async () => {
    await using home = await makeHome();
    const folder = await copyArchive(home.path, walE);
    // somebody's test server, promoted long before the backup
    await writeFile(join(folder, "wal_005/00000002.history"), "1\t0/1500000\tno recovery target specified\n");
    const prefix = ["--prefix", `file://${folder}`];
    const words = /00000002\.history.*timeline 2 left timeline 1 at 0\/1500000.*without timeline 2/;
    const checked = await runArchive(["check", ...prefix]);
    expect(checked).toMatchObject({ status: 1, stdout: expect.stringMatching(words) });
    const listed = await runArchive(["list", "--json", ...prefix]);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      backups: [{ isRestorable: false, refusal: expect.stringMatching(words) }],
    });
    const into = join(home.path, "pgdata");
    const restored = await runArchive(["restore", ...prefix, "--into", into]);
    expect(restored).toMatchObject({ status: 1, stderr: expect.stringMatching(words) });
    expect(existsSync(into)).toBe(false);
  });

  test("everything that is wrong is named at once, and the status is 1", async () => {
    await using home = await makeHome();
    const folder = await copyArchive(home.path, walE);
    const part = "basebackups_005/base_000000010000000000000003_00000040/tar_partitions/part_00000001.tar.lzo";
    await flipByte(join(folder, part), 5_000);
    await rm(join(folder, "wal_005/000000010000000000000004.lzo"));
    await flipByte(join(folder, "wal_005/000000010000000000000005.lzo"), 300);
    await writeFile(join(folder, "wal_005/00000002.history.lzo"), "no lzop");
    const { status, stdout } = await runArchive(["check", "--json", "--prefix", `file://${folder}`]);
    expect(status).toBe(1);
    const finding = (rule: string, object: string): object => ({ rule, object, detail: expect.any(String) });
    expect(JSON.parse(stdout)).toMatchObject({
      findings: [
        finding("part", part),
        finding("wal-missing", "wal_005/000000010000000000000004"),
        finding("wal-content", "wal_005/000000010000000000000005.lzo"),
        finding("history", "wal_005/00000002.history.lzo"),
      ],
    });
    const text = await runArchive(["check", "--prefix", `file://${folder}`]);
    expect(text.status).toBe(1);
    expect(text.stdout).toMatch(/has 4 findings/);
  });
});

test.skipIf(findArchive(walG) === undefined)(
  "archive check: a backup of WAL-G without its manifest is good as far as could be seen, and that is told",
  { timeout },
  async () => {
    await using home = await makeHome();
    const folder = await copyArchive(home.path, walG);
    const manifest = "basebackups_005/base_000000010000000000000003/files_metadata.json";
    const whole = await runArchive(["check", "--json", "--prefix", `file://${folder}`]);
    expect(JSON.parse(whole.stdout)).toMatchObject({ isGood: true, unverified: [] });
    await rm(join(folder, manifest));
    const { status, stdout } = await runArchive(["check", "--json", "--prefix", `file://${folder}`]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      isGood: true,
      unverified: [{ object: manifest, detail: expect.stringMatching(/^it is missing/) }],
    });
    const text = await runArchive(["check", "--prefix", `file://${folder}`]);
    expect(text.stdout).toMatch(/is good: .*\nNot verified: .*files_metadata\.json: it is missing/);
  },
);

async function flipByte(path: string, at: number): Promise<void> {
  await using file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.from([(byte[0] ?? 0) ^ 0xff]), 0, 1, at);
}
