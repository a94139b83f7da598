import { expect, test } from "vitest";
import { moveApproval, placeApproval } from "../../src/journal/approvals-rows.ts";
import { requestClaim, writeAttestation } from "../../src/journal/claims.ts";
import { type Delivery, forgetInbound, insertInbound, openInboundStore } from "../../src/journal/inbound.ts";
import type { JsonObject } from "../../src/journal/json.ts";
import { vetoesSaid } from "../../src/journal/stored-reactions.ts";
import { askWindow, endWindow, openWindowRow } from "../../src/journal/windows.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { journalKit } from "./kit.ts";

const { journal } = await journalOfFile();
const { migration, approval } = journalKit(journal);
let made = 0;

function delivery(body: JsonObject = {}, kind: Delivery["kind"] = "event"): Delivery {
  return { dedupKey: `d-${++made}`, kind, body };
}

function reactionOn(ts: string): JsonObject {
  const item = { type: "message", channel: "C1", ts };
  return { event: { type: "reaction_added", user: "UANN", reaction: "no_entry", item } };
}

async function kept(of: readonly Delivery[]): Promise<string[]> {
  const rows = await journal.bot.query<{ key: string }>(
    "select dedup_key as key from journal.inbound where dedup_key = any ($1) order by received_at, dedup_key",
    [of.map(({ dedupKey }) => dedupKey)],
  );
  return rows.map(({ key }) => key);
}

/** Stores it as if that had been so many days ago. */
async function storedBefore(days: number, one: Delivery): Promise<Delivery> {
  await insertInbound(journal.bot, one);
  await journal.admin.query(
    "update journal.inbound set received_at = clock_timestamp() - $2 * interval '1 day' where dedup_key = $1",
    [one.dedupKey, days],
  );
  return one;
}

test("whoever closes the store waits for everything that was given to it", async () => {
  const store = openInboundStore(journal.bot.db);
  const all = Array.from({ length: 450 }, () => delivery());
  const stored = all.map((one) => store.store(one));
  await store.close();
  expect(await kept(all)).toHaveLength(450);
  expect(new Set(await Promise.all(stored))).toEqual(new Set(["new"]));
});

test("a delivery that cannot be stored is refused alone, and those with it and after it are stored", async () => {
  const store = openInboundStore(journal.bot.db);
  const circle: Record<string, JsonObject> = {};
  circle["itself"] = circle;
  const [before, beside, after] = [delivery(), delivery(), delivery()];
  const first = store.store(before);
  const broken = store.store(delivery(circle)).then(() => "stored", String);
  const second = store.store(beside);
  await store.close();
  expect(await broken).toMatch(/circular/i);
  expect([await first, await second, await store.store(after)]).toEqual(["new", "new", "new"]);
  expect(await kept([before, beside, after])).toHaveLength(3);
});

test("what came in more than thirty days ago is forgotten, whatever it was; the rest is kept", async () => {
  const old = [
    await storedBefore(31, delivery()),
    await storedBefore(400, delivery({}, "command")),
    await storedBefore(31, delivery({}, "interaction")),
    await storedBefore(31, delivery(reactionOn("99.99"))),
  ];
  const young = [await storedBefore(29, delivery()), await storedBefore(0, delivery({}, "command"))];
  expect(await forgetInbound(journal.bot)).toBe(old.length);
  expect(await kept([...old, ...young])).toEqual(young.map(({ dedupKey }) => dedupKey));
  expect(await forgetInbound(journal.bot)).toBe(0);
});

test("a veto on a gate that is alive, or that an open window has used, is not forgotten before it is over", async () => {
  const id = await migration();
  const windowId = await askWindow(journal.worker, {
    migrationId: id,
    name: "window-1",
    try: 1,
    askedBy: "dan",
    forecastMs: 1,
  });
  const gate = await approval(id, windowId);
  const place = { id: gate, channel: "C1", messageTs: "5.5" };
  await placeApproval(journal.bot, gate, place.channel, place.messageTs);
  const veto = await storedBefore(45, delivery(reactionOn("5.5")));
  const stays = async (): Promise<boolean> => {
    await forgetInbound(journal.bot);
    return (await vetoesSaid(journal.bot, place, "no_entry")).includes("UANN") && (await kept([veto])).length === 1;
  };
  expect(await stays()).toBe(true);
  await moveApproval(journal.bot, gate, { from: ["OPENING"], to: "PENDING" });
  expect(await stays()).toBe(true);
  await moveApproval(journal.bot, gate, { from: ["PENDING"], to: "ARMED" });
  expect(await stays()).toBe(true);
  await requestClaim(journal.worker, { nonce: gate, approvals: [gate], migrationId: id, epoch: 0n });
  await writeAttestation(journal.bot, gate, {});
  await moveApproval(journal.worker, gate, { from: ["ARMED"], to: "CONSUMED" });
  await openWindowRow(journal.worker, windowId, 60_000, {});
  expect(await stays()).toBe(true);
  await endWindow(journal.worker, windowId, "closed", "done");
  expect(await stays()).toBe(false);
});
