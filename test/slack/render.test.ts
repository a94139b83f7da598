import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reportOf } from "../../src/report/final-report.ts";
import { snapshotOf } from "../../src/report/snapshot.ts";
import { cut, limits, message, pieces } from "../../src/slack/limits.ts";
import { renderCard } from "../../src/slack/render/card.ts";
import { renderComms } from "../../src/slack/render/comms.ts";
import { renderFailure } from "../../src/slack/render/failure.ts";
import { renderGate } from "../../src/slack/render/gate.ts";
import { ledgerIn, renderDone, renderNote } from "../../src/slack/render/notes.ts";
import { duration, durationRange, esc, size } from "../../src/slack/render/text.ts";
import { renderWindow } from "../../src/slack/render/window.ts";
import { at, attempt, finished, phaseRow, rowsAt, windowRow } from "../report/rows.ts";
import { settings } from "./settings.ts";

const approvers = { required: 2, people: ["ann", "bob", "cyn"] };

describe("text from outside", () => {
  it("cannot mention, link, hide or leak", () => {
    expect(esc("<!channel> & <https://evil|safe>")).toBe("&lt;!channel&gt; &amp; &lt;https://evil|safe&gt;");
    expect(esc("a\u202Eb\u200Bc")).toBe("abc");
    expect(esc("postgres://u:pw@h/db")).not.toContain("pw");
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !/[<>]/.test(esc(text))));
  });
  it("is cut within Slack's limits, never inside an entity", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.integer({ min: 1, max: 60 }), (text, most) => {
        const short = cut(esc(text), most);
        expect(short.length).toBeLessThanOrEqual(most);
        expect(short).not.toMatch(/&[a-z]*…$/);
      }),
    );
    const long = message(Array.from({ length: 200 }, () => ({ body: "x".repeat(5_000) })));
    expect(long.blocks.length).toBeLessThanOrEqual(50);
    expect(long.text.length).toBeLessThanOrEqual(limits.text);
    expect(pieces("a\n".repeat(5_000)).every((piece) => piece.length <= limits.section)).toBe(true);
  });
  it("numbers that a tired person can use", () => {
    expect([7_400, 38_000, 720_000, 6_600_000].map((ms) => duration(ms))).toEqual([
      "7.4 s",
      "38 s",
      "12 min",
      "1 h 50",
    ]);
    expect(durationRange({ lowMs: 660_000, highMs: 840_000, earned: false })).toBe("11–14 min");
    expect([212e9, 1_400_000, 999].map((bytes) => size(bytes))).toEqual(["212 GB", "1.4 MB", "999 B"]);
  });
});

describe("the card", () => {
  const restoring = rowsAt(58, {
    phases: [phaseRow("preflight"), phaseRow("restore-bridge", { state: "running", ended_at: null })],
    attempts: [attempt("preflight", "run-checks", { output: { findings: [{ severity: "warning" }] } })],
    agent: { at: at(57), kind: "restoring", facts: { bytesDone: 212e9, bytesTotal: 300e9, bytesPerSecond: 118e6 } },
  });
  it("says in its first line what happens and whether anything is needed", () => {
    const { message: card } = renderCard(snapshotOf(restoring, approvers), settings);
    expect(card.text.split("\n")[0]).toBe(
      "◐ *shop-production moves to RDS* · phase 4 of 10 · restoring · *nothing is needed of you*",
    );
    expect(card.text).toContain("● preflight · 0 blockers, 1 warning");
    expect(card.text).toContain("212 GB of 300 GB · 118 MB/s · ▓▓▓▓▓▓▓░░░");
    expect(card.text).toContain("Writes go to Heroku Postgres · driver Greg");
  });
  it("does not change for a reader when only its clock does; silence shows", () => {
    const later = { ...restoring, migration: { ...restoring.migration, now: at(59) } };
    const silent = { ...restoring, agent: undefined, migration: { ...restoring.migration, now: at(600) } };
    const of = (rows: typeof restoring) => renderCard(snapshotOf(rows, approvers), settings);
    expect(of(later).visible).toBe(of(restoring).visible);
    expect(of(silent).message.text).toContain("no news from the worker since");
  });
  it("asks nobody for anything once the window is open, whatever else was read a moment before", () => {
    const rows = finished();
    const approvals = rows.approvals.map((each) => ({ ...each, window_id: "window-1", state: "ARMED" as const }));
    const show = (change: Parameters<typeof windowRow>[1]): string => {
      const windows = [windowRow("window-1", { no_return_at: null, ended_at: null, ...change })];
      const snapshot = snapshotOf(rowsAt(20, { windows, approvals, votes: rows.votes }, "promote"), approvers);
      return `${snapshot.waiting.kind}: ${renderCard(snapshot, settings).message.text}`;
    };
    expect(show({ state: "asking", opened_at: null })).toContain("go: ▲ ");
    expect(show({ state: "open" })).toMatch(/^nothing: ◐ .*window 1 is open.*\*nothing is needed of you\*/);
    expect(show({ state: "open" })).not.toMatch(/migrate go|waits for/);
  });
  it("tells the age of the archive's newest row from lag", () => {
    const sample = (lagMs: number, link: string) => ({ at: at(19), kind: "lag", facts: { lagMs, link } });
    const follow = [phaseRow("follow", { state: "running", ended_at: null })];
    const probe = {
      at: at(18),
      kind: "progress",
      facts: { phase: "follow", probes: 1, wanted: 3, lastProbeMs: 3_600 },
    };
    const show = (lagMs: number): string =>
      renderCard(
        snapshotOf(rowsAt(20, { phases: follow, samples: [probe, sample(lagMs, "archive")] }, "follow"), approvers),
        settings,
      ).message.text;
    expect(show(26_000)).toContain(
      "newest row on the bridge is 26 s old (the archive's segments usually come within a minute) · test writes arrive within 3.6 s",
    );
    expect(show(26_000)).not.toContain("lag");
    expect(show(300_000)).toContain("▲ newest row on the bridge is 5 min old, although");
    const copying = rowsAt(20, { samples: [sample(20, "forward")] }, "replicate");
    const card = renderCard(snapshotOf(copying, approvers), settings);
    expect(card.message.text).toContain("lag under 0.1 s · steady");
    // it moves with every sample: no reason by itself for an edit while people are waited for
    expect(card.visible).not.toContain("steady");
    expect(card.ticking).toContain("steady");
  });
  it("mentions only whom it waits for", () => {
    const { text } = renderCard(snapshotOf(rowsAt(20, {}, "promote"), approvers), settings).message;
    expect(text).toContain("<@UGREG> can type* `/migrate window`");
    expect(text).not.toContain("<@UANN>");
  });
});

describe("gates and windows", () => {
  it("a gate names its voters, who may still vote, and the requester who may not", () => {
    const asking = windowRow("window-1", { state: "asking", opened_at: null, no_return_at: null, ended_at: null });
    const done = finished();
    const approvals = done.approvals
      .slice(0, 3)
      .map((each) => ({ ...each, window_id: asking.id, state: "PENDING" as const }));
    const snapshot = snapshotOf(
      { ...rowsAt(20, {}, "promote"), windows: [asking], approvals, votes: done.votes.slice(0, 1) },
      approvers,
    );
    const [gate] = snapshot.approvals;
    if (gate === undefined) throw new Error("no gate");
    const { text } = renderGate(gate, { window: snapshot.window, siblings: snapshot.approvals }, settings);
    expect(text).toContain(
      "▲ *Approve: switch shop-production to maintenance mode* (window 1, gate 1 of 3) · needs 1 of <@UBOB> <@UCYN>",
    );
    expect(text).toContain("✅ Ann");
    expect(text).toContain("one more ✅ needed · ⛔ by any of them stops it · not Greg, who asked");
  });
  it("a window says that it can still be put back, until it cannot", () => {
    const open = windowRow("window-1", {
      state: "open",
      no_return_at: null,
      ended_at: null,
      facts: { fenceCommittedAt: at(11).toISOString() },
    });
    const show = (row: typeof open): string => {
      const snapshot = snapshotOf(rowsAt(16, { windows: [row] }, "promote"), approvers);
      const [window] = snapshot.windows;
      return window === undefined ? "" : renderWindow(window, snapshot, settings).text;
    };
    expect(show(open)).toContain("writes stopped for 5.0 s of about 40 s · *can still be put back*");
    expect(show({ ...open, no_return_at: at(15) })).toContain("*past the point of no return, going forward*");
    expect(show(windowRow("window-1"))).toContain("writes stopped 7.4 s at the database · writes go to the bridge");
  });
});

describe("what else is said", () => {
  it("a failure says what happened, where writes go, and what to type", () => {
    const facts = {
      title: "Window 1 was put back after 12 s",
      safe: "nothing lost",
      message: "The marker did not arrive <b>",
      type: "`/migrate window` asks again",
      putBack: true,
      code: "DB_MARKER_MISSING",
    };
    const { text } = renderFailure(facts, snapshotOf(rowsAt(20), approvers));
    expect(text.split("\n")[0]).toBe(
      "↩ *Window 1 was put back after 12 s* · writes go to Heroku Postgres · *nothing lost*",
    );
    expect(text).toContain("&lt;b&gt;");
    expect(text).toContain("`/migrate window` asks again");
  });
  it("customers never see our words", () => {
    for (const state of ["scheduled", "in-progress", "delayed", "verifying", "completed", "put-back"]) {
      const { text } = renderComms(
        { state, expectedSeconds: 40, unavailableSeconds: 41, expiresAt: at(0).toISOString() },
        at(0),
      ) ?? { text: "" };
      expect(text).not.toBe("");
      expect(text).not.toMatch(/LSN|bridge|slot|fence|dyno|RDS|Heroku|Drawbridge|database/i);
    }
    expect(renderComms({ state: "completed", unavailableSeconds: 41 }, at(0))?.text).toContain(
      "unavailable for 41 seconds",
    );
  });
  it("the end sums it up, and notes are escaped", () => {
    expect(renderDone(reportOf(finished()), { acknowledged: 18_204, missing: 0 }, settings).text).toContain(
      "shop-production runs on RDS* · writes stopped twice: 7.4 s and 3.1 s at the database · 77 tables, 251,402,113 rows compared, 0 differences",
    );
    const facts = { acknowledged: 18_204, missing: 0, appOutageMs: { "window-1": [7_900], "window-2": [3_500] } };
    expect(renderDone(reportOf(finished(), ledgerIn(facts)), facts, settings).text).toContain(
      "writes stopped twice: 7.4 s and 3.1 s at the database, 7.9 s and 3.5 s as the app saw it",
    );
    expect(renderNote({ text: "<!here>" })?.text).toBe("&lt;!here&gt;");
  });
});
