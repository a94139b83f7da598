import { createHash } from "node:crypto";
import { chownSync, createReadStream, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Client } from "pg";
import { waitFor } from "../../src/clock.ts";
import { freePort } from "../../test/support/free-port.ts";
import { serverUser } from "../../test/support/server-user.ts";
import { bindir } from "./source-cluster.ts";
import { shell } from "./system.ts";

/** Size and digest of each file of a data directory, by path. */
export type Census = ReadonlyMap<string, string>;

/** What each tool makes or leaves out by its own lights: configuration, labels, signals, journals and WAL. */
const notCompared =
  /^(pg_wal\/|[^/]*\.(conf|conf\..*|signal|from-archive)$|backup_label|tablespace_map$|backup_manifest$|\.|postgresql\.|drawbridge|pg_replslot\/)/;

/** Reads every file of a restored directory that comes out of the archive. */
export async function takeCensus(dir: string): Promise<Census> {
  const census = new Map<string, string>();
  const names = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .filter((name) => !notCompared.test(name))
    .toSorted();
  for (const name of names) {
    const hash = createHash("sha256");
    await pipeline(createReadStream(join(dir, name), { highWaterMark: 1024 * 1024 }), hash);
    census.set(name, hash.digest("hex"));
  }
  return census;
}

/** What differs between two restores of one archive, at most `some` things. Empty: the same content. */
export function differences(ours: Census, theirs: Census, some = 5): string[] {
  const names = [...new Set([...ours.keys(), ...theirs.keys()])].toSorted();
  const found = names.flatMap((name) => {
    if (!ours.has(name)) return [`${name} is missing in ours`];
    if (!theirs.has(name)) return [`${name} is only in ours`];
    return ours.get(name) === theirs.get(name) ? [] : [`${name} has other content`];
  });
  return found.slice(0, some);
}

/** Starts a restored directory with the WAL of `walDir` until it is consistent, and counts the table `event`. */
export async function countEvents(dir: string, walDir: string): Promise<string> {
  const port = await freePort();
  const settings = [
    "listen_addresses = ''",
    `unix_socket_directories = '${dir}'`,
    `port = ${port}`,
    `restore_command = 'cp ${walDir}/%f %p'`,
    "recovery_target = 'immediate'",
    "recovery_target_action = 'pause'",
    "hot_standby = on",
    "fsync = off",
  ];
  for (const name of ["standby.signal", "postgresql.auto.conf"]) rmSync(join(dir, name), { force: true });
  writeOwned(join(dir, "bench.conf"), settings.join("\n"));
  writeOwned(join(dir, "bench-hba.conf"), "local all all trust\n");
  writeOwned(join(dir, "bench-ident.conf"), "");
  writeOwned(join(dir, "recovery.signal"), "");
  const files = `-c config_file=${dir}/bench.conf -c hba_file=${dir}/bench-hba.conf -c ident_file=${dir}/bench-ident.conf`;
  await shell(`${bindir}/pg_ctl -D '${dir}' -o '${files}' -l '${dir}/bench.log' -w -t 120 start >/dev/null`);
  try {
    return await waitFor(() => count(dir, port), { deadlineMs: 120_000, what: "an answer of the restored server" });
  } finally {
    await shell(`${bindir}/pg_ctl -D '${dir}' -m immediate -w stop >/dev/null`);
  }
}

async function count(host: string, port: number): Promise<string | undefined> {
  const client = new Client({ host, port, user: "postgres", database: "postgres" });
  try {
    await client.connect();
    const { rows } = await client.query<{ count: string }>("SELECT count(*)::text AS count FROM event");
    return rows[0]?.count;
  } catch (cause) {
    // 57P03: the server is still starting
    if (cause instanceof Error && "code" in cause && cause.code === "57P03") return undefined;
    throw cause;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function writeOwned(path: string, content: string): void {
  writeFileSync(path, `${content}\n`, { mode: 0o600 });
  const { uid, gid } = serverUser();
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}
