import { expect, test } from "vitest";
import { snapshotOf } from "../../src/report/snapshot.ts";
import { progressWords, renderCard } from "../../src/slack/render/card.ts";
import { settings } from "../slack/settings.ts";
import { at, phaseRow, rowsAt } from "./rows.ts";

const approvers = { required: 2, people: ["ann", "bob", "cyn"] };
const restoring = [phaseRow("restore-bridge", { state: "running", ended_at: null })];

test("a restore of the bridge shows bytes, parts and rate, then the way to consistency", () => {
  const bytes = { bytesDone: 75e9, bytesTotal: 100e9, bytesPerSecond: 5e8, partsDone: 3, partsTotal: 4 };
  const unpacks = rowsAt(30, { phases: restoring, agent: { at: at(29), kind: "restoring", facts: bytes } });
  const words = progressWords(snapshotOf(unpacks, approvers).progress);
  expect(words).toContain("3 of 4 parts");
  expect(words.join(" ")).toMatch(/75.* of 100.*\/s/);
  const replays = (bytesToConsistency: number) =>
    rowsAt(30, { phases: restoring, agent: { at: at(29), kind: "starting", facts: { bytesToConsistency } } });
  expect(progressWords(snapshotOf(replays(3 * 2 ** 24), approvers).progress)).toEqual([
    "replays WAL, 48 MiB until it is consistent",
  ]);
  expect(snapshotOf(replays(0), approvers).progress?.note).toMatch(/about to become consistent/);
});

test("the time that a restore will still take is on the card, also where the archive does not say how large it is", () => {
  const facts = { bytesDone: 75e9, bytesPerSecond: 5e8, partsDone: 3, partsTotal: 40, secondsLeft: 720 };
  const agent = { at: at(29), kind: "restoring", facts };
  const snapshot = snapshotOf(rowsAt(30, { phases: restoring, agent }), approvers);
  expect(snapshot.progress?.remaining).toEqual({ lowMs: 720_000, highMs: 720_000, earned: true });
  // `/migrate status` answers in the card's words
  expect(renderCard(snapshot, settings).message.text).toContain("ready in about 12 min");
});

test("a bridge that its agent gave up on is a fault while window 1 is waited for, and no longer once it is past", () => {
  const error = { code: "DB_RESTORE_AGAIN", message: "timeline 2 left timeline 1", outcome: "terminal" };
  const agent = { at: at(19), kind: "failed", facts: { error } };
  expect(snapshotOf(rowsAt(20, { agent }, "promote"), approvers).fault).toMatchObject({
    phase: "promote",
    code: "DB_RESTORE_AGAIN",
    message: "timeline 2 left timeline 1",
  });
  expect(
    snapshotOf(rowsAt(20, { agent: { ...agent, kind: "following" } }, "promote"), approvers).fault,
  ).toBeUndefined();
  expect(snapshotOf(rowsAt(20, { agent }, "soak"), approvers).fault).toBeUndefined();
});
