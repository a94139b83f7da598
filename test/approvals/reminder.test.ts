import { describe, expect, it } from "vitest";
import { reminderDue } from "../../src/approvals/reminder.ts";
import { approvalViews, type ApprovalView } from "../../src/report/approvals.ts";
import { askedIn, renderExpired, renderReminder } from "../../src/slack/render/reminder.ts";
import { at, rowsAt } from "../report/rows.ts";
import { settings } from "../slack/settings.ts";

const asked = { createdAt: at(0), expiresAt: at(1_800) };

describe("a reminder", () => {
  it("is due from half of the time on, and the other when a tenth is left; never both", () => {
    const moments = [0, 899, 900, 1_619, 1_620, 1_799, 1_800, 9_000].map((second) => reminderDue(asked, at(second)));
    expect(moments).toEqual([undefined, undefined, "half", "half", "tenth", "tenth", undefined, undefined]);
  });

  const gates = (change: Partial<ApprovalView> = {}): readonly ApprovalView[] => {
    const gate = {
      window_id: "7",
      step: "s",
      digest: "d",
      subject: {},
      evidence: {},
      requesters: ["greg"],
      created_at: at(0),
      expires_at: at(1_800),
    };
    const shown = { channel: "C", message_ts: "1", state: "PENDING", state_reason: null, state_at: at(0) } as const;
    const approvals = [
      { ...gate, ...shown, id: "g1", gate: "maintenance" as const },
      { ...gate, ...shown, id: "g2", gate: "promote" as const },
    ];
    return approvalViews(rowsAt(900, { approvals }), { required: 2, people: ["ann", "bob", "cyn"] }).map((view) => ({
      ...view,
      ...change,
    }));
  };
  const say = (moment: "half" | "tenth", second: number, change: Partial<ApprovalView> = {}) => {
    const facts = { about: "window-7", moment };
    return renderReminder(
      facts,
      { gates: askedIn(facts, gates(change)), window: undefined, takenAt: at(second) },
      settings,
    )?.text;
  };

  it("names who is still needed, and mentions them", () => {
    expect(say("half", 900)).toMatch(
      /half of the time is over.*`maintenance` needs 2, `promote` needs 2 · still needed: <@UANN> <@UBOB> <@UCYN>/,
    );
    expect(say("tenth", 1_700)).toContain("time is nearly over");
  });
  it("says that only go is missing when all is approved", () => {
    expect(say("half", 900, { state: "ARMED", missing: 0 })).toMatch(
      /every gate is approved; <@UGREG> can type `\/migrate go`/,
    );
  });
  it("that comes late is not sent together with the last one, nor when nobody can do anything", () => {
    expect(say("half", 1_650)).toBeUndefined();
    expect(say("tenth", 1_800)).toBeUndefined();
    expect(say("half", 900, { undecided: false, state: "SUPERSEDED" })).toBeUndefined();
  });
  it("of the end says what it means and what to type", () => {
    const expired = gates({ state: "EXPIRED", undecided: false });
    const text = renderExpired({ gates: expired, window: undefined, takenAt: at(1_900) }, settings)?.text;
    expect(text).toContain("was not opened in time");
    expect(text).toContain("Nothing happened");
    expect(text).toMatch(/<@UGREG> can type `\/migrate window`/);
    expect(renderExpired({ gates: gates(), window: undefined, takenAt: at(1_900) }, settings)).toBeUndefined();
  });
});
