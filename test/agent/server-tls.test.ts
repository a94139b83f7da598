import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { AgentContext } from "../../src/agent/context.ts";
import { instancePaths, prepareInstance } from "../../src/agent/instance.ts";
import { ensureServerTls } from "../../src/agent/server-tls.ts";
import { findServerUser } from "../../src/archive/server/server-user.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { systemClock } from "../../src/clock.ts";
import { silentLog } from "../../src/log.ts";
import { MemoryJournal } from "./memory-journal.ts";

async function instance(host: string, listenHost?: string) {
  const home = await mkdtemp("/tmp/drawbridge-tls-");
  await chmod(home, 0o755);
  const paths = instancePaths(join(home, "instance"));
  const user = await findServerUser();
  await prepareInstance(paths, user);
  const deps: AgentContext["deps"] = {
    journal: new MemoryJournal(),
    archive: folderStore(home),
    backups: folderStore(home),
    instanceDir: paths.dir,
    bindir: "/nowhere",
    host,
    ...(listenHost === undefined ? {} : { listenHost }),
    log: silentLog,
    clock: systemClock,
    signal: new AbortController().signal,
  };
  return {
    context: { deps, paths, user },
    [Symbol.asyncDispose]: async () => {
      await rm(home, { recursive: true, force: true });
      await rm(paths.socketDir, { recursive: true, force: true });
    },
  };
}

describe("key and certificate of the bridge", () => {
  test("are made once, for the announced address, and only the server's user can read the key", async () => {
    await using bridge = await instance("203.0.113.9");
    const { user, paths } = bridge.context;
    // what a crash in the middle leaves
    await mkdir(join(paths.dir, "tls.half"));
    const tls = await ensureServerTls(bridge.context);
    if (tls === undefined) throw new Error("no TLS for a public address");
    expect(tls.demandedOf).toBe("away");
    const key = await stat(tls.keyFile);
    expect(key.mode & 0o777).toBe(0o600);
    expect(key.uid).toBe(user.owner?.uid ?? process.getuid?.());
    const made = await readFile(tls.certificateFile);
    const certificate = new X509Certificate(made);
    expect(certificate.checkIP("203.0.113.9")).toBe("203.0.113.9");
    expect(certificate.validToDate.getTime() - Date.now()).toBeGreaterThan(9 * 365 * 86_400_000);
    expect(existsSync(join(paths.dir, "tls.half"))).toBe(false);

    expect(await ensureServerTls(bridge.context, "/nowhere/openssl")).toEqual(tls);
    expect(await readFile(tls.certificateFile)).toEqual(made);
  });

  test("carry a host's name as well", async () => {
    await using bridge = await instance("bridge.example.org");
    const tls = await ensureServerTls(bridge.context);
    const certificate = new X509Certificate(await readFile(tls?.certificateFile ?? ""));
    expect(certificate.checkHost("bridge.example.org")).toBe("bridge.example.org");
  });

  test("without openssl the bridge says which package is missing, and leaves nothing half", async () => {
    await using bridge = await instance("203.0.113.9");
    const attempt = ensureServerTls(bridge.context, "/nowhere/openssl");
    await expect(attempt).rejects.toMatchObject({ code: "DB_CONFIG", message: /install the package openssl/ });
    expect(existsSync(join(bridge.context.paths.dir, "tls"))).toBe(false);
  });

  test("on loopback alone nothing is needed, openssl neither", async () => {
    await using bridge = await instance("127.0.0.1");
    expect(await ensureServerTls(bridge.context, "/nowhere/openssl")).toBeUndefined();
    await using away = await instance("127.0.0.1", "*");
    await expect(ensureServerTls(away.context, "/nowhere/openssl")).rejects.toMatchObject({ code: "DB_CONFIG" });
  });
});
