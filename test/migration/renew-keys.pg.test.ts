import { mkdtemp, rm } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { folderStore } from "../../src/archive/store/folder-store.ts";
import type { ObjectStore } from "../../src/archive/store/object-store.ts";
import { setGoal, writeAgentState } from "../../src/journal/agent-goals.ts";
import type { AgentFacts, AgentState } from "../../src/journal/agent-rows.ts";
import { createDraft } from "../../src/journal/migrations.ts";
import { bootstrapDocument, renewArchiveKeys } from "../../src/migration/bootstrap-document.ts";
import { bootstrapKey } from "../../src/migration/bootstrap.ts";
import type { World } from "../../src/migration/world.ts";
import { Secret } from "../../src/redact.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";
import { partOf } from "./part-of.ts";

let cluster: TestCluster;
let journal: TestJournal;
let home = "";
let made = 0;

beforeAll(async () => {
  cluster = await startCluster();
  journal = await makeJournal(cluster);
  home = await mkdtemp("/tmp/drawbridge-bucket-");
});
afterAll(async () => {
  await journal[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

interface Case {
  readonly world: World;
  readonly bucket: ObjectStore;
  /** Heroku's config var with the secret key. */
  readonly vars: Map<string, Secret>;
  readonly written: () => Promise<string | undefined>;
}

/** A migration whose agent got its document, and then said something. */
async function bridge(state: AgentState["state"], facts: AgentFacts): Promise<Case> {
  const migrationId = `keys-${(made += 1)}`;
  await createDraft(journal.worker, { id: migrationId, driver: "dan", configDigest: "c" });
  const bucket = folderStore(home);
  const vars = new Map([
    ["ID", new Secret("AKIAOLD")],
    ["KEY", new Secret("old secret")],
  ]);
  const archive = { prefix: "s3://b/p", region: "r", accessKeyIdVar: "ID", secretAccessKeyVar: "KEY" };
  const world = partOf<World>({
    migrationId,
    journal: { db: journal.admin },
    bucket,
    key: new Secret("k".repeat(32)),
    agentLinks: { journal: new Secret("postgres://j/db"), redis: new Secret("redis://r") },
    config: { archive, heroku: { app: "shop" }, aws: { bucket: "b", region: "r" } },
    heroku: { configVars: () => Promise.resolve(vars) },
  });
  await bucket.put(bootstrapKey(migrationId), Buffer.from(await bootstrapDocument(world)));
  const epoch = await setGoal(journal.admin, migrationId, "standby", {});
  await writeAgentState(journal.admin, { migrationId, epoch, state, facts });
  const written = async (): Promise<string | undefined> => {
    const object = await bucket.get(bootstrapKey(migrationId));
    return object && text(object.body);
  };
  return { world, bucket, vars, written };
}

const refused: AgentFacts = { error: { code: "DB_ARCHIVE_ACCESS", message: "ExpiredToken", outcome: "paused" } };

test("keys that Heroku has renewed reach an agent whose own are refused, in mid-restore and while it follows", async () => {
  for (const state of ["failed", "following"] as const) {
    const { world, vars, written } = await bridge(state, refused);
    expect(await renewArchiveKeys(world)).toBe(false);
    vars.set("KEY", new Secret("new secret"));
    expect(await renewArchiveKeys(world)).toBe(true);
    const document: unknown = JSON.parse((await written()) ?? "");
    expect(document).toMatchObject({
      archive: { accessKeyId: "AKIAOLD", secretAccessKey: "new secret" },
      journalUrl: expect.stringContaining(`drawbridge_agent_${world.migrationId}`),
    });
    expect(await renewArchiveKeys(world)).toBe(false);
  }
});

test("an agent whose keys are good is left alone, and a document that was removed is not brought back", async () => {
  const well = await bridge("following", {});
  well.vars.set("KEY", new Secret("new secret"));
  expect(await renewArchiveKeys(well.world)).toBe(false);
  expect(await well.written()).toContain("old secret");
  const retired = await bridge("failed", refused);
  retired.vars.set("KEY", new Secret("new secret"));
  await retired.bucket.delete(bootstrapKey(retired.world.migrationId));
  expect(await renewArchiveKeys(retired.world)).toBe(false);
  expect(await retired.written()).toBeUndefined();
});
