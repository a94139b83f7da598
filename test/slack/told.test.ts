import { describe, expect, it } from "vitest";
import type { JournalEvent } from "../../src/journal/events.ts";
import { formatReport, reportOf } from "../../src/report/final-report.ts";
import { snapshotOf } from "../../src/report/snapshot.ts";
import { findingsOf } from "../../src/report/summaries.ts";
import { renderCard } from "../../src/slack/render/card.ts";
import { renderComms } from "../../src/slack/render/comms.ts";
import { renderDone, renderFindings, renderGlass, renderNote, renderPhase } from "../../src/slack/render/notes.ts";
import { renderTimeline } from "../../src/slack/render/timeline.ts";
import { at, attempt, finished, rowsAt, windowRow } from "../report/rows.ts";
import { settings } from "./settings.ts";

/** What one answer to a command may hold. */
const room = { lines: 30, characters: 3_900 };
const approvers = { required: 2, people: ["ann", "bob", "cyn"] };
const ourWords = /LSN|bridge|slot|fence|dyno|RDS|Heroku|Drawbridge|database|postgres/i;

/** Slack's date tokens as their UTC fallback, as a reader without zones sees them. */
function plain(text: string): string {
  return text.replaceAll(/<!date\^\d+\^[^|]+\|([^>]+)>/g, "$1");
}

describe("the comms channel", () => {
  const window = (change: Parameters<typeof windowRow>[1] = {}) => {
    const attempts = [
      attempt("promote", "turn-maintenance-on", { started_at: at(10) }),
      attempt("promote", "turn-maintenance-off", { ended_at: at(135) }),
    ];
    return snapshotOf(rowsAt(200, { windows: [windowRow("window-1", change)], attempts }), approvers).windows[0];
  };
  const say = (state: string, of = window(), facts: object = {}): string =>
    plain(renderComms({ state, windowId: "window-1", ...facts }, at(12), of, at(200))?.text ?? "");
  it("measures how long the site was away, and says when the next word comes", () => {
    expect(say("completed")).toContain(
      "Back to normal at 09:02 UTC. The site was unavailable for 2 minutes and 5 seconds.",
    );
    expect(say("in-progress")).toContain("We expect to be back within 2 minutes, by 09:02 UTC. Your data is safe.");
    expect(say("in-progress")).toContain("next update by 09:02 UTC");
    expect(say("put-back")).toContain("everything works as before");
    expect(say("delayed")).toContain("next update by 09:05 UTC");
  });
  it("takes a maintenance back that does not take place", () => {
    const planned = { expiresAt: at(100).toISOString(), expectedSeconds: 32 };
    const asking = { state: "asking", opened_at: null, no_return_at: null, ended_at: null } as const;
    expect(say("scheduled", window(), planned)).toContain(
      "*Scheduled* · Short maintenance soon, today. The site will be unavailable for about 40 seconds. We will say when it starts.",
    );
    expect(say("scheduled", window(asking), planned)).toContain("*Postponed*");
    expect(say("scheduled", window({ ...asking, state: "cancelled" }), planned)).toContain("*Postponed*");
  });
  it("never uses our words", () => {
    for (const state of ["scheduled", "in-progress", "delayed", "verifying", "completed", "put-back", "by-hand"])
      expect(say(state)).not.toMatch(ourWords);
  });
});

describe("a broken glass", () => {
  const glass = [
    {
      id: "7",
      at: at(20),
      kind: "break-glass",
      actor: "root@host",
      facts: { verb: "unfence", reason: "<!channel> Slack is down" },
    },
    {
      id: "9",
      at: at(21),
      kind: "break-glass-ended",
      actor: "root@host",
      facts: { verb: "unfence", of: "7", did: ["lifted"], failed: [] },
    },
    {
      id: "12",
      at: at(30),
      kind: "break-glass",
      actor: "root@host",
      facts: { verb: "return-writes", reason: "again" },
    },
  ];
  it("stands on the card, with how often, and in the report with what came of it", () => {
    const rows = rowsAt(40, { glass });
    const card = plain(renderCard(snapshotOf(rows, approvers), settings).message.text);
    expect(card).toContain("▲ *break-glass return-writes* by root@host 09:00 UTC (2 times in all): again");
    const report = reportOf(rows);
    expect(report.breakGlass.map(({ verb, outcome }) => [verb, outcome])).toEqual([
      ["unfence", "done"],
      ["return-writes", "unfinished"],
    ]);
    expect(formatReport(report)).toContain(
      "unfence by root@host: done; reason: <!channel> Slack is down\n    done: lifted",
    );
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({ breakGlass: [{ at: at(20).toISOString() }, {}] });
  });
  it("is loud in the channel, whatever came of it, and its reason can mention nobody", () => {
    const facts = { verb: "return-writes", by: "root@host", reason: "<!channel> x" };
    expect(renderGlass(facts)?.text).toMatch(
      /^▲ \*Break-glass: return-writes\* .* under way\nby root@host · reason: &lt;!channel&gt; x/,
    );
    expect(renderGlass({ ...facts, did: ["a"], failed: ["b"] })?.text).toMatch(
      /\*not all of it was done\*[^]*● a\n✕ b/,
    );
    expect(renderGlass({ ...facts, failed: ["b".repeat(9_000)] })?.text.length).toBeLessThan(4_000);
  });
  it("is told in the timeline", () => {
    const events = glass.map((event) => ({ ...event, id: BigInt(event.id), migrationId: "shop" }));
    expect(plain(renderTimeline(events, room)).split("\n")).toEqual([
      "09:00:20 UTC  ▲ *root@host broke the glass: unfence*: &lt;!channel&gt; Slack is down",
      "09:00:21 UTC  ▲ break-glass unfence is done",
      "09:00:30 UTC  ▲ *root@host broke the glass: return-writes*: again",
    ]);
  });
});

it("the thread keeps the event log's end with each phase", () => {
  const head = `214:${"ab".repeat(32)}`;
  expect(renderPhase({ phase: "follow", outcome: "done", ms: 1_000, eventLog: head })?.text).toContain(
    `event log ${head}`,
  );
});

describe("thread, timeline and end", () => {
  it("shows each finding with its fix, and folds the notes", () => {
    const findings = [
      { check: "archive", severity: "note", message: "All is there.", fix: "Nothing to do." },
      { check: "extensions", severity: "blocker", message: "RDS has no <x>.", fix: "Drop it." },
      { check: "versions", severity: "warning", message: "17 is newer.", fix: "Run the tests." },
    ];
    const rows = rowsAt(9, { attempts: [attempt("preflight", "run-checks", { output: { findings } })] });
    const text = renderFindings(findingsOf(rows) ?? []).text;
    expect(text.split("\n")[0]).toContain("✕ *Preflight: 1 blocker, 1 warning, 1 note* · It goes no further");
    expect(text).toContain("RDS has no &lt;x&gt;.\n      *Fix*: Drop it.");
    expect(text).toContain("Notes\n· archive: All is there.");
  });
  it("tells the timeline in sentences, without the machine's own", () => {
    const event = (kind: string, actor: string, facts: JournalEvent["facts"]): JournalEvent => ({
      id: 1n,
      migrationId: "shop",
      at: at(0),
      kind,
      actor,
      facts,
    });
    const text = plain(
      renderTimeline(
        [
          event("command", "greg", { verb: "window" }),
          event("vote", "ann", { gate: "maintenance", decision: "approve", eligible: true }),
          event("step-started", "w1", { step: "announce" }),
          event("phase-done", "w1", { phase: "promote", ms: 14_400 }),
        ],
        room,
      ),
    );
    expect(text.split("\n")).toEqual([
      "09:00:00 UTC  *Greg* typed `/migrate window`",
      "09:00:00 UTC  *Ann* ✅ approved gate maintenance",
      "09:00:00 UTC  ● window 1 done after 14 s",
    ]);
  });
  it("keeps the newest of the timeline where not all fits", () => {
    const broken = Array.from({ length: 40 }, (_, step): JournalEvent => {
      const facts = { verb: "hold", reason: `reason ${step} ${"x".repeat(300)}` };
      return { id: BigInt(step), migrationId: "shop", at: at(step), kind: "break-glass", actor: "root@host", facts };
    });
    const text = renderTimeline(broken, room);
    const lines = text.split("\n");
    expect(text.length).toBeLessThanOrEqual(room.characters);
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.at(-1)).toContain("reason 39 ");
    expect(lines[0]).toBe(`_${40 - (lines.length - 1)} earlier; the final report has every step_`);
  });
  it("cuts a long log into whole code blocks, and no secret in two that would then be shown", () => {
    const url = "postgres://u:p4ssw0rd-of-production@db.example/shop";
    for (let before = 2_880; before < 2_960; before += 7) {
      const text = `${"y".repeat(before)} ${url}\n${"```"}\n${"z<&>".repeat(2_000)}`;
      const made = renderNote({ text, preformatted: true });
      const bodies = (made?.blocks ?? []).flatMap((block) => (block.type === "section" ? [block.text.text] : []));
      expect(bodies.length).toBeGreaterThan(2);
      for (const body of bodies) expect(body).toMatch(/^```(?:(?!```)[^])+```$/);
      expect(bodies.join("").replaceAll("```", "")).not.toContain("p4ss");
    }
  });
  it("does not call an end good that is not", () => {
    const rows = finished();
    const bad = reportOf({ ...rows, votes: rows.votes.slice(1) });
    expect(renderDone(bad, { acknowledged: 18_204, missing: 0 }, settings).text).toMatch(
      /^▲ .*18,204 acknowledged writes, 0 missing/,
    );
    expect(renderDone(bad, {}, settings).text).toContain("▲ maintenance-step ran with fewer than two voters");
  });
});
