import { beforeAll, expect, it } from "vitest";
import { createApproval, moveApproval, placeApproval } from "../../src/journal/approvals-rows.ts";
import { prepareHistory } from "../properties/history.ts";
import { askForWindow, botLooks, expiresMs, openWorld } from "../properties/world.ts";
import { journalOfFile } from "../support/journal-of-file.ts";

const { journal } = await journalOfFile();

beforeAll(async () => {
  await prepareHistory(journal.admin);
});

it("a reminder that fails keeps no other approval from being reminded of, looked at or closed", async () => {
  const world = await openWorld(journal, 1, { gates: 1, withGroup: false, events: [] });
  await askForWindow(world);
  // asked for later, and without a window: a reminder of its own
  const what = { gate: "promote", step: "s", digest: "d", subject: {}, evidence: {}, requesters: ["greg"] } as const;
  const ask = { id: "alone", migrationId: world.id, windowId: undefined, expiresInMs: expiresMs };
  await createApproval(journal.worker, { ...what, ...ask });
  await placeApproval(journal.bot, "alone", world.channel, "1.9");
  world.truth.slack.cards.set("1.9", { reactions: new Map(), deleted: false });
  await moveApproval(journal.bot, "alone", { from: ["OPENING"], to: "PENDING" });
  await botLooks(world);
  await journal.admin.query(`create function public.refuse_reminder() returns trigger language plpgsql as $$
    begin
      if new.kind = 'reminder' and new.key like 'window-%' then raise exception 'refused by the test'; end if;
      return new;
    end $$`);
  await journal.admin.query(
    "create trigger refuse before insert on journal.outbox for each row execute function public.refuse_reminder()",
  );
  await world.letTimePass(expiresMs * 0.6);
  // both rest: nothing is due but the reminders
  await world.rounds.round();
  const reminders = await journal.bot.query("select key from journal.outbox where kind = 'reminder'");
  expect(reminders).toEqual([{ key: "alone-half" }]);
  // and when both are due to be looked at, both are
  world.truth.slack.cards.set("1.9", { reactions: new Map(), deleted: true });
  const [first = { ts: undefined }] = world.truth.gates;
  world.truth.slack.cards.set(first.ts ?? "", { reactions: new Map(), deleted: true });
  world.rounds.lookAtAll();
  await world.rounds.round();
  const states = await journal.bot.query("select distinct state from journal.approval");
  expect(states).toEqual([{ state: "VOIDED" }]);
});
