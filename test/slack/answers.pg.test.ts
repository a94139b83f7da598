import { expect, test } from "vitest";
import { insertCommand, pendingCommands } from "../../src/journal/commands.ts";
import { createDraft, setIntent, setPhase, setState } from "../../src/journal/migrations.ts";
import { intend } from "../../src/journal/outbox.ts";
import { ensurePhase, markPhase } from "../../src/journal/phase-runs.ts";
import { phases } from "../../src/journal/phase.ts";
import { answerFor } from "../../src/slack/answers.ts";
import { parseCommand } from "../../src/slack/parse.ts";
import { may } from "../../src/slack/permission.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { settings } from "./settings.ts";

const { journal } = await journalOfFile();
const id = settings.migration;

/** What `who` reads at once after typing the text; the worker has not seen it yet. */
async function say(who: "UGREG" | "UANN" | "UEVE", text: string): Promise<string> {
  const parsed = parseCommand(text);
  const allowed = parsed.ok && may(settings, who, parsed.verb);
  return answerFor(journal.bot, settings, who, { dedupKey: "k", kind: "command", isNew: true, parsed, allowed });
}

test("before anything has begun, help says how it begins and for whom the commands are", async () => {
  const help = await say("UGREG", "help");
  expect(help).toMatch(/^\*Nothing has begun yet: `\/migrate check`, then `\/migrate start`\.\*/);
  expect(help).toMatch(/`\/migrate start` starts the migration/);
  expect(help).toMatch(/Not now: .*`go` \(there is no migration yet\)/);
  expect(await say("UEVE", "help")).toMatch(/For others: .*`check` \(Greg\) · `start` \(Greg\)/);
  expect(await say("UEVE", "comms")).toMatch(/Nothing has been announced/);
});

test("who may not is told who may, and what to write to them", async () => {
  const refusal = await say("UEVE", "start");
  expect(refusal).toMatch(
    /Not done: `\/migrate start` is for Greg\. Ask <@UGREG> here, for instance: "please type `\/migrate start`/,
  );
  expect(await say("UEVE", "abort")).toMatch(/is for Greg, Ann, Bob or Cyn\. Ask one of <@UGREG>, <@UANN>/);
});

test("every command answers what will happen, and what stands against it now", async () => {
  const db = journal.worker;
  await createDraft(db, { id, driver: "greg", configDigest: "c" });
  await setState(db, id, "active");
  for (const phase of phases.slice(0, phases.indexOf("promote"))) {
    await ensurePhase(db, id, phase);
    await markPhase(db, { migrationId: id, phase }, { state: "done" });
  }
  await ensurePhase(db, id, "promote");
  await setPhase(db, id, "promote");
  expect(await say("UGREG", "window")).toMatch(
    /is taken: each gate gets a message of its own[^]*confirm; nothing stops before `\/migrate go`\.$/,
  );
  expect(await say("UGREG", "go")).toMatch(/is taken: .* As things stand it may be refused: no window waits/);
  expect(await say("UGREG", "start")).toMatch(/may be refused: it runs already/);
  expect(await say("UANN", "hold because")).toMatch(/is taken: the present step ends or stops safely/);
  expect(await say("UGREG", "help window")).toMatch(/It can be typed now\.\nGreg may; so you may\./);
  expect(await say("UANN", "help go")).toMatch(/Not now: no window waits.*\nGreg may; you may not\./);
  await setIntent(db, id, "hold", "greg");
  expect(await say("UGREG", "help")).toMatch(/^\*It is on hold; `\/migrate resume` goes on\.\*/);
  expect(await say("UGREG", "hold")).toMatch(/may be refused: it is on hold already/);
});

test("comms gives the last word for customers, to copy, to everybody", async () => {
  const facts = { state: "scheduled", expectedSeconds: 40 };
  await intend(journal.worker, {
    kind: "comms",
    migrationId: id,
    key: "scheduled-window-1-1",
    audience: "comms",
    facts,
  });
  const answer = await say("UEVE", "comms");
  expect(answer).toMatch(/not in the customers' channel yet\):\n\*Scheduled\* · Short maintenance soon/);
  expect(answer).toContain("the comms team decides what is published");
});

test("what people type is data: it reaches neither SQL nor a shell as text", async () => {
  const nasty = [
    "'; drop table journal.event; --",
    '"; select 1',
    "$(touch /tmp/x)",
    "`id`",
    "%s $1 {0} \\'",
    "\u0000 a\ud800",
  ];
  for (const [at, reason] of nasty.entries()) {
    const who = { person: "greg", slackUser: "UGREG", channel: "C" };
    await insertCommand(journal.bot, {
      ...who,
      verb: "abort",
      args: { reason },
      dedupKey: `nasty-${at}`,
      migrationId: id,
    });
  }
  const stored = (await pendingCommands(journal.worker)).map(({ args }) => args["reason"]);
  expect(stored).toEqual([...nasty.slice(0, 5), "\uFFFD a\uFFFD"]);
});
