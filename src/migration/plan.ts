import type { Code } from "../errors.ts";
import type { Phase } from "../journal/phase.ts";
import type { PhasePlan } from "./phase-plan.ts";
import type { Step } from "./step.ts";
import { awaitMarker } from "./steps/cutover/await-marker.ts";
import { compareTargetSequences } from "./steps/cutover/compare-sequences.ts";
import { disableForward } from "./steps/cutover/disable-forward.ts";
import { enableReverse } from "./steps/cutover/enable-reverse.ts";
import { markBridge } from "./steps/cutover/mark-bridge.ts";
import { prepareReverse } from "./steps/cutover/prepare-reverse.ts";
import { setTargetSequences } from "./steps/cutover/set-sequences.ts";
import { verifyRows } from "./steps/cutover/verify-rows.ts";
import { settleLag } from "./steps/follow/settle-lag.ts";
import { judgeFindings } from "./steps/preflight/judge-findings.ts";
import { runChecks } from "./steps/preflight/run-checks.ts";
import { createDatabase } from "./steps/prepare/create-database.ts";
import { createMarkerSchema } from "./steps/prepare/create-marker-schema.ts";
import { createRoles } from "./steps/prepare/create-roles.ts";
import { keepSecondAttachment } from "./steps/prepare/keep-second-attachment.ts";
import { loadTrialSchema } from "./steps/prepare/load-trial-schema.ts";
import { awaitReplay } from "./steps/promote/await-replay.ts";
import { checkBridge } from "./steps/promote/check-bridge.ts";
import { markSource } from "./steps/promote/mark-source.ts";
import { openBridge } from "./steps/promote/open-bridge.ts";
import { promoteBridge } from "./steps/promote/promote-bridge.ts";
import { awaitBridge } from "./steps/provision/await-bridge.ts";
import { awaitTarget } from "./steps/provision/await-target.ts";
import { createParameterGroup } from "./steps/provision/create-parameter-group.ts";
import { createSecurityGroups } from "./steps/provision/create-security-groups.ts";
import { createTarget } from "./steps/provision/create-target.ts";
import { launchBridge } from "./steps/provision/launch-bridge.ts";
import { writeBootstrap } from "./steps/provision/write-bootstrap.ts";
import { analyzeTarget } from "./steps/replicate/analyze-target.ts";
import { catchUp } from "./steps/replicate/catch-up.ts";
import { copyTables } from "./steps/replicate/copy-tables.ts";
import { createForwardPublication } from "./steps/replicate/create-publication.ts";
import { createForwardSubscription } from "./steps/replicate/create-subscription.ts";
import { loadTargetSchema } from "./steps/replicate/load-schema.ts";
import { prepareWayBack } from "./steps/replicate/prepare-way-back.ts";
import { setBridgeIdentities } from "./steps/replicate/set-replica-identities.ts";
import { takeFirstBackup } from "./steps/replicate/take-first-backup.ts";
import { checkStandby } from "./steps/restore/check-standby.ts";
import { restoreStandby } from "./steps/restore/restore-standby.ts";
import { closeWayBack } from "./steps/retire/close-way-back.ts";
import { endReplication } from "./steps/retire/end-replication.ts";
import { listInventory } from "./steps/retire/list-inventory.ts";
import { removeTraces } from "./steps/retire/remove-traces.ts";
import { terminateBridge } from "./steps/retire/terminate-bridge.ts";
import { dropForward } from "./steps/soak/drop-forward.ts";
import { startSoak } from "./steps/soak/start-soak.ts";
import { watchSoak } from "./steps/soak/watch-soak.ts";
import { announce } from "./steps/window/announce.ts";
import { fenceOf } from "./steps/window/fence.ts";
import { turnMaintenanceOff, turnMaintenanceOn } from "./steps/window/maintenance.ts";
import { pointOfNoReturn } from "./steps/window/no-return.ts";
import { probeHealth } from "./steps/window/probe-health.ts";
import { proveWrites } from "./steps/window/prove-writes.ts";
import { repointTo } from "./steps/window/repoint.ts";
import { restoreWriters, stopWriters } from "./steps/window/writers.ts";
import type { World } from "./world.ts";

/** The steps of every phase, in the order in which they run (DESIGN.md "Phases, steps, gates"). */
export const plan: Readonly<Record<Phase, readonly Step[]>> = {
  preflight: [runChecks, judgeFindings],
  provision: [
    createParameterGroup,
    createSecurityGroups,
    writeBootstrap,
    launchBridge,
    createTarget,
    awaitBridge,
    awaitTarget,
  ],
  "prepare-target": [createMarkerSchema, keepSecondAttachment, createRoles, createDatabase, loadTrialSchema],
  "restore-bridge": [restoreStandby, checkStandby],
  follow: [settleLag],
  promote: [
    announce,
    turnMaintenanceOn,
    stopWriters,
    fenceOf("source"),
    markSource,
    awaitReplay,
    promoteBridge,
    checkBridge,
    pointOfNoReturn,
    openBridge,
    repointTo("bridge"),
    proveWrites,
    restoreWriters,
    turnMaintenanceOff,
    probeHealth,
  ],
  // the first backup belongs to the promoted bridge, and takes hours that must not keep window 1 open
  replicate: [
    takeFirstBackup,
    setBridgeIdentities,
    createForwardPublication,
    loadTargetSchema,
    createForwardSubscription,
    copyTables,
    analyzeTarget,
    catchUp,
    prepareWayBack,
  ],
  cutover: [
    announce,
    turnMaintenanceOn,
    stopWriters,
    fenceOf("bridge"),
    markBridge,
    awaitMarker,
    disableForward,
    setTargetSequences,
    verifyRows,
    prepareReverse,
    compareTargetSequences,
    pointOfNoReturn,
    repointTo("target"),
    proveWrites,
    enableReverse,
    restoreWriters,
    turnMaintenanceOff,
    probeHealth,
  ],
  soak: [dropForward, startSoak, watchSoak],
  retire: [closeWayBack, endReplication, removeTraces, terminateBridge, listInventory],
};

/**
 * The plan of one phase. A window 1 that was put back after the promotion had begun, or because the bridge is no standby
 * of the source any more, leaves a bridge that may have left the source's timeline: it is restored and settles again.
 * A window 2 that found other rows on the target leaves a copy that nobody can trust: it is removed and made anew.
 */
export function phasePlan(phase: Phase): PhasePlan<World> {
  const steps = plan[phase];
  if (phase === "promote") return { phase, steps, restartsWhenPutBack: restoresAgain };
  if (phase === "cutover") return { phase, steps, restartsWhenPutBack: copiesAgain };
  return phase === "replicate" ? { phase, steps, startsClean: true } : { phase, steps };
}

function restoresAgain(attempted: readonly string[], code: Code): readonly Phase[] {
  return attempted.includes(promoteBridge.name) || code === "DB_RESTORE_AGAIN" ? ["restore-bridge", "follow"] : [];
}

function copiesAgain(_attempted: readonly string[], code: Code): readonly Phase[] {
  return code === "DB_VERIFY_DIFFERENCE" ? ["replicate"] : [];
}
