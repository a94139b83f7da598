import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderStore } from "../../src/archive/folder-store.ts";
import { scramVerifier } from "../../src/postgres/scram.ts";
import { openSession, type Session } from "../../src/postgres/session.ts";
import { Secret } from "../../src/redact.ts";
import { archiveFolder } from "../support/archives.ts";
import { makeBridge } from "./bridge.ts";

const archive = folderStore(join(archiveFolder("wal-e-15-heroku"), "prefix"));

/** An address of this machine that is not loopback. */
const away = Object.values(networkInterfaces())
  .flatMap((entries) => entries ?? [])
  .find((entry) => entry.family === "IPv4" && !entry.internal)?.address;

function login(host: string, port: number, query = ""): Promise<Session> {
  const url = new Secret(`postgres://drawbridge_admin:secret@${host}:${port}/shop${query}`);
  return openSession(url, { applicationName: "drawbridge-test" });
}

async function isEncrypted(session: Session): Promise<boolean | undefined> {
  const [row] = await session.query<{ ssl: boolean }>("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
  return row?.ssl;
}

async function primary(bridge: Awaited<ReturnType<typeof makeBridge>>): Promise<number> {
  bridge.journal.setGoal("standby");
  bridge.startAgent();
  await bridge.journal.reached("following");
  bridge.journal.setGoal("primary", { adminVerifier: scramVerifier(new Secret("secret")) });
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

  test("told to encrypt always: does so on loopback too", async () => {
    await using bridge = await makeBridge(archive, { tls: "always" });
    const port = await primary(bridge);
    await using session = await login("127.0.0.1", port, "?sslmode=require");
    expect(await isEncrypted(session)).toBe(true);
    await expect(login("127.0.0.1", port, "?sslmode=disable")).rejects.toThrow(/no encryption/);
  });
});
