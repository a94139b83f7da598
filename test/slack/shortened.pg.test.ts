import { expect, it } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { getOutbox, intend } from "../../src/journal/outbox.ts";
import { faultsSchema, rollFaults } from "../../src/sandbox/slack/faults.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { main, migration, openWorld } from "./world.ts";

const { cluster } = await journalOfFile();
const poll = { deadlineMs: 20_000, everyMs: 20 };

it("a shortened message whose answer was lost is found by its metadata, and not posted twice", async () => {
  await using world = await openWorld(cluster);
  const refuse = [{ method: "chat.postMessage", error: "msg_too_long", onlyWithBlocks: true }];
  await world.act("faults", { refuse });
  const text = `shorter ${"x".repeat(2_000)}`;
  const { workspace } = world.slack;
  // from the moment in which the shorter form stands, before its answer goes out
  const unwatch = world.slack.watch(() => {
    const stands = workspace.channels.get(main)?.messages.some((each) => each.text === text);
    if (stands === true) workspace.faults = rollFaults(faultsSchema.parse({ refuse, loseResponses: 1 }));
  });
  const note = { kind: "note", migrationId: migration, key: "shorter", audience: "main" } as const;
  await intend(world.journal.worker.db, { ...note, facts: { text } });
  const isLost = (): boolean =>
    workspace.log.some(({ name, outcome }) => name === "chat.postMessage" && outcome.startsWith("ok, response lost"));
  await waitFor(isLost, { ...poll, what: "the lost answer" });
  unwatch();
  await world.act("faults", { refuse });
  const isSent = async (): Promise<boolean> =>
    (await getOutbox(world.journal.admin.db, "note", migration, "shorter"))?.state === "sent";
  await waitFor(isSent, { ...poll, what: "the row to be sent" });
  expect((await world.messages()).filter((each) => each.text.startsWith("shorter "))).toHaveLength(1);
});
