import { isPhase, type Phase } from "../src/journal/phase.ts";
import type { World } from "../src/migration/world.ts";
import type { Doorbell } from "../src/queue/doorbell.ts";
import type { Payload } from "../src/queue/payload.ts";
import { cutover } from "./cutover.ts";
import { follow } from "./follow.ts";
import type { Processor } from "./job.ts";
import { preflight } from "./preflight.ts";
import { prepareTarget } from "./prepare-target.ts";
import { promote } from "./promote.ts";
import { provision } from "./provision.ts";
import { replicate } from "./replicate.ts";
import { restoreBridge } from "./restore-bridge.ts";
import { retire } from "./retire.ts";
import { soak } from "./soak.ts";

const processors: Readonly<Record<Phase, Processor>> = {
  preflight,
  provision,
  "prepare-target": prepareTarget,
  "restore-bridge": restoreBridge,
  follow,
  promote,
  replicate,
  cutover,
  soak,
  retire,
};

/** Handles one ring of the queue `phases`: lets the phase's processor look, and rings for the phase after it. */
export async function processPhase(
  deps: { readonly world: World; readonly doorbell: Doorbell; readonly worker: string },
  payload: Payload,
  signal: AbortSignal,
): Promise<void> {
  if (!isPhase(payload.phase)) return;
  const { world, worker, doorbell } = deps;
  const came = await processors[payload.phase]({ world, worker, signal }, payload.migrationId);
  world.log.debug({ ...payload, came: came.kind }, "phase looked at");
  if (came.next !== undefined) await doorbell.ring(payload.migrationId, came.next);
}
