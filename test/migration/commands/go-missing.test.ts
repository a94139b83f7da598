import { describe, expect, it } from "vitest";
import { evaluate } from "../../../src/approvals/evaluate.ts";
import type { Approval } from "../../../src/journal/approvals-rows.ts";
import { whatIsMissing } from "../../../src/migration/commands/go-missing.ts";

const now = new Date("2026-11-22T10:00:00Z");
const inMinutes = (minutes: number): Date => new Date(now.getTime() + minutes * 60_000);
const member = {
  deleted: false,
  isBot: false,
  isRestricted: false,
  isUltraRestricted: false,
  teamId: "T",
  isMember: true,
};

function gate(change: Partial<Approval>, saying: readonly string[] = []): Approval {
  const asked = {
    id: "a",
    digest: "d",
    requesters: ["greg"],
    createdAt: now,
    expiresAt: inMinutes(30),
    state: "PENDING",
  } as const;
  const verdict = evaluate({
    policy: { required: 2, approveEmoji: "white_check_mark", vetoEmoji: "no_entry", team: "T" },
    request: asked,
    approvers: ["ann", "bob", "cyn"].map((person) => ({ person, slack: [person.toUpperCase()] })),
    currentDigest: "d",
    reactions: saying.map((slackUser) => ({ slackUser, name: "white_check_mark", standing: true })),
    people: { ANN: member, BOB: member, CYN: member },
    now,
  });
  const place = { migrationId: "m", windowId: 1, gate: "maintenance", step: "s", subject: {}, evidence: {} } as const;
  const shown = { channel: "C", messageTs: "1", stateReason: undefined, stateAt: now, verdict };
  return { ...asked, ...place, ...shown, ...change };
}

describe("go", () => {
  it("finds nothing missing when every gate is armed and lives long enough", () => {
    expect(whatIsMissing([gate({ state: "ARMED" }, ["ANN", "BOB"])], now, 140_000)).toBeUndefined();
  });
  it("says for each gate who is still needed, and until when it may be typed", () => {
    const text = whatIsMissing([gate({}, ["ANN"]), gate({ gate: "promote" })], now, 140_000);
    expect(text).toBe(
      "Not yet. maintenance: 1 more of bob, cyn (approved by ann). promote: 2 more of ann, bob, cyn. Then `/migrate go`, as long as every gate still lives 140 s: until 10:27 UTC.",
    );
  });
  it("says how long every gate must still live, and that it has to be asked anew", () => {
    const text = whatIsMissing([gate({ state: "ARMED", expiresAt: inMinutes(2) })], now, 140_000);
    expect(text).toContain("it has 120 s left, and every gate must still live 140 s");
    expect(text).toContain("`/migrate window` asks anew");
  });
  it("says why a gate can no longer open", () => {
    const denied = gate({ state: "DENIED", stateReason: "stopped by cyn" });
    expect(whatIsMissing([denied], now, 140_000)).toBe(
      "Not yet. maintenance: denied (stopped by cyn). `/migrate window` asks anew.",
    );
  });
});
