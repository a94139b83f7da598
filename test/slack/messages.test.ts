import { describe, expect, it } from "vitest";
import type { ApprovalRow } from "../../src/report/rows.ts";
import { snapshotOf } from "../../src/report/snapshot.ts";
import { renderCard } from "../../src/slack/render/card.ts";
import { failureCause, renderFailure } from "../../src/slack/render/failure.ts";
import { renderGateDetail } from "../../src/slack/render/gate-evidence.ts";
import { renderGate } from "../../src/slack/render/gate.ts";
import { renderWindow } from "../../src/slack/render/window.ts";
import { at, attempt, finished, phaseRow, rowsAt, windowRow } from "../report/rows.ts";
import { settings } from "./settings.ts";

const approvers = { required: 2, people: ["ann", "bob", "cyn"] };
const rented = { bridge: { instanceType: "r6i.xlarge" }, target: { instanceClass: "db.m6g.xlarge" } };

/** Slack's date tokens as their UTC fallback, as a reader without zones sees them. */
function plain(text: string): string {
  return text.replaceAll(/<!date\^\d+\^[^|]+\|([^>]+)>/g, "$1");
}

function gateCard(state: ApprovalRow["state"], evidence: Record<string, unknown>, change: object = {}): string {
  const window = windowRow("window-1", {
    state: "asking",
    opened_at: null,
    no_return_at: null,
    ended_at: null,
    ...change,
  });
  const gates = finished()
    .approvals.slice(0, 3)
    .map((each) => ({ ...each, window_id: window.id, state, evidence }));
  const rows = { ...rowsAt(20, {}, "promote"), windows: [window], approvals: gates, votes: finished().votes };
  const snapshot = snapshotOf(rows, approvers);
  const [gate] = snapshotOf({ ...rows, windows: [{ ...window, state: "asking" }] }, approvers).approvals;
  if (gate === undefined) throw new Error("no gate");
  return plain(renderGate(gate, { window: snapshot.windows[0], siblings: snapshot.approvals }, settings).text);
}

describe("a gate, read at two in the morning", () => {
  const evidence = {
    dynos: 14,
    formation: "web 10, worker 4",
    probes: 3,
    slowestMs: 2_100,
    blockers: 0,
    warnings: 3,
    earlier: [{ says: "window 1, put back after", ms: 12_000 }],
    putBackMs: 9_000,
  };
  it("says what happens, why now, and what if, with the app's own numbers", () => {
    const text = gateCard("PENDING", evidence);
    expect(text).toContain(
      "*What happens*: visitors see the maintenance page, 14 dynos stop (web 10, worker 4), Heroku Postgres takes no writes. About 40 s without writes at the database (window 1, put back after: 12 s).",
    );
    expect(text).toContain(
      "*Why now*: 3 test writes in a row reached the bridge within 2.1 s · 0 blockers, 3 warnings.",
    );
    expect(text).toContain(
      "*If it goes wrong before the switch*: writes go to Heroku Postgres as before within about 9.0 s",
    );
  });
  it("reads well when test writes were too quick to measure", () => {
    expect(gateCard("PENDING", { probes: 3, slowestMs: 20 })).toContain(
      "3 test writes in a row reached the bridge in under 0.1 s.",
    );
  });
  it("leaves out what nobody measured", () => {
    const text = gateCard("PENDING", {});
    expect(text).toContain(
      "all dynos stop, Heroku Postgres takes no writes. About 40 s without writes at the database (not tried before).",
    );
    expect(text).not.toContain("Why now");
    expect(text).not.toMatch(/undefined|NaN/);
  });
  it("once used, says by whom and what came of it", () => {
    const text = gateCard("CONSUMED", evidence, { state: "put-back", opened_at: at(10), ended_at: at(22) });
    expect(text.split("\n")[0]).toContain("● *Approved: switch shop-production to maintenance mode*");
    expect(text.split("\n")[0]).toContain("by Ann and Bob · used 09:00 UTC · window 1 was put back");
  });
  it("names every step and parameter in its thread", () => {
    const text = renderGateDetail({
      window: "window-1",
      gate: "maintenance",
      digest: "85a1b3".repeat(10),
      parameters: { app: "shop", bridge: "10.0.0.1:5432<" },
      steps: [
        { name: "announce" },
        { name: "turn-maintenance-on", gate: "maintenance" },
        { name: "promote-bridge", gate: "promote" },
      ],
    });
    expect(text).toContain("2. maintenance page on `turn-maintenance-on`  ← *this gate*");
    expect(text).toContain("3. bridge becomes primary `promote-bridge`  (another gate)");
    expect(text).toContain("bridge `10.0.0.1:5432&lt;`");
    expect(text).toContain("85a1b3".repeat(10));
  });
});

describe("the card, phase by phase", () => {
  it("sums every phase up in words", () => {
    const rows = { ...finished(), migration: { ...rowsAt(100, {}, "retire").migration } };
    const { text } = renderCard(snapshotOf(rows, approvers), { ...settings, aws: rented }).message;
    expect(text).toContain("● provision · bridge r6i.xlarge, target db.m6g.xlarge");
    expect(text).toContain("● window 1 · no writes at the database for 7.4 s");
    expect(text).toContain("● replicate · 77 tables, 251,402,113 rows");
  });
  it("says what follow still waits for, and until when the soak lasts", () => {
    const following = rowsAt(
      30,
      {
        phases: [phaseRow("follow", { state: "running", ended_at: null })],
        samples: [
          { at: at(29), kind: "progress", facts: { phase: "follow", probes: 2, wanted: 3, lastProbeMs: 3_100 } },
        ],
      },
      "follow",
    );
    expect(renderCard(snapshotOf(following, approvers), settings).message.text).toContain(
      "◐ follow · 2 of 3 test writes in a row arrived quickly, the last took 3.1 s",
    );
    const soaking = rowsAt(
      30,
      {
        phases: [phaseRow("soak", { state: "running", ended_at: null })],
        attempts: [attempt("soak", "start-soak", { output: { until: at(7_200).toISOString() } })],
      },
      "soak",
    );
    expect(plain(renderCard(snapshotOf(soaking, approvers), settings).message.text)).toContain(
      "watching · until 11:00 UTC",
    );
  });
  it("names the first backup, which comes before any copying", () => {
    const backingUp = rowsAt(
      30,
      {
        phases: [phaseRow("replicate", { state: "running", ended_at: null })],
        attempts: [attempt("replicate", "take-first-backup", { state: "started", ended_at: null })],
      },
      "replicate",
    );
    const { text } = renderCard(snapshotOf(backingUp, approvers), settings).message;
    expect(text.split("\n")[0]).toContain("phase 7 of 10 · backing up the bridge");
    expect(text).toContain("◐ replicate · first backup of the bridge");
  });
  it("keeps a cause to one line while it is tried again, and names the remedy when it is not", () => {
    const error = { code: "DB_AWS", message: `could not connect to ${"x".repeat(400)}\n  because: libpq says much` };
    const card = (state: "retrying" | "paused"): string =>
      renderCard(
        snapshotOf(rowsAt(30, { phases: [phaseRow("follow", { state, ended_at: null, error })] }, "follow"), approvers),
        settings,
      ).message.text;
    expect(card("retrying")).toContain("*tries again by itself*, cause in the thread");
    expect(card("retrying")).not.toContain("libpq");
    expect(
      Math.max(
        ...card("retrying")
          .split("\n")
          .map((line) => line.length),
      ),
    ).toBeLessThan(260);
    expect(card("paused")).toContain("AWS's own error code");
  });
});

describe("a window", () => {
  const facts = { fenceCommittedAt: at(11).toISOString(), firstCommitAt: at(18.4).toISOString() };
  const show = (change: Parameters<typeof windowRow>[1], name: "window-1" | "window-2" = "window-1"): string => {
    const phase = name === "window-1" ? "promote" : "cutover";
    const attempts = [
      attempt(phase, "turn-maintenance-on", { started_at: at(10) }),
      attempt(phase, "verify-rows", { output: { tables: 3, rows: 64_133, differences: 0 } }),
      attempt(phase, "turn-maintenance-off", { ended_at: at(20) }),
    ];
    const snapshot = snapshotOf(rowsAt(25, { windows: [windowRow(name, change)], attempts }, phase), approvers);
    const [window] = snapshot.windows;
    return window === undefined ? "" : plain(renderWindow(window, snapshot, settings).text);
  };
  it("ends with how long writes were gone, what was compared, and where they go since, whatever came later", () => {
    expect(show({ facts }).split("\n")[0]).toBe(
      "● *Window 1 of shop-production is done* · writes stopped 7.4 s at the database · 64,133 rows compared, 0 differences · maintenance page for 10 s · writes go to the bridge",
    );
    expect(show({ facts }, "window-2")).toContain("writes go to RDS");
    expect(show({ facts: { ...facts, acknowledged: 18_204, missing: 0 } })).toContain(
      "0 of 18,204 acknowledged writes missing",
    );
  });
  it("says when it is being put back, and that nothing was lost", () => {
    const open = { state: "open", no_return_at: null, ended_at: null } as const;
    expect(show({ ...open, facts: { fenceCommittedAt: facts.fenceCommittedAt, puttingBack: {} } })).toContain(
      "*being put back*, writes stopped for 14 s · they return to Heroku Postgres, nothing lost",
    );
    expect(show({ state: "put-back", no_return_at: null, facts: {} })).toContain(
      "nothing lost · writes go to Heroku Postgres as before",
    );
    expect(show({ state: "put-back", no_return_at: null, facts: {} })).toContain("writes never stopped");
    const cutShort = [attempt("promote", "fence-source", { state: "undone" })];
    const snapshot = snapshotOf(
      rowsAt(25, { windows: [windowRow("window-1", { state: "put-back", facts: {} })], attempts: cutShort }, "promote"),
      approvers,
    );
    const [window] = snapshot.windows;
    expect(window && renderWindow(window, snapshot, settings).text).not.toContain("never stopped");
  });
});

describe("a failure", () => {
  const facts = {
    phase: "promote",
    windowId: "window-1",
    putBack: true,
    title: "window-1 was put back",
    safe: "nothing lost",
    did: "undone: stop-writers, announce",
    message: "The bridge did not show the marker\n  because: of a long story",
    cause: "The bridge did not show the marker\n  because: of a long story",
    code: "DB_WAIT_TIMEOUT",
  };
  const snapshot = snapshotOf(
    rowsAt(60, { windows: [windowRow("window-1", { state: "put-back", no_return_at: null })] }),
    approvers,
  );
  it("keeps the cause for the thread and says what to type", () => {
    const { text } = renderFailure(facts, snapshot);
    expect(text.split("\n")[0]).toBe(
      "↩ *Window 1 was put back after 20 s* · writes go to Heroku Postgres as before · *nothing lost*",
    );
    expect(text).not.toContain("long story");
    expect(text).toContain("`/migrate window` asks for approvals again");
    expect(failureCause(facts, snapshot)).toContain("of a long story");
    expect(failureCause(facts, snapshot)).toContain("undone: stop-writers, announce");
  });
  it("sends somebody with blockers to the thread and back to check", () => {
    const blocked = { phase: "preflight", title: "preflight waits for a person", message: "1 blocker.\nextensions: …" };
    expect(renderFailure(blocked, snapshot).text).toContain("then `/migrate check`");
  });
});
