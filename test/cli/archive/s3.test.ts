import { existsSync } from "node:fs";
import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { waitFor } from "../../../src/clock.ts";
import { type S3Server, startS3 } from "../../../src/sandbox/s3/s3-server.ts";
import { archiveFolder, findArchive } from "../../support/archives.ts";
import { makeHome, runArchive, startArchive } from "./run-command.ts";

const timeout = 240_000;
const walE = "wal-e-15-heroku";
const keys = { AWS_ACCESS_KEY_ID: "AKGOOD", AWS_SECRET_ACCESS_KEY: "good" };

async function startBucket(root: string): Promise<S3Server> {
  await cp(join(archiveFolder(walE), "prefix"), join(root, "bucket/some/path"), { recursive: true });
  return startS3({ root, credentials: new Map([["AKGOOD", { secretAccessKey: "good" }]]) });
}

describe.skipIf(findArchive(walE) === undefined)("an archive in S3", { timeout }, () => {
  test("is read with the keys of the usual environment, through --endpoint", async () => {
    await using home = await makeHome();
    await using server = await startBucket(home.path);
    const args = ["--prefix", "s3://bucket/some/path", "--endpoint", server.url, "--region", "eu-west-1"];
    const listed = await runArchive(["list", "--json", ...args], keys);
    expect(listed.stderr).toBe("");
    expect(JSON.parse(listed.stdout)).toMatchObject({ backups: [{ postgresql: "15.20", wal: { isComplete: true } }] });
    const checked = await runArchive(["check", "--json", ...args], keys);
    expect(JSON.parse(checked.stdout)).toMatchObject({ isGood: true, parts: 5 });
    const viaEnvironment = { ...keys, AWS_ENDPOINT_URL_S3: server.url };
    expect((await runArchive(["list", "--prefix", "s3://bucket/some/path"], viaEnvironment)).status).toBe(0);
  });

  test("wrong keys are refused with 1, expired ones with 3 and the command that goes on, without a secret", async () => {
    await using home = await makeHome();
    await using server = await startBucket(home.path);
    const args = ["list", "--prefix", "s3://bucket/some/path", "--endpoint", server.url];
    const wrong = await runArchive(args, { ...keys, AWS_SECRET_ACCESS_KEY: "sesame-open" });
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toMatch(/DB_ARCHIVE_ACCESS: .*SignatureDoesNotMatch/);
    expect(wrong.stderr).not.toContain("sesame");
    const none = await runArchive(args, { AWS_SHARED_CREDENTIALS_FILE: "/none", AWS_CONFIG_FILE: "/none" });
    expect(none.status).toBe(1);
    expect(none.stderr).toMatch(/Set AWS_ACCESS_KEY_ID/);
    server.setFault("expiredToken", {});
    const expired = await runArchive([...args, "--json"], keys);
    expect(expired.status).toBe(3);
    expect(JSON.parse(expired.stdout)).toMatchObject({ error: { code: "DB_ARCHIVE_ACCESS" } });
    expect(expired.stderr).toContain(
      `Go on with:\n  npx drawbridge archive list --prefix s3://bucket/some/path --endpoint ${server.url} --json`,
    );
  });

  test("a server that is away is 3", async () => {
    await using home = await makeHome();
    const server = await startBucket(home.path);
    const args = ["list", "--prefix", "s3://bucket/some/path", "--endpoint", server.url];
    await server.stop();
    const away = await runArchive(args, keys);
    expect(away.status).toBe(3);
    expect(away.stderr).toMatch(/DB_CONNECTION/);
  });

  test("a restore that Ctrl-C stops goes on where it was, and does not fetch what it has", async () => {
    await using home = await makeHome();
    await using server = await startBucket(home.path);
    const into = join(home.path, "data");
    const args = ["restore", "--prefix", "s3://bucket/some/path", "--endpoint", server.url, "--into", into, "--json"];
    server.setFault("slow", { bytesPerSecond: 400_000 });
    const { child, ended } = startArchive(args, keys);
    const journal = `${into}.restore-journal`;
    await waitFor(async () => existsSync(journal) && (await partsDone(journal)) >= 1, {
      what: "a part to be unpacked",
      deadlineMs: 90_000,
    });
    child.kill("SIGINT");
    const stopped = await ended;
    expect(stopped.status).toBe(3);
    expect(stopped.stderr).toMatch(/DB_ABORTED/);
    expect(stopped.stderr).toContain("Go on with:\n  npx drawbridge archive restore");
    expect(existsSync(join(into, "global/pg_control"))).toBe(false);
    const done = await partsDone(journal);
    server.setFault("slow", undefined);
    const again = await runArchive(args, keys);
    expect(again.stderr).not.toMatch(/DB_/);
    expect(again.status).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ dataDirectory: into, postgresql: 15, mode: "recover-to-end" });
    expect(await readdir(into)).toEqual(expect.arrayContaining(["postgresql.conf", "recovery.signal", "backup_label"]));
    expect(existsSync(journal)).toBe(false);
    // the second run begins with what the first one had
    expect(again.stderr).toMatch(/Going on: /);
    expect(done).toBeGreaterThanOrEqual(1);
    // and once it is done, nothing is overwritten
    expect((await runArchive(args, keys)).status).toBe(1);
  });
});

/** How many parts a restore's journal calls unpacked. */
async function partsDone(journal: string): Promise<number> {
  return (await readFile(journal, "utf8")).split("\n").filter((line) => line.includes('"written"')).length;
}
