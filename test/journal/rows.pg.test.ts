import { describe, expect, test } from "vitest";
import { moveApproval } from "../../src/journal/approvals-rows.ts";
import {
  attemptsOf,
  finishAttempt,
  invalidate,
  recordedSuccess,
  startAttempt,
  timings,
} from "../../src/journal/attempts.ts";
import { requestClaim, writeAttestation } from "../../src/journal/claims.ts";
import { answerCommand, claimCommand, getCommand, insertCommand, pendingCommands } from "../../src/journal/commands.ts";
import { fenced } from "../../src/journal/fenced.ts";
import { insertInbound } from "../../src/journal/inbound.ts";
import {
  addRequester,
  createDraft,
  getMigration,
  requesterNames,
  requesters,
  setIntent,
  setState,
} from "../../src/journal/migrations.ts";
import { dueOutbox, intend, isSent, markDead, markSent, retryLater } from "../../src/journal/outbox.ts";
import { getPhaseRun, markPhase, raiseTry, releasePhase } from "../../src/journal/phase-runs.ts";
import { addSample, latestSample, pruneSamples, sampleSeries } from "../../src/journal/samples.ts";
import { upsertVote, votesOn, withdrawVote } from "../../src/journal/votes.ts";
import {
  askWindow,
  currentWindow,
  endWindow,
  openWindowRow,
  passNoReturn,
  windowStops,
} from "../../src/journal/windows.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { journalKit, passwordsCount } from "./kit.ts";

const { journal } = await journalOfFile({ hba: passwordsCount });
const { migration, approval } = journalKit(journal);

describe("what the journal keeps", () => {
  test("migrations, intent and requesters", async () => {
    const id = await migration();
    await createDraft(journal.worker, { id, driver: "eve", configDigest: "other" });
    await setIntent(journal.worker, id, "hold", "dan");
    await setState(journal.worker, id, "active");
    for (const verb of ["start", "go", "go"]) {
      await addRequester(journal.worker, id, { person: "dan", slackUser: "UDAN" }, verb);
    }
    expect(await getMigration(journal.bot, id)).toMatchObject({
      driver: "dan",
      state: "active",
      intent: "hold",
      phase: "preflight",
      epoch: 0n,
    });
    expect(await requesterNames(journal.bot, id)).toEqual(["dan"]);
    expect(await requesters(journal.bot, id)).toEqual(["UDAN", "dan"]);
  });

  test("nothing is recorded under an epoch that was overtaken", async () => {
    const id = await migration();
    const place = { migrationId: id, phase: "preflight", step: "look", try: 1 } as const;
    await journal.worker.query("update journal.migration set epoch = 2 where id = $1", [id]);
    const stale = { migrationId: id, epoch: 1n };
    await expect(fenced(journal.worker, stale, (tx) => startAttempt(tx, place, stale, "w"))).rejects.toMatchObject({
      code: "DB_LEASE_LOST",
    });
    expect(await attemptsOf(journal.worker, place)).toEqual([]);
  });

  test("attempts, their outputs and times; invalid ones no longer count", async () => {
    const id = await migration();
    const place = { migrationId: id, phase: "preflight", step: "look", try: 1 } as const;
    const fence = { migrationId: id, epoch: 0n };
    const failed = await startAttempt(journal.worker, place, fence, "w");
    await finishAttempt(journal.worker, failed, { error: { code: "DB_AWS", message: "no", outcome: "retryable" } });
    const good = await startAttempt(journal.worker, place, fence, "w");
    await finishAttempt(journal.worker, good, { output: { bytes: "12" } });
    expect((await recordedSuccess(journal.bot, place))?.output).toEqual({ bytes: "12" });
    expect(await timings(journal.bot, id)).toMatchObject([{ phase: "preflight", step: "look", attempts: 2 }]);
    await invalidate(journal.worker, place, ["look"]);
    expect(await recordedSuccess(journal.bot, place)).toBeUndefined();
    expect(await raiseTry(journal.worker, id, "preflight")).toBe(2);
    await markPhase(journal.worker, place, {
      state: "failed",
      failures: 1,
      error: { code: "DB_AWS", message: "no", outcome: "terminal" },
    });
    expect(await releasePhase(journal.worker, id)).toBe(true);
    expect(await getPhaseRun(journal.bot, id, "preflight")).toMatchObject({ try: 2, state: "waiting", failures: 0 });
  });

  test("one living window, its deadline, its veto and its point of no return", async () => {
    const id = await migration();
    const ask = { migrationId: id, name: "window-1", try: 1, askedBy: "dan", forecastMs: 1000 } as const;
    const first = await askWindow(journal.worker, ask);
    await expect(askWindow(journal.worker, ask)).rejects.toThrow(/window_run_one_alive/);
    const gate = await approval(id, first);
    await openWindowRow(journal.worker, first, 60_000, {});
    expect(await windowStops(journal.worker, first)).toMatchObject({ past: false, stoppedBy: undefined });
    await moveApproval(journal.bot, gate, { from: ["OPENING"], to: "PENDING" });
    await moveApproval(journal.bot, gate, { from: ["PENDING"], to: "ARMED" });
    await requestClaim(journal.worker, { nonce: `w-${id}`, approvals: [gate], migrationId: id, epoch: 0n });
    await writeAttestation(journal.bot, `w-${id}`, {});
    await moveApproval(journal.worker, gate, { from: ["ARMED"], to: "CONSUMED" });
    await upsertVote(journal.bot, {
      approvalId: gate,
      person: "bob",
      slackUser: "U2",
      decision: "veto",
      eligible: true,
    });
    expect(await windowStops(journal.worker, first)).toMatchObject({ stoppedBy: { person: "bob", how: "vetoed" } });
    expect(await passNoReturn(journal.worker, first, 0n)).toBeUndefined();
    await withdrawVote(journal.bot, { approvalId: gate, slackUser: "U2", decision: "veto" });
    expect(await passNoReturn(journal.worker, first, 0n), "a veto is final").toBeUndefined();
    await endWindow(journal.worker, first, "put-back", "vetoed");
    const second = await askWindow(journal.worker, ask);
    await openWindowRow(journal.worker, second, 60_000, {});
    expect(await passNoReturn(journal.worker, second, 7n)).toBeUndefined();
    await setIntent(journal.worker, id, "abort", "ann");
    expect(await passNoReturn(journal.worker, second, 0n)).toBeUndefined();
    await setIntent(journal.worker, id, "run", "ann");
    expect(await passNoReturn(journal.worker, second, 0n)).toBeInstanceOf(Date);
    await endWindow(journal.worker, second, "closed", "done");
    const late = await askWindow(journal.worker, ask);
    await openWindowRow(journal.worker, late, -1, {});
    expect(await passNoReturn(journal.worker, late, 0n)).toBeUndefined();
    expect((await currentWindow(journal.worker, id))?.id).toBe(late);
  });

  test("votes stand, fall and stand again", async () => {
    const gate = await approval(await migration());
    const vote = {
      approvalId: gate,
      person: "ann",
      slackUser: "U1",
      decision: "approve",
      eligible: true,
    } as const;
    expect(await upsertVote(journal.bot, vote)).toBe(true);
    expect(await upsertVote(journal.bot, vote)).toBe(false);
    expect(await withdrawVote(journal.bot, vote)).toBe(true);
    expect(await withdrawVote(journal.bot, vote)).toBe(false);
    expect((await votesOn(journal.bot, [gate]))[0]?.withdrawnAt).toBeInstanceOf(Date);
    expect(await upsertVote(journal.bot, vote)).toBe(true);
    // a look that began before the withdrawal knows nothing of it
    await withdrawVote(journal.bot, vote);
    expect(await upsertVote(journal.bot, { ...vote, seenFrom: new Date(Date.now() - 60_000) })).toBe(false);
    expect((await votesOn(journal.bot, [gate]))[0]?.withdrawnAt).toBeInstanceOf(Date);
    expect(await upsertVote(journal.bot, { ...vote, seenFrom: new Date(Date.now() + 60_000) })).toBe(true);
  });

  test("deliveries and commands once, whatever Slack repeats", async () => {
    const delivery = { dedupKey: "Ev1", kind: "event", body: { type: "reaction_added" } } as const;
    expect(await insertInbound(journal.bot, delivery)).toBe("new");
    expect(await insertInbound(journal.bot, delivery)).toBe("seen");
    const typed = { dedupKey: "T1", verb: "go", args: { n: 1 }, person: "dan", slackUser: "U9", channel: "C1" };
    const id = await insertCommand(journal.bot, typed);
    expect(await insertCommand(journal.bot, typed)).toBeUndefined();
    expect(await pendingCommands(journal.worker)).toHaveLength(1);
    await journal.worker.transaction(async (tx) => {
      const mine = await claimCommand(tx);
      expect(mine?.id).toBe(id);
      await journal.worker.transaction(async (other) => expect(await claimCommand(other)).toBeUndefined());
      expect(await answerCommand(tx, mine?.id ?? 0, { text: "opened" })).toBe(true);
    });
    expect(await getCommand(journal.bot, id ?? 0)).toMatchObject({ state: "answered", reply: { text: "opened" } });
  });

  test("one message per key, rendered anew only when its facts changed", async () => {
    const id = await migration();
    const message = {
      kind: "gate",
      migrationId: id,
      key: "g1",
      audience: "main",
      priority: 1,
      facts: { n: 1 },
    } as const;
    const row = await intend(journal.worker, message);
    expect(await intend(journal.worker, message)).toBe(row);
    expect((await dueOutbox(journal.bot)).find((due) => due.id === row)).toMatchObject({
      revision: 1,
      sentRevision: 0,
    });
    await intend(journal.worker, { ...message, facts: { n: 2 } });
    await markSent(journal.bot, row, { revision: 1, channel: "C1", messageTs: "1.1" });
    expect(await isSent(journal.bot, message)).toBe(false);
    await retryLater(journal.bot, row, 60_000, "rate limited");
    expect((await dueOutbox(journal.bot)).some((due) => due.id === row)).toBe(false);
    await markSent(journal.bot, row, { revision: 2, channel: "C1", messageTs: "1.1" });
    expect(await isSent(journal.bot, message)).toBe(true);
    await markDead(journal.bot, row, "channel archived");
    expect(await isSent(journal.bot, message)).toBe(false);
  });

  test("samples by kind and time", async () => {
    const id = await migration();
    for (const n of [1, 2, 3]) await addSample(journal.worker, id, "lag", { n });
    expect((await latestSample(journal.bot, id, "lag"))?.facts).toEqual({ n: 3 });
    const series = await sampleSeries(journal.bot, id, "lag", new Date(0), 2);
    expect(series.map((sample) => sample.facts["n"])).toEqual([2, 3]);
    expect(await pruneSamples(journal.worker, -1000)).toBeGreaterThanOrEqual(3);
  });
});
