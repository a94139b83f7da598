import { afterAll, beforeAll, expect, it } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { createApproval, moveApproval, placeApproval } from "../../src/journal/approvals-rows.ts";
import { createDraft, setPhase, setState } from "../../src/journal/migrations.ts";
import { getOutbox } from "../../src/journal/outbox.ts";
import { upsertVote } from "../../src/journal/votes.ts";
import { askWindow, openWindowRow } from "../../src/journal/windows.ts";
import { openRefresher } from "../../src/slack/refresh.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeJournal } from "../support/journal.ts";
import { settings } from "./settings.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

it("a card that asks is edited when votes are quiet, and at once when the window opens", async () => {
  await using journal = await makeJournal(cluster);
  const { db } = journal.admin;
  const { migration: migrationId } = settings;
  await createDraft(db, { id: migrationId, driver: "greg", configDigest: "c" });
  await setState(db, migrationId, "active");
  await setPhase(db, migrationId, "promote");
  const refresher = openRefresher({ journal: journal.bot, settings });
  const revision = async (): Promise<number> => (await getOutbox(db, "card", migrationId, "card"))?.revision ?? 0;
  const round = async (): Promise<number> => {
    await refresher.round();
    return revision();
  };
  const first = await round();
  const ask = { migrationId, name: "window-1", try: 1, askedBy: "greg", forecastMs: 40_000 } as const;
  const windowId = await askWindow(db, ask);
  const gate = { id: "g", migrationId, windowId, gate: "maintenance", step: "s", digest: "7f3a9c" } as const;
  await createApproval(db, { ...gate, subject: {}, evidence: {}, requesters: ["greg"], expiresInMs: 600_000 });
  await placeApproval(db, "g", "CMAIN", "1.0");
  await moveApproval(db, "g", { from: ["OPENING"], to: "PENDING" });
  expect(await round()).toBe(first);
  await waitFor(async () => (await round()) > first, { what: "the card to ask", deadlineMs: 10_000, everyMs: 100 });
  const asked = await revision();
  const vote = { approvalId: "g", person: "ann", slackUser: "UANN", decision: "approve", eligible: true } as const;
  await upsertVote(db, vote);
  expect(await round()).toBe(asked);
  await openWindowRow(db, windowId, 60_000, {});
  expect(await round()).toBeGreaterThan(asked);
});
