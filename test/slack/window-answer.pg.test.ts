import { afterAll, beforeAll, expect, it } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { createApproval } from "../../src/journal/approvals-rows.ts";
import { answerCommand, type Command, pendingCommands } from "../../src/journal/commands.ts";
import { getOutbox, intend } from "../../src/journal/outbox.ts";
import type { Gate } from "../../src/journal/phase.ts";
import { openWindowRow } from "../../src/journal/windows.ts";
import { done } from "../../src/migration/commands/command.ts";
import { tellAsker } from "../../src/migration/commands/tell-window.ts";
import type { Queryable } from "../../src/postgres/connect.ts";
import { ids } from "../../src/sandbox/slack/cast.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { beforeWindow, type BotWorld, main, migration, openWorld } from "./world.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

async function askGate(tx: Queryable, windowId: number, gate: Gate): Promise<string> {
  const id = `gate-${gate}-${windowId}`;
  const what = { id, windowId, gate, migrationId: migration, step: `${gate}-step`, digest: "7f3a9c0000", subject: {} };
  await createApproval(tx, { ...what, evidence: {}, requesters: ["greg"], expiresInMs: 600_000 });
  return id;
}

async function typedWindow(world: BotWorld): Promise<Command> {
  await world.act("command", { channel: main, user: ids.greg, text: "/migrate window" });
  const [command] = await pendingCommands(world.journal.worker.db);
  if (command === undefined) throw new Error("no command was stored");
  return command;
}

it("whoever asks for a window reads how it goes on before the gates, once", async () => {
  await using world = await openWorld(cluster);
  const windowId = await beforeWindow(world);
  const command = await typedWindow(world);
  const reply = done("2 gates are open for window 1.", { windowId: String(windowId) });
  await world.journal.worker.db.transaction(async (tx) => {
    // the answer is the youngest intent, and goes first all the same
    for (const gate of ["maintenance", "promote"] as const) {
      const id = await askGate(tx, windowId, gate);
      await intend(tx, { kind: "gate", migrationId: migration, key: id, audience: "main" });
    }
    await tellAsker(tx, migration, command, reply);
  });
  await answerCommand(world.journal.worker.db, command.id, reply, migration);
  await world.see("the last gate", (each) => each.text.includes("Approve: make the bridge"));
  const said = (await world.messages()).map((each) => each.text);
  const answers = said.flatMap((text, at) => (text.includes("gates are open") ? [at] : []));
  expect(answers).toHaveLength(1);
  expect(answers[0]).toBeLessThan(said.findIndex((text) => text.includes("Approve:")));
});

it("an answer that could not be sent before the window opened is not sent any more", async () => {
  await using world = await openWorld(cluster);
  const windowId = await beforeWindow(world);
  const command = await typedWindow(world);
  await openWindowRow(world.journal.worker.db, windowId, 60_000, {});
  const reply = done("2 gates are open for window 1.", { windowId: String(windowId) });
  await world.journal.worker.db.transaction((tx) => tellAsker(tx, migration, command, reply));
  const look = async () => (await getOutbox(world.journal.admin.db, "reply", migration, String(command.id)))?.state;
  await waitFor(async () => (await look()) === "dead", { what: "the answer to be dropped", deadlineMs: 10_000 });
  expect((await world.messages()).filter((each) => each.text.includes("gates are open"))).toEqual([]);
});
