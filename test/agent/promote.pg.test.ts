import { existsSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listBackups } from "../../src/archive/format/list-backups.ts";
import { parseWalLsn } from "../../src/archive/format/wal-names.ts";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import { waitFor } from "../../src/clock.ts";
import { scramVerifier } from "../../src/postgres/scram.ts";
import { openSession } from "../../src/postgres/session.ts";
import { Secret } from "../../src/redact.ts";
import { archiveFolder } from "../support/archives.ts";
import { makeBridge, type TestBridge } from "./bridge.ts";
import { readExpected, readTables } from "./fixture.ts";

const name = "wal-e-15-heroku";

async function followingBridge(): Promise<{ bridge: TestBridge; port: number }> {
  const bridge = await makeBridge(folderStore(join(archiveFolder(name), "prefix")));
  try {
    bridge.journal.setGoal("standby");
    bridge.startAgent();
    const state = await bridge.journal.reached("following", (one) => {
      return parseWalLsn(one.facts.replayLsn ?? "0/0") >= parseWalLsn("0/4130208");
    });
    return { bridge, port: state.facts.port ?? 0 };
  } catch (thrown) {
    await bridge[Symbol.asyncDispose]();
    throw thrown;
  }
}

const verifiers = {
  adminVerifier: scramVerifier(new Secret("admin secret")),
  replVerifier: scramVerifier(new Secret("repl secret")),
};

describe("promotion", () => {
  test("makes a primary with our roles, takes the others' superuser logins, and backs itself up restorably", async () => {
    const { bridge, port } = await followingBridge();
    await using _ = bridge;
    bridge.journal.setGoal("primary", { ...verifiers, firstBackup: true });
    const primary = await bridge.journal.reached("primary");
    expect(primary.facts.timeline).toBe(2);

    const url = (role: string, password: string): Secret =>
      new Secret(`postgres://${role}:${encodeURIComponent(password)}@127.0.0.1:${port}/shop`);
    await using admin = await openSession(url("drawbridge_admin", "admin secret"), {
      applicationName: "drawbridge-test",
    });
    expect(await admin.query("select rolsuper from pg_roles where rolname = current_user")).toEqual([
      { rolsuper: true },
    ]);
    await using repl = await openSession(url("drawbridge_repl", "repl secret"), { applicationName: "drawbridge-test" });
    expect(await repl.query("select rolreplication from pg_roles where rolname = current_user")).toEqual([
      { rolreplication: true },
    ]);
    // the archive's bootstrap superuser has no line for TCP
    await expect(openSession(url("postgres", ""), { applicationName: "drawbridge-test" })).rejects.toThrow(
      /pg_hba|no entry/,
    );

    await admin.query("create table born_on_bridge as select g as id from generate_series(1, 1000) g");
    const done = await bridge.journal.reached("primary", (one) => one.facts.firstBackup !== undefined);
    const ours = folderStore(join(bridge.backupsDir, "restore-1"));
    expect((await listBackups(ours)).map((backup) => backup.name)).toEqual([done.facts.firstBackup]);

    const expected = await readExpected(name);
    await admin.query("select pg_switch_wal()");
    await waitFor(
      async () => {
        const [row] = await admin.query<{ ok: boolean }>(
          "select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 16777216) as ok from pg_stat_archiver",
        );
        return row?.ok;
      },
      { deadlineMs: 20_000, what: "the last segment in our bucket" },
    );
    await using second = await makeBridge(ours);
    second.journal.setGoal("standby", { systemIdentifier: expected.system_identifier });
    second.startAgent();
    const state = await second.journal.reached("following");
    await using session = await second.session("shop", state.facts.port ?? 0);
    expect(await readTables(session, expected)).toEqual(expected.tables);
    await waitFor(
      async () => (await session.query("select 1 from pg_class where relname = 'born_on_bridge'")).length === 1,
      {
        deadlineMs: 20_000,
        what: "what was written on the bridge",
      },
    );
  });

  test("does not happen when the goal was changed before the lock, and the standby goes on", async () => {
    const { bridge, port } = await followingBridge();
    await using _ = bridge;
    const { journal } = bridge;
    const original = journal.withGoalLocked.bind(journal);
    journal.withGoalLocked = (epoch, fn) => {
      journal.withGoalLocked = original;
      journal.setGoal("standby"); // somebody aborts in the last moment
      return original(epoch, fn);
    };
    journal.setGoal("primary", verifiers);
    await waitFor(() => journal.states.at(-1)?.state === "following" && journal.states.at(-1)?.epoch === 3n, {
      deadlineMs: 20_000,
      what: "the standby to be followed again",
    });
    await using session = await bridge.session("shop", port);
    expect(await session.query("select pg_is_in_recovery() as standby")).toEqual([{ standby: true }]);
  });

  test("a promoted bridge is restored again when the goal goes back, and wiped when it says so", async () => {
    const { bridge } = await followingBridge();
    await using _ = bridge;
    const promoted = { ...verifiers, firstBackup: true };
    bridge.journal.setGoal("primary", promoted);
    await bridge.journal.reached("primary", (one) => one.facts.firstBackup !== undefined);
    bridge.journal.setGoal("standby");
    const back = await bridge.journal.reached("following");
    expect(back.facts.timeline).toBe(1);
    // the second promotion makes the same timeline again: its WAL must not meet the first one's in the bucket
    bridge.journal.setGoal("primary", promoted);
    await bridge.journal.reached("primary", (one) => one.facts.firstBackup !== undefined);
    // an application that reaches it makes it production, whatever the journal says
    const port = back.facts.port ?? 0;
    await appendFile(join(bridge.instanceDir, "pgdata", "pg_hba.conf"), "host all visitor 127.0.0.1/32 trust\n");
    {
      await using session = await bridge.session("shop", port);
      await session.query("create role visitor login");
      await session.query("select pg_reload_conf()");
    }
    const url = new Secret(`postgres://visitor@127.0.0.1:${port}/shop`);
    const app = await waitFor(() => openSession(url, { applicationName: "web.1" }).catch(() => undefined), {
      deadlineMs: 10_000,
      what: "the application to be let in",
    });
    bridge.journal.setGoal("wiped");
    const refusal = () => bridge.journal.states.at(-1)?.facts.error?.message;
    await waitFor(() => refusal()?.includes("in use by"), { deadlineMs: 20_000, what: "the agent to refuse" });
    expect(existsSync(join(bridge.instanceDir, "pgdata"))).toBe(true);
    await app.close();
    bridge.journal.setGoal("wiped");
    await bridge.journal.reached("wiped");
    expect(existsSync(join(bridge.instanceDir, "pgdata"))).toBe(false);
  });
});

describe("the agent's own death", () => {
  test("stops nothing: PostgreSQL goes on, and the next agent goes on with it", async () => {
    const { bridge, port } = await followingBridge();
    await using _ = bridge;
    await bridge.stopAgent();
    await using session = await bridge.session("shop", port);
    const [before] = await session.query<{ at: Date }>("select pg_postmaster_start_time() as at");
    bridge.startAgent();
    await bridge.journal.reached("following");
    expect(await session.query("select pg_postmaster_start_time() as at")).toEqual([before]);
  });

  test("goals of lower epochs and of another cluster are refused", async () => {
    const archive = folderStore(join(archiveFolder(name), "prefix"));
    await using bridge = await makeBridge(archive);
    bridge.journal.setGoal("standby", { systemIdentifier: "12345" }, 5n);
    bridge.startAgent();
    const other = await bridge.journal.reached("failed");
    expect(other.facts.error?.message).toMatch(/cluster 7710946750875798065/);
    bridge.journal.setGoal("standby", {}, 4n);
    const older = await bridge.journal.reached("failed");
    expect(older.facts.error?.message).toMatch(/epoch 4 refused/);
  });
});
