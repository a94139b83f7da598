import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { waitFor } from "../../src/clock.ts";
import { scramVerifier } from "../../src/postgres/scram.ts";
import { openSession, type Session } from "../../src/postgres/session.ts";
import { createSubscription } from "../../src/postgres/subscriptions.ts";
import { runTool } from "../../src/postgres/tool.ts";
import { Secret } from "../../src/redact.ts";
import { archiveFolder } from "../support/archives.ts";
import { systemBindir } from "../support/bindir.ts";
import { startCluster } from "../support/cluster.ts";
import { makeBridge } from "./bridge.ts";

const archive = folderStore(join(archiveFolder("wal-e-15-heroku"), "prefix"));

afterEach(() => void vi.unstubAllEnvs());

/** An address of this machine that is not loopback. */
const away = Object.values(networkInterfaces())
  .flatMap((entries) => entries ?? [])
  .find((entry) => entry.family === "IPv4" && !entry.internal)?.address;

function urlOf(role: "admin" | "repl", host: string, port: number, query = ""): Secret {
  return new Secret(`postgres://drawbridge_${role}:secret@${host}:${port}/shop${query}`);
}

function login(host: string, port: number, query = ""): Promise<Session> {
  return openSession(urlOf("admin", host, port, query), { applicationName: "drawbridge-test" });
}

async function isEncrypted(session: Session): Promise<boolean | undefined> {
  const [row] = await session.query<{ ssl: boolean }>("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
  return row?.ssl;
}

async function primary(bridge: Awaited<ReturnType<typeof makeBridge>>): Promise<number> {
  bridge.journal.setGoal("standby");
  bridge.startAgent();
  await bridge.journal.reached("following");
  const verifier = scramVerifier(new Secret("secret"));
  bridge.journal.setGoal("primary", { adminVerifier: verifier, replVerifier: verifier });
  return (await bridge.journal.reached("primary")).facts.port ?? 0;
}

describe("the bridge's PostgreSQL", () => {
  test.skipIf(away === undefined)(
    "announced by another address than loopback: encrypts what comes by it, and refuses what is not encrypted",
    async () => {
      await using bridge = await makeBridge(archive, { host: away ?? "" });
      const port = await primary(bridge);
      expect(bridge.journal.states.at(-1)?.facts.host).toBe(away);
      // a URL without sslmode is what the worker and the application have
      for (const query of ["", "?sslmode=require"]) {
        await using session = await login(away ?? "", port, query);
        expect(await isEncrypted(session)).toBe(true);
      }
      await expect(login(away ?? "", port, "?sslmode=disable")).rejects.toThrow(/no encryption/);
      await using near = await login("127.0.0.1", port);
      expect(await isEncrypted(near)).toBe(false);
    },
  );

  test.skipIf(away === undefined)("takes pg_dump and a subscriber with TLS by that address", async () => {
    await using bridge = await makeBridge(archive, { host: away ?? "" });
    const port = await primary(bridge);
    const dumped = await runTool("pg_dump", {
      bindir: systemBindir(),
      url: urlOf("admin", away ?? "", port),
      args: ["--schema-only"],
      deadlineMs: 30_000,
    });
    expect([dumped.exitCode, dumped.stderr]).toEqual([0, ""]);

    await using admin = await login("127.0.0.1", port);
    await admin.query("create table parcels (id int primary key)");
    await admin.query("insert into parcels select generate_series(1, 100)");
    await admin.query("grant select on parcels to drawbridge_repl");
    await admin.query("create publication parcels for table parcels");
    // the server would look for a client certificate in our own home, which its user cannot enter
    vi.stubEnv("HOME", bridge.home);
    await using cluster = await startCluster({ settings: { wal_level: "logical" } });
    await using subscriber = await openSession(new Secret(cluster.url()), { applicationName: "drawbridge-test" });
    await subscriber.query("create table parcels (id int primary key)");
    const publisher = urlOf("repl", away ?? "", port);
    const how = { name: "parcels", publication: "parcels", publisher, createSlot: true, copyData: true, enabled: true };
    await createSubscription(subscriber, how);
    const count = async () => (await subscriber.query("select id from parcels")).length === 100;
    await waitFor(count, { deadlineMs: 20_000, what: "the rows on the subscriber" });
    const senders = await admin.query(
      "select ssl from pg_stat_ssl join pg_stat_replication using (pid) where application_name = 'parcels'",
    );
    expect(senders).toEqual([{ ssl: true }]);
    await subscriber.query("alter subscription parcels disable");
    await subscriber.query("alter subscription parcels set (slot_name = none)");
    await subscriber.query("drop subscription parcels");
  });

  test("told to encrypt always: does so on loopback too", async () => {
    await using bridge = await makeBridge(archive, { tls: "always" });
    const port = await primary(bridge);
    await using session = await login("127.0.0.1", port, "?sslmode=require");
    expect(await isEncrypted(session)).toBe(true);
    await expect(login("127.0.0.1", port, "?sslmode=disable")).rejects.toThrow(/no encryption/);
  });
});
