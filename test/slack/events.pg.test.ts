import { expect, it } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { getApproval } from "../../src/journal/approvals-rows.ts";
import { getOutbox } from "../../src/journal/outbox.ts";
import { votesOn } from "../../src/journal/votes.ts";
import { ids } from "../../src/sandbox/slack/cast.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { askGate, beforeWindow, type BotWorld, main, migration, openWorld } from "./world.ts";

const { cluster } = await journalOfFile();
const poll = { deadlineMs: 15_000, everyMs: 20 };

async function stored(world: BotWorld, type: string): Promise<readonly { readonly body: string }[]> {
  const sql = "select body::text as body from journal.inbound where body #>> '{event,type}' = $1";
  return world.journal.admin.db.query<{ body: string }>(sql, [type]);
}

/** Asks for a gate and waits until its card has settled. @returns its message. */
async function openGate(world: BotWorld, windowId: number, gate: "maintenance" | "promote"): Promise<string> {
  const id = await askGate(world, windowId, gate);
  const settled = async (): Promise<string | undefined> => {
    const approval = await getApproval(world.journal.admin.db, id);
    const row = await getOutbox(world.journal.admin.db, "gate", migration, id);
    return approval?.state === "PENDING" && row?.state === "sent" ? approval.messageTs : undefined;
  };
  return waitFor(settled, { ...poll, what: `${gate} to be asked` });
}

it("accounts that change are a reason to look at the gates only where they may approve", async () => {
  await using world = await openWorld(cluster);
  const windowId = await beforeWindow(world);
  const [first, second] = [await openGate(world, windowId, "maintenance"), await openGate(world, windowId, "promote")];
  const votes = async (gate: string): Promise<string[]> =>
    (await votesOn(world.journal.admin.db, [`gate-${gate}-${windowId}`])).map(({ person }) => person);
  const votedOnSecond = (person: string): Promise<boolean> =>
    waitFor(async () => (await votes("promote")).includes(person), { ...poll, what: `the vote of ${person}` });
  // all gates are looked at in their order: when the second one was, nothing was left to look at in the first
  await world.react(ids.bob, second, "white_check_mark");
  await votedOnSecond("bob");
  await world.act("faults", { dropEvents: true });
  await world.react(ids.ann, first, "white_check_mark");
  await world.act("faults", {});
  await world.act("person", { user: ids.dana, real_name: "Dana Doe" });
  await waitFor(async () => (await stored(world, "user_change")).length === 1, { ...poll, what: "Dana's change" });
  await world.react(ids.cyn, second, "white_check_mark");
  await votedOnSecond("cyn");
  expect(await votes("maintenance")).toEqual([]);
  await world.act("person", { user: ids.ann, real_name: "Ann Doe" });
  await waitFor(async () => (await votes("maintenance")).includes("ann"), {
    ...poll,
    what: "a look at the first gate",
  });
  const bodies = await stored(world, "user_change");
  for (const { body } of bodies) expect(body).not.toMatch(/Doe|@|profile/);
});

it("what people write is not kept, only that and where they wrote", async () => {
  await using world = await openWorld(cluster);
  await world.act("message", { channel: main, user: ids.dana, text: "my private words" });
  const [row] = await waitFor(
    async () => {
      const rows = await stored(world, "message");
      return rows.length > 0 && rows;
    },
    { ...poll, what: "the message's event" },
  );
  expect(row?.body).toContain(ids.dana);
  const rows = await world.journal.admin.db.query<{ body: string }>("select body::text as body from journal.inbound");
  for (const { body } of rows) expect(body).not.toContain("private words");
});
