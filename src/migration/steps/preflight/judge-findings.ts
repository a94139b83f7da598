import { DrawbridgeError } from "../../../errors.ts";
import type { Json, JsonObject } from "../../../journal/json.ts";
import type { Step } from "../../step.ts";

/**
 * Stops here while there are blockers. A step of its own, so that the findings are journalled and shown also when they
 * stop the migration.
 */
export const judgeFindings: Step = {
  name: "judge-findings",
  deadlineMs: 30_000,
  observe: async () => undefined,
  run: async (_world, context) => {
    const output = await context.output("run-checks");
    demandNoBlockers(output);
    return { blockers: 0, warnings: output["warnings"] };
  },
  undo: async () => undefined,
};

/** @throws DrawbridgeError `DB_PREFLIGHT_BLOCKED` that names every blocker in the output of `run-checks` with its fix. */
export function demandNoBlockers(output: JsonObject): void {
  const blockers = blockersOf(output);
  if (blockers.length === 0) return;
  const lines = blockers.map(({ check, message, fix }) => `${check}: ${message} Fix: ${fix}`);
  const head = blockers.length === 1 ? "1 blocker" : `${blockers.length} blockers`;
  throw new DrawbridgeError("DB_PREFLIGHT_BLOCKED", `${head}.\n${lines.join("\n")}`);
}

function blockersOf(output: JsonObject): { check: string; message: string; fix: string }[] {
  const findings = output["findings"];
  if (!Array.isArray(findings)) {
    throw new DrawbridgeError("DB_JOURNAL_CONFLICT", "the journal does not hold the findings of preflight");
  }
  return findings
    .filter((finding: JsonObject) => finding["severity"] === "blocker")
    .map((finding: JsonObject) => ({
      check: textOf(finding["check"]),
      message: textOf(finding["message"]),
      fix: textOf(finding["fix"]),
    }));
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : "";
}
