import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findArchive } from "../../support/archives.ts";
import { copyArchive, makeHome, prefixOf, runArchive } from "./run-command.ts";

const timeout = 240_000;
const walE = "wal-e-15-heroku";
const delta = "wal-g-15-delta";

describe("wrong usage ends with 2 and says what was meant", { timeout }, () => {
  test.each([
    [["lst", "--prefix", "s3://bucket"], /Did you mean list\?/],
    [["list"], /--prefix/],
    [["list", "--prefix", "/srv/archive"], /did you mean file:\/\/\/srv\/archive\?/],
    [["list", "--prefix", "file:///srv", "--region", "eu-west-1"], /--endpoint and --region go with s3/],
    [["list", "--prefix", "s3://bucket", "--endpoint", "localhost:9000"], /an endpoint is a URL/],
    [["list", "--prefix", ""], /it is empty/],
    [["restore", "--prefix", "s3://bucket"], /--into/],
    [["restore", "--prefix", "s3://bucket", "--into", ""], /it is empty/],
    [["restore", "--prefix", "s3://bucket", "--into", "/x", "--standby", "--recover-to-end"], /cannot be used with/],
    [["restore", "--prefix", "s3://bucket", "--into", "/x", "--port", "70000"], /from 1 to 65535/],
    [
      ["restore", "--prefix", "s3://bucket", "--into", "/x", "--allow-shortfall", "much"],
      /a size is a number of bytes/,
    ],
    [["restore", "--prefix", "s3://bucket", "--into", "/x", "--tls-key", "/k"], /need each other/],
    [["restore", "--prefix", "s3://bucket", "--into", "/x", "--bakup", "LATEST"], /Did you mean --backup\?/],
  ])("%j", async (args, said) => {
    const { status, stdout, stderr } = await runArchive(args);
    expect(stderr).toMatch(said);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });
});

test("wrong usage is told in JSON as well where JSON was asked for", { timeout }, async () => {
  const { status, stdout, stderr } = await runArchive(["list", "--json", "--prefix", "/srv/archive"]);
  expect(status).toBe(2);
  expect(stderr).toMatch(/did you mean/);
  expect(JSON.parse(stdout)).toMatchObject({
    error: { code: "DB_BAD_INPUT", message: expect.stringMatching(/^option .*did you mean file:/) },
  });
});

describe("what will not do is refused with 1 and a code", { timeout }, () => {
  test("a folder that is not there", async () => {
    const { status, stdout } = await runArchive(["list", "--json", "--prefix", "file:///no/such/folder"]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: "DB_BAD_INPUT", message: "there is no folder /no/such/folder" },
    });
  });

  test("what lies behind a failure is told in words and in JSON", async () => {
    await using home = await makeHome();
    const args = ["restore", "--json", "--prefix", `file://${home.path}`, "--into", "/proc/nowhere/data"];
    const { status, stdout, stderr } = await runArchive(args);
    expect(status).toBe(1);
    expect(stderr).toMatch(/DB_BAD_INPUT: .*cannot be made \(ENOENT\)\n {2}because: ENOENT.*mkdir/);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { message: expect.stringMatching(/cannot be made \(ENOENT\)$/), causes: [expect.stringMatching(/mkdir/)] },
    });
  });

  test.skipIf(findArchive(walE) === undefined)("an unknown backup: the nearest names are told", async () => {
    await using home = await makeHome();
    const args = [
      "restore",
      ...prefixOf(walE),
      "--into",
      join(home.path, "data"),
      "--backup",
      "base_00000001000000000000003",
    ];
    const { status, stderr } = await runArchive(args);
    expect(status).toBe(1);
    expect(stderr).toMatch(/DB_ARCHIVE_INVALID: .*did you mean base_000000010000000000000003_00000040/);
    expect(existsSync(join(home.path, "data"))).toBe(false);
  });

  test.skipIf(findArchive(delta) === undefined)("a delta: the full backup is named", async () => {
    await using home = await makeHome();
    const { status, stderr } = await runArchive(["restore", ...prefixOf(delta), "--into", join(home.path, "data")]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/delta on base_000000010000000000000003.*give --backup base_000000010000000000000003/);
  });

  test.skipIf(findArchive(walE) === undefined)("files that are missing, unless so many are allowed", async () => {
    await using home = await makeHome();
    const archive = await copyArchive(home.path, walE);
    const backups = join(archive, "basebackups_005");
    const name = (await readdir(backups)).find((entry) => entry.endsWith("_backup_stop_sentinel.json")) ?? "";
    const text = await readFile(join(backups, name), "utf8");
    const sizePattern = /("expanded_size_bytes": *)(\d+)/;
    expect(text).toMatch(sizePattern);
    await writeFile(
      join(backups, name),
      text.replace(sizePattern, (_, field: string, bytes: string) => field + (Number(bytes) + 50_000_000)),
    );
    const args = ["restore", "--prefix", `file://${archive}`, "--into", join(home.path, "data")];
    const checked = ["check", "--prefix", `file://${archive}`];
    expect(await runArchive(checked)).toMatchObject({ status: 1, stdout: expect.stringMatching(/a part is missing/) });
    expect(await runArchive([...checked, "--allow-shortfall", "60MB"])).toMatchObject({ status: 0 });
    const refused = await runArchive(args);
    expect(refused.stderr).toMatch(/DB_ARCHIVE_INVALID: .*announced; a part is missing or cut .*--allow-shortfall/);
    expect(refused.status).toBe(1);
    expect(existsSync(join(home.path, "data/global/pg_control"))).toBe(false);
    const { status, stderr } = await runArchive([...args, "--allow-shortfall", "60MB"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) });
    expect(existsSync(join(home.path, "data/global/pg_control"))).toBe(true);
  });

  test("a folder that holds no archive: what --prefix has to name is told", async () => {
    await using home = await makeHome();
    const { status, stderr } = await runArchive(["check", "--prefix", `file://${home.path}`]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/no completed base backup; --prefix names the folder that holds basebackups_005/);
    expect(stderr).toMatch(/[^\n]\n$/);
  });

  test("a place for tablespaces in the data directory, and a path through a file", async () => {
    await using home = await makeHome();
    const restore = ["restore", "--prefix", `file://${home.path}`, "--into"];
    const into = join(home.path, "data");
    for (const place of [into, join(into, "spaces"), home.path]) {
      const { status, stderr } = await runArchive([...restore, into, "--tablespaces", place]);
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/cannot lie in the data/) });
    }
    await writeFile(join(home.path, "file"), "mine");
    const through = await runArchive([...restore, join(home.path, "file/data")]);
    expect(through.stderr).toMatch(/DB_BAD_INPUT: .*file is not a directory/);
    expect(await readdir(home.path)).toEqual(["file"]);
  });

  test.skipIf(findArchive(walE) === undefined)(
    "a directory in use is left as it is, and nothing beside it",
    async () => {
      await using home = await makeHome();
      const into = join(home.path, "data");
      await mkdir(into);
      await writeFile(join(into, "precious"), "mine");
      const { status, stderr } = await runArchive(["restore", ...prefixOf(walE), "--into", into]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/DB_BAD_INPUT: .*is not empty \(precious\)/);
      expect(await readdir(into)).toEqual(["precious"]);
      expect(await readdir(home.path)).toEqual(["data"]);
      expect(await readFile(join(into, "precious"), "utf8")).toBe("mine");
      await writeFile(join(into, "postmaster.pid"), "1\n");
      expect((await runArchive(["restore", ...prefixOf(walE), "--into", into])).stderr).toMatch(
        /PostgreSQL server runs in/,
      );
    },
  );

  test.runIf(process.getuid?.() === 0)(
    "a user who cannot get there, or is not there, is found out at once",
    async () => {
      await using home = await makeHome();
      const folder = join(home.path, "closed");
      await mkdir(folder, { mode: 0o700 });
      const prefix = ["--prefix", `file://${home.path}`];
      const closed = await runArchive(["restore", ...prefix, "--into", join(folder, "data")]);
      expect(closed.status).toBe(1);
      expect(closed.stderr).toMatch(/may not enter .*closed/);
      const unknown = await runArchive([
        "restore",
        ...prefix,
        "--into",
        join(home.path, "data"),
        "--owner",
        "nosuchuser",
      ]);
      expect(unknown.stderr).toMatch(/there is no user nosuchuser/);
      const root = await runArchive(["restore", ...prefix, "--into", join(home.path, "data"), "--owner", "root"]);
      expect(root.stderr).toMatch(/refuses to run as root/);
    },
  );
});

describe.skipIf(findArchive(walE) === undefined)("archive wal", { timeout }, () => {
  const segment = "000000010000000000000003";

  test("a segment that is proven, under its own name in a directory", async () => {
    await using home = await makeHome();
    const { status, stdout } = await runArchive(["wal", segment, home.path, ...prefixOf(walE), "--json"]);
    expect(status).toBe(0);
    const path = join(home.path, segment);
    expect(JSON.parse(stdout)).toEqual({ name: segment, path, found: true });
    expect((await readFile(path)).length).toBe(16 * 1024 * 1024);
  });

  test("1 for what the archive does not hold, and no file", async () => {
    await using home = await makeHome();
    const dest = join(home.path, "x");
    const args = ["wal", "0000000100000000000000FF", dest, ...prefixOf(walE), "--json"];
    const { status, stdout, stderr } = await runArchive(args);
    expect(status).toBe(1);
    expect(stderr).toMatch(/DB_ARCHIVE_INVALID: .*does not hold 0000000100000000000000FF/);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "DB_ARCHIVE_INVALID" } });
    expect(await readdir(home.path)).toEqual([]);
  });

  test("damage is refused, and leaves no file", async () => {
    await using home = await makeHome();
    const folder = await copyArchive(home.path, walE);
    await writeFile(join(folder, `wal_005/${segment}.lzo`), "<?xml version='1.0'?><Error/>");
    const { status, stderr } = await runArchive(["wal", segment, join(home.path, "x"), "--prefix", `file://${folder}`]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/DB_ARCHIVE_INVALID: .*error page/);
    expect(await readdir(home.path)).toEqual(["archive"]);
  });

  test("a destination that is not there, or that we may not write to, is named", async () => {
    await using home = await makeHome();
    const nowhere = join(home.path, "nowhere/");
    const missing = await runArchive(["wal", segment, nowhere, ...prefixOf(walE)]);
    expect(missing.stderr).toContain(`DB_BAD_INPUT: there is no directory ${join(home.path, "nowhere")}`);
    // where root itself may not write
    const refused = await runArchive(["wal", segment, "/proc/1", ...prefixOf(walE)]);
    expect(refused.stderr).toContain("DB_BAD_INPUT: nothing can be written into the directory /proc/1");
    expect([missing.status, refused.status]).toEqual([1, 1]);
  });

  test.each([
    ["00000001000000000000000a", /did you mean 00000001000000000000000A\?/],
    [`${segment}.lzo`, new RegExp(`the WAL file in it is ${segment}`)],
    ["pg_wal", /24 hex digits/],
  ])("%s is no WAL file's name", async (name, said) => {
    const { status, stderr } = await runArchive(["wal", name, "/tmp/never", ...prefixOf(walE)]);
    expect(status).toBe(1);
    expect(stderr).toMatch(said);
  });
});
