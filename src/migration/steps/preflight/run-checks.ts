import type { JsonObject } from "../../../journal/json.ts";
import { gatherFacts } from "../../preflight/gather.ts";
import { judge } from "../../preflight/judge.ts";
import { preflightWorld } from "../../preflight/preflight-world.ts";
import type { Step } from "../../step.ts";

/** Looks at source, Heroku, archive and configuration, and says what would break the migration. Reads only. */
export const runChecks: Step = {
  name: "run-checks",
  deadlineMs: 300_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const { findings, passed, skipped } = judge(await gatherFacts(preflightWorld(world), context.signal));
    const counted = (severity: string): number => findings.filter((each) => each.severity === severity).length;
    const output: JsonObject = {
      findings: findings.map((finding) => ({ ...finding })),
      passed,
      skipped,
      blockers: counted("blocker"),
      warnings: counted("warning"),
    };
    return output;
  },
  undo: async () => undefined,
};
