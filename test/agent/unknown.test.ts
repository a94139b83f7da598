import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { differingCollations } from "../../src/agent/collation-look.ts";
import { instancePaths } from "../../src/agent/instance.ts";
import { serverPid } from "../../src/agent/local-postgres.ts";
import { readPosition } from "../../src/agent/standby.ts";
import type { Queryable } from "../../src/postgres/connect.ts";

/** A server that answers every question with these rows. */
function answering(rows: readonly object[]): Queryable {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a query's type is what its caller expects
  return { query: <Row extends object>() => Promise.resolve([...rows] as Row[]) };
}

test("a server that does not say where it stands is nowhere, not at 0/0", async () => {
  const unknown = { code: "DB_UNEXPECTED", message: "PostgreSQL did not say where it stands" };
  await expect(readPosition(answering([]))).rejects.toMatchObject(unknown);
  const started = { in_recovery: true, lsn: null, paused: false, timeline: 1 };
  await expect(readPosition(answering([started]))).rejects.toMatchObject(unknown);
  expect(await readPosition(answering([{ ...started, lsn: "0/5" }]))).toMatchObject({ lsn: "0/5", timeline: 1 });
});

test("a server that does not say its version is not taken for an old one", async () => {
  await expect(differingCollations(answering([]))).rejects.toMatchObject({ code: "DB_UNEXPECTED" });
});

test("a postmaster.pid that cannot be read does not mean that no server runs", async () => {
  const dir = await mkdtemp("/tmp/drawbridge-pid-");
  try {
    const paths = instancePaths(dir);
    expect(await serverPid(paths)).toBeUndefined();
    await mkdir(join(paths.dataDir, "postmaster.pid"), { recursive: true });
    await expect(serverPid(paths)).rejects.toThrow(/EISDIR/);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
