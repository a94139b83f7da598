import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { remaining } from "../../src/report/eta.ts";
import { formatReport, reportHeadline, reportOf } from "../../src/report/final-report.ts";
import { lagChart } from "../../src/report/lag-chart.ts";
import { lagSeries } from "../../src/report/lag.ts";
import { snapshotOf } from "../../src/report/snapshot.ts";
import { at, attempt, finished, phaseRow, rowsAt, windowRow } from "./rows.ts";

const approvers = { required: 2, people: ["ann", "bob", "cyn"] };
const lagSample = (second: number, lagMs: number) => ({
  at: at(second),
  kind: "lag",
  facts: { lagMs, link: "archive" },
});

describe("the snapshot", () => {
  it("says where writes go from the points of no return", () => {
    const open = windowRow("window-1", { state: "open", no_return_at: null, ended_at: null });
    expect(snapshotOf(rowsAt(20), approvers).writesGo).toBe("heroku");
    expect(snapshotOf(rowsAt(20, { windows: [open] }), approvers).writesGo).toBe("heroku");
    expect(snapshotOf(rowsAt(20, { windows: [{ ...open, no_return_at: at(15) }] }), approvers).writesGo).toBe("bridge");
    expect(snapshotOf(finished(), approvers).writesGo).toBe("target");
  });
  it("names whom it waits for", () => {
    const asking = windowRow("window-1", { state: "asking", opened_at: null, no_return_at: null, ended_at: null });
    const [gate] = finished().approvals;
    const [vote] = finished().votes;
    if (gate === undefined || vote === undefined) throw new Error("no gate");
    const pending = { ...gate, window_id: asking.id, state: "PENDING" as const };
    const rows = rowsAt(20, { windows: [asking], approvals: [pending], votes: [vote] }, "promote");
    expect(snapshotOf(rows, approvers).waiting).toMatchObject({
      kind: "approvals",
      people: ["bob", "cyn"],
      missing: 1,
    });
    const armed = rowsAt(
      20,
      { windows: [asking], approvals: [{ ...pending, state: "ARMED" }], votes: finished().votes },
      "promote",
    );
    expect(snapshotOf(armed, approvers).waiting).toMatchObject({ kind: "go", window: "window-1" });
    expect(snapshotOf(rowsAt(20, {}, "promote"), approvers).waiting).toEqual({ kind: "window", window: "window-1" });
  });
  it("measures the running step and progress, and knows the last sign of life", () => {
    const rows = rowsAt(30, {
      phases: [phaseRow("restore-bridge", { state: "running", ended_at: null })],
      attempts: [attempt("restore-bridge", "fetch-backup", { state: "started", started_at: at(10), ended_at: null })],
      agent: { at: at(29), kind: "restoring", facts: { bytesDone: 75, bytesTotal: 100, bytesPerSecond: 5 } },
    });
    const snapshot = snapshotOf(rows, approvers);
    expect(snapshot.step).toMatchObject({ name: "fetch-backup", ms: 20_000 });
    expect(snapshot.progress).toMatchObject({ share: 0.75, bytesPerSecond: 5 });
  });
});

describe("estimates", () => {
  it("are a range until earned, and nothing while nothing moves", () => {
    expect(remaining([{ at: at(0), done: 0 }], 100)).toBeUndefined();
    expect(
      remaining(
        [0, 1, 2].map((n) => ({ at: at(n), done: 5 })),
        100,
      ),
    ).toBeUndefined();
    const steady = Array.from({ length: 12 }, (_, n) => ({ at: at(n), done: n * 5 }));
    expect(remaining(steady, 100)).toMatchObject({ earned: true, lowMs: 9_000, highMs: 9_000 });
    const uneven = [0, 1, 2, 3, 30, 31, 32, 33].map((done, n) => ({ at: at(n), done }));
    expect(remaining(uneven, 100)?.earned).toBe(false);
  });
  it("never promise less than nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000), { maxLength: 30 }), fc.nat(2_000), (steps, total) => {
        const range = remaining(
          steps.map((done, n) => ({ at: at(n), done })),
          total,
        );
        if (range === undefined) return;
        expect(range.lowMs).toBeGreaterThanOrEqual(0);
        expect(range.highMs).toBeGreaterThanOrEqual(range.lowMs);
      }),
    );
  });
});

describe("lag", () => {
  it("has a trend, a highest value, and a chart with words", () => {
    const series = lagSeries([1, 2, 3, 4, 5, 6].map((n) => lagSample(n * 10, n * 5_000)));
    if (series === undefined) throw new Error("no series");
    expect(series).toMatchObject({ trend: "rising", highestMs: 30_000 });
    const chart = lagChart(series);
    expect(chart.png.subarray(1, 4).toString()).toBe("PNG");
    expect(chart.altText).toContain("now 30 s, rising");
    expect(lagSeries([])).toBeUndefined();
  });
});

describe("the final report", () => {
  it("is ok when everything is, with the numbers of the journal and the ledger", () => {
    const ledger = { acknowledged: 18_204, missing: 0, appOutageMs: { "window-1": [7_900], "window-2": [3_500] } };
    const report = reportOf(finished(), ledger);
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({
      ok: true,
      copied: { tables: 77, rows: 251_402_113 },
      verified: { tables: 77, differences: 0 },
      sequences: { set: 70 },
      writes: { acknowledged: 18_204, missing: 0 },
      findings: [{ check: "8", severity: "warning", fix: "do it" }],
    });
    expect(report.windows).toEqual([
      { name: "window-1", try: 1, outcome: "succeeded", appOutageMs: 7_900, databaseOutageMs: 7_400 },
      { name: "window-2", try: 1, outcome: "succeeded", appOutageMs: 3_500, databaseOutageMs: 3_100 },
    ]);
    expect(report.approvals[0]).toEqual({ gate: "maintenance", step: "maintenance-step", voters: ["ann", "bob"] });
    expect(formatReport(report)).toContain(
      "writes stopped twice: 7.4 s and 3.1 s at the database, 7.9 s and 3.5 s as the app saw it",
    );
    expect(reportHeadline(reportOf(finished()))).toContain("writes stopped twice: 7.4 s and 3.1 s at the database · ");
    expect(formatReport(report)).toContain("251,402,113 rows, 0 differences");
  });
  it("is not ok when a phase, a row, a write or a voter is missing", () => {
    const rows = finished();
    const lost = { acknowledged: 10, missing: 1, appOutageMs: {} };
    expect(reportOf(rows, lost).problems).toEqual(["1 acknowledged writes are missing"]);
    expect(reportOf({ ...rows, phases: rows.phases.slice(1) }).ok).toBe(false);
    expect(reportOf({ ...rows, votes: rows.votes.slice(1) }).problems).toEqual([
      "maintenance-step ran with fewer than two voters",
    ]);
    expect(
      reportOf({ ...rows, attempts: rows.attempts.filter((each) => each.step !== "verify-rows") }).problems,
    ).toEqual(["the rows were not compared"]);
  });
});
