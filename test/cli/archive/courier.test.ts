import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { prepareSpool } from "../../../src/archive/wal/spool.ts";
import { waitFor } from "../../../src/clock.ts";
import { makeSegment, nameOf, sysid } from "../../archive/wal/made-wal.ts";
import { makeHome, runArchive } from "./run-command.ts";

const timeout = 60_000;
const program = resolve(import.meta.dirname, "../../../bin/main.mjs");

test("the courier goes on after the fetched segment by the segments' own size", { timeout }, async () => {
  await using home = await makeHome();
  const archive = join(home.path, "archive");
  const dataDir = join(home.path, "data");
  // segments of 1 MiB: after number 4095 comes a new log file, where those of 16 MiB would go on in another one
  const [last, next] = [nameOf(0xfff), nameOf(0x1000)];
  await mkdir(join(archive, "wal_005"), { recursive: true });
  await writeFile(join(archive, "wal_005", last), makeSegment(0xfff));
  await writeFile(join(archive, "wal_005", next), makeSegment(0x1000));
  await mkdir(join(dataDir, "global"), { recursive: true });
  const control = Buffer.alloc(512);
  control.writeBigUInt64LE(sysid);
  await writeFile(join(dataDir, "global/pg_control"), control);
  await writeFile(join(dataDir, "postmaster.pid"), `${process.pid}\n${dataDir}\n1\n`);
  const spool = { dir: join(home.path, "spool") };
  await prepareSpool(spool);
  const words = ["archive", "wal", last, join(home.path, "here"), "--for", "standby", "--spool", spool.dir];
  // as PostgreSQL runs it: in the data directory
  await promisify(execFile)(process.execPath, [program, ...words, "--prefix", `file://${archive}`], { cwd: dataDir });
  try {
    const ready = join(spool.dir, "ready", next);
    await waitFor(() => existsSync(ready), { what: "the next segment", deadlineMs: 30_000, everyMs: 20 });
    expect(await readFile(ready)).toEqual(makeSegment(0x1000));
  } finally {
    await rm(join(dataDir, "postmaster.pid"));
    const gone = (): boolean => !existsSync(join(spool.dir, "courier.pid"));
    await waitFor(gone, { what: "the courier to end", deadlineMs: 30_000, everyMs: 20 });
  }
});

test("its modes are those of `archive wal`, told and checked", { timeout }, async () => {
  const args = ["courier", "--prefix", "s3://bucket", "--spool", "/s", "--data", "/d"];
  const { status, stderr } = await runArchive([...args, "--for", "ever"]);
  expect(stderr).toMatch(/Allowed choices are standby, recover-to-end/);
  expect(status).toBe(2);
  expect((await runArchive(["courier", "--help"])).stdout).toMatch(/choices: "standby",\s+"recover-to-end"/);
});
