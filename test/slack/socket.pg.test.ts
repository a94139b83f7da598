import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock, waitFor } from "../../src/clock.ts";
import { getApproval } from "../../src/journal/approvals-rows.ts";
import { pendingCommands } from "../../src/journal/commands.ts";
import { silentLog } from "../../src/log.ts";
import { Secret } from "../../src/redact.ts";
import { ids } from "../../src/sandbox/slack/cast.ts";
import { startBot } from "../../src/slack/bot.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { askGate, beforeWindow, type BotWorld, main, openWorld } from "./world.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

async function inbound(world: BotWorld): Promise<number> {
  const [row] = await world.journal.admin.db.query<{ n: number }>("select count(*)::int as n from journal.inbound");
  return row?.n ?? -1;
}

async function untilState(world: BotWorld, id: string, state: string): Promise<void> {
  const look = async (): Promise<boolean> => (await getApproval(world.journal.admin.db, id))?.state === state;
  await waitFor(look, { what: `${id} to be ${state}`, deadlineMs: 20_000, everyMs: 50 });
}

describe("Socket Mode", () => {
  it("takes commands and votes as HTTP does, and says over HTTP how it is", async () => {
    await using world = await openWorld(cluster, "socket");
    const answer = await world.act("command", { channel: main, user: ids.greg, text: "/migrate check" });
    expect(answer).toMatchObject({ outcome: "acknowledged" });
    expect(await pendingCommands(world.journal.worker.db)).toMatchObject([{ verb: "check", person: "greg" }]);
    await world.see(
      "the acknowledgement",
      ({ ephemeralTo, text }) => ephemeralTo === ids.greg && /is taken/.test(text),
    );
    const id = await askGate(world, await beforeWindow(world), "maintenance");
    await untilState(world, id, "PENDING");
    const card = await world.see("the gate", ({ text }) => text.includes("Approve: switch"));
    await world.react(ids.ann, card.ts, "white_check_mark");
    await world.react(ids.bob, card.ts, "white_check_mark");
    await untilState(world, id, "ARMED");
    expect(await (await fetch(`${world.bot.url}/health`)).json()).toEqual({ ok: true, troubles: [] });
    expect((await fetch(`${world.bot.url}/slack/events`, { method: "POST" })).status).toBe(404);
  });

  it("sockets that Slack closes or that break are opened again; what was not acknowledged comes once more, and is stored once", async () => {
    await using world = await openWorld(cluster, "socket");
    const open = (): number => world.slack.workspace.sockets?.count() ?? 0;
    const both = { what: "two sockets", deadlineMs: 15_000, everyMs: 20 };
    await waitFor(() => open() === 2, both);
    await world.act("disconnect-sockets", { reason: "warning" });
    await waitFor(() => open() < 2, { ...both, what: "sockets to close" });
    await waitFor(() => open() === 2, both);
    const before = await inbound(world);
    await world.act("faults", { cutSockets: 1 });
    await world.act("message", { channel: main, user: ids.ann, text: "hello" });
    await waitFor(() => open() < 2, { ...both, what: "a socket to break" });
    await world.act("faults", {});
    await waitFor(async () => (await inbound(world)) === before + 1, { ...both, what: "the event to be stored" });
    await waitFor(() => open() === 2, both);
    expect(await inbound(world)).toBe(before + 1);
  });

  it("does not acknowledge what could not be stored", async () => {
    await using world = await openWorld(cluster, "socket");
    const { db } = world.journal.admin;
    await db.query("alter table journal.inbound rename to inbound_away");
    const answer = await world.act("command", { channel: main, user: ids.greg, text: "/migrate check" });
    await db.query("alter table journal.inbound_away rename to inbound");
    expect(answer).toMatchObject({ outcome: "operation_timeout" });
    expect(await pendingCommands(world.journal.worker.db)).toEqual([]);
  });

  it("reads votes from Slack again on every new socket: events of the time without one may be lost", async () => {
    await using world = await openWorld(cluster, "socket");
    const id = await askGate(world, await beforeWindow(world), "maintenance");
    await untilState(world, id, "PENDING");
    const card = await world.see("the gate", ({ text }) => text.includes("Approve: switch"));
    await world.act("faults", { dropEvents: 1 });
    await world.react(ids.ann, card.ts, "white_check_mark");
    await world.react(ids.bob, card.ts, "white_check_mark");
    expect((await getApproval(world.journal.admin.db, id))?.state).toBe("PENDING");
    await world.act("disconnect-sockets", {});
    await untilState(world, id, "ARMED");
  });

  it("refuses to start with a token that Slack refuses", async () => {
    await using world = await openWorld(cluster);
    const bot = startBot({
      config: world.settings,
      secrets: { appToken: new Secret("xapp-wrong"), botToken: new Secret("xoxb-test-token") },
      journal: world.journal.bot,
      doorbell: { ring: () => Promise.resolve() },
      log: silentLog,
      clock: systemClock,
      port: 0,
    });
    await expect(bot).rejects.toThrow(/refuses the app token: invalid_auth/);
  });
});
