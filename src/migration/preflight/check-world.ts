import { DrawbridgeError } from "../../errors.ts";
import { readSourceUrl } from "../databases.ts";
import { gatherFacts } from "./gather.ts";
import { judge, type Verdict } from "./judge.ts";
import type { PreflightWorld } from "./preflight-world.ts";

/** Preflight from a terminal: no journal, no Slack, and no target yet that could be asked. Reads only. */
export async function checkWorld(
  parts: Omit<PreflightWorld, "sourceUrl" | "targetUrl">,
  signal: AbortSignal = AbortSignal.timeout(300_000),
): Promise<Verdict> {
  const world: PreflightWorld = {
    ...parts,
    sourceUrl: () => readSourceUrl(parts.heroku, parts.config.heroku.addon),
    targetUrl: () =>
      Promise.reject(new DrawbridgeError("DB_AWS", "without the journal the target's address is not known")),
  };
  return judge(await gatherFacts(world, signal));
}
