import { describe, expect, it } from "vitest";
import { DrawbridgeError } from "../../../src/errors.ts";
import { demandNoBlockers } from "../../../src/migration/steps/preflight/judge-findings.ts";

const finding = (severity: string, check: string) => ({
  check,
  severity,
  message: `${check} is wrong.`,
  fix: "Mend it.",
});

describe("the gate at preflight's end", () => {
  it("lets warnings and notes pass", () => {
    expect(() => demandNoBlockers({ findings: [finding("warning", "a"), finding("note", "b")] })).not.toThrow();
  });

  it("stops for a person at a blocker and names it with its fix", () => {
    const stopped = catching(() =>
      demandNoBlockers({ findings: [finding("note", "a"), finding("blocker", "large-objects")] }),
    );
    expect(stopped).toMatchObject({ code: "DB_PREFLIGHT_BLOCKED", outcome: "paused" });
    expect(stopped?.message).toMatch(/^1 blocker\.\nlarge-objects: large-objects is wrong\. Fix: Mend it\.$/);
  });

  it("does not take a journal without findings for a good sign", () => {
    expect(catching(() => demandNoBlockers({}))).toMatchObject({ code: "DB_JOURNAL_CONFLICT" });
  });
});

function catching(run: () => void): DrawbridgeError | undefined {
  try {
    run();
    return undefined;
  } catch (fault) {
    return fault instanceof DrawbridgeError ? fault : undefined;
  }
}
