import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  appendLedger,
  checkLedgerAgainst,
  compareLedger,
  firstAckByDatabase,
  type LedgerEntry,
  outages,
  readLedger,
} from "../../../src/sandbox/shop/ledger.ts";

const entry = (changes: Partial<LedgerEntry>): LedgerEntry => ({
  at: 0,
  op: "insert",
  id: "a",
  version: 1,
  dyno: "worker.1",
  database: "127.0.0.1:1",
  ...changes,
});

/** What happens to one order: some updates, perhaps a delete; each later write acknowledged, lost on the way, or failed. */
const life = fc.record({
  updates: fc.array(fc.constantFrom("update", "unknown-committed", "unknown-lost", "failed"), { maxLength: 5 }),
  end: fc.constantFrom(
    "none",
    "delete",
    "delete-unknown-committed",
    "delete-unknown-lost",
    "delete-failed",
    "delete-killed",
  ),
});

/** Plays the lives against a model of a database: the ledger that the shop writes, and what the database then holds. */
function play(lives: readonly (typeof life extends fc.Arbitrary<infer T> ? T : never)[]) {
  const ledger: LedgerEntry[] = [];
  const rows = new Map<string, number>();
  for (const [n, { updates, end }] of lives.entries()) {
    const id = `order-${n}`;
    ledger.push(entry({ id }));
    let version = 1;
    for (const kind of updates) {
      if (kind === "update" || kind === "unknown-committed") version += 1;
      if (kind === "update") ledger.push(entry({ id, op: "update", version }));
      else if (kind === "failed") ledger.push(entry({ id, op: "failed", intended: "update", version: version + 1 }));
      else ledger.push(entry({ id, op: "unknown", intended: "update", version }));
    }
    rows.set(id, version);
    if (end !== "none") ledger.push(entry({ id, op: "attempt", intended: "delete", version }));
    if (end === "delete") ledger.push(entry({ id, op: "delete", version }));
    if (end.startsWith("delete-unknown")) ledger.push(entry({ id, op: "unknown", intended: "delete", version }));
    if (end === "delete-failed") ledger.push(entry({ id, op: "failed", intended: "delete", version }));
    if (end === "delete" || end === "delete-unknown-committed" || end === "delete-killed") rows.delete(id);
  }
  return { ledger, rows };
}

describe("ledger against database", () => {
  test("what was really committed is never called missing, in whatever order the lines came", () => {
    fc.assert(
      fc.property(fc.array(life, { maxLength: 20 }), fc.infiniteStream(fc.nat()), (lives, numbers) => {
        const { ledger, rows } = play(lives);
        const keyed = ledger.map((line) => ({ line, key: numbers.next().value ?? 0 }));
        const shuffled = keyed.toSorted((a, b) => a.key - b.key).map(({ line }) => line);
        expect(compareLedger(shuffled, rows)).toMatchObject({ missing: 0, missingExamples: [] });
      }),
    );
  });

  test("one lost acknowledged write is found: an order gone, put back to an older version, or risen from the dead", () => {
    fc.assert(
      fc.property(fc.array(life, { minLength: 1, maxLength: 20 }), fc.nat(), (lives, choice) => {
        const { ledger, rows } = play(lives);
        const n = choice % lives.length;
        const id = `order-${n}`;
        const end = lives[n]?.end;
        const acked = Math.max(
          ...ledger.filter((e) => e.id === id && /^(insert|update)$/.test(e.op)).map((e) => e.version),
        );
        if (end === "delete") rows.set(id, 1);
        else if (end === "none" || end === "delete-failed") rows.delete(id);
        else rows.set(id, acked - 1);
        const check = compareLedger(ledger, rows);
        expect(check.missing).toBe(1);
        expect(check.missingExamples[0]).toContain(id);
      }),
    );
  });

  test("lists ten examples and counts all", () => {
    const ledger = Array.from({ length: 25 }, (_, n) => entry({ id: String(n) }));
    const check = compareLedger(ledger, new Map());
    expect(check).toMatchObject({ acknowledged: 25, missing: 25 });
    expect(check.missingExamples).toHaveLength(10);
  });
});

describe("outages", () => {
  const at = (times: readonly number[]) => times.map((time) => entry({ at: time }));

  test("the gap of the window, not one before it and not one after it", () => {
    const times = [0, 5_000, 10_000, 10_100, 10_200, 13_000, 13_100, 20_000];
    expect(outages(at(times), 10_050, 13_050)).toEqual({ from: 10_200, to: 13_000, outageMs: 2_800 });
  });

  test("undefined while no write came after the window", () => {
    expect(outages(at([1, 2]), 1, 3)).toBeUndefined();
    expect(outages(at([5]), 1, 3)).toBeUndefined();
  });

  test("a write that failed ends no outage", () => {
    const ledger = [...at([0, 100, 900]), entry({ at: 500, op: "failed" }), entry({ at: 600, op: "unknown" })];
    expect(outages(ledger, 50, 800)?.outageMs).toBe(800);
  });
});

test("the ledger file: written line by line, read in order of time, a torn last line left out", async () => {
  const directory = await mkdtemp(join(tmpdir(), "ledger-"));
  const path = join(directory, "ledger.jsonl");
  expect(await readLedger(path)).toEqual([]);
  appendLedger(path, entry({ at: 2, database: "h:2" }));
  appendLedger(path, entry({ at: 1, database: "h:1" }));
  appendLedger(path, entry({ at: 3, database: "h:2" }));
  await writeFile(path, '{"at":4,"op":"ins', { flag: "a" });
  const ledger = await readLedger(path);
  expect(ledger.map((each) => each.at)).toEqual([1, 2, 3]);
  expect([...firstAckByDatabase(ledger)]).toEqual([
    ["h:1", 1],
    ["h:2", 2],
  ]);
  await rm(directory, { recursive: true });
});

test("an order whose delete begins after the ledger was read is no lost write; one that is simply gone is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-ledger-"));
  const path = join(folder, "ledger.jsonl");
  for (const id of ["kept", "deleted", "lost"]) appendLedger(path, entry({ id }));
  const check = await checkLedgerAgainst(path, async () => {
    appendLedger(path, entry({ id: "deleted", op: "attempt", intended: "delete", at: 1 }));
    appendLedger(path, entry({ id: "deleted", op: "delete", at: 2 }));
    return new Map([["kept", 1]]);
  });
  await rm(folder, { recursive: true });
  expect(check).toMatchObject({ acknowledged: 3, missing: 1, missingExamples: [expect.stringContaining("lost")] });
});
