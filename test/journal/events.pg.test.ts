import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { createApproval } from "../../src/journal/approvals-rows.ts";
import { requestClaim, writeAttestation } from "../../src/journal/claims.ts";
import { appendEvent } from "../../src/journal/events.ts";
import { createDraft, setIntent } from "../../src/journal/migrations.ts";
import { intend } from "../../src/journal/outbox.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";

// passwords count, so that the roles' own credentials are what is tested
const hba = "local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256";
let cluster: TestCluster;
let journal: TestJournal;
let made = 0;

beforeAll(async () => {
  cluster = await startCluster({ hba });
  journal = await makeJournal(cluster);
});
afterAll(async () => {
  await journal[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

async function migration(): Promise<string> {
  const id = `shop-${++made}`;
  await createDraft(journal.worker, { id, driver: "dan", configDigest: "c0ffee" });
  return id;
}

async function approval(id: string, windowId?: number): Promise<string> {
  const name = `${id}-maintenance-${++made}`;
  await createApproval(journal.worker, {
    id: name,
    migrationId: id,
    windowId,
    gate: "maintenance",
    step: "turn-maintenance-on",
    digest: "d1",
    subject: { app: "shop" },
    evidence: {},
    requesters: ["dan"],
    expiresInMs: 60_000,
  });
  return name;
}

describe("the journal", () => {
  test("changes are announced to whoever listens", async () => {
    const heard: string[] = [];
    const stop = await journal.bot.listen((change) => heard.push(`${change.table}:${change.migrationId}`));
    const id = await migration();
    await setIntent(journal.worker, id, "hold", "dan");
    const gate = await approval(id);
    await requestClaim(journal.worker, { nonce: `h-${id}`, approvals: [gate], migrationId: id, epoch: 0n });
    await writeAttestation(journal.bot, `h-${id}`, {});
    await intend(journal.worker, { kind: "note", migrationId: id, key: "k", audience: "thread" });
    await appendEvent(journal.bot, { migrationId: id, kind: "k", actor: "bot" });
    const wanted = ["migration", "approval", "claim_request", "attestation", "outbox", "event"].map(
      (table) => `${table}:${id}`,
    );
    await waitFor(() => wanted.every((line) => heard.includes(line)), {
      deadlineMs: 5_000,
      everyMs: 10,
      what: "notifications",
    });
    expect(heard).toEqual(expect.arrayContaining(wanted));
    stop();
  });
});
