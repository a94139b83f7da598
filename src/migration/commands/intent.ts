import { asDrawbridgeError } from "../../errors.ts";
import { supersedeApprovals } from "../../journal/approvals-rows.ts";
import { appendEvent } from "../../journal/events.ts";
import { addRequester, getMigration, type Migration, setIntent, setPhase } from "../../journal/migrations.ts";
import { getPhaseRun, raiseTry, releasePhase } from "../../journal/phase-runs.ts";
import type { Phase } from "../../journal/phase.ts";
import { currentWindow, endWindow, type WindowRun, windowRuns } from "../../journal/windows.ts";
import { replicationNames } from "../names.ts";
import { demandPromotable } from "../standby-guard.ts";
import type { World } from "../world.ts";
import { type CommandHandler, done, refused } from "./command.ts";

/** `/migrate hold`: the running step stops at the next safe place; a window before its point of no return is put back. */
export const holdCommand: CommandHandler = async (world, { command }) => {
  const migration = await getMigration(world.journal.db, world.migrationId);
  if (migration === undefined) return refused("There is no migration to hold.");
  await setIntent(world.journal.db, migration.id, "hold", command.person);
  await appendEvent(world.journal.db, { migrationId: migration.id, kind: "hold", actor: command.person });
  return done(`${migration.id} is held. Nothing new begins; \`/migrate resume\` goes on.`);
};

/** `/migrate resume`: takes back a hold, and lets a paused phase go on. */
export const resumeCommand: CommandHandler = async (world, { command, ring }) => {
  const migration = await getMigration(world.journal.db, world.migrationId);
  if (migration === undefined) return refused("There is no migration to resume.");
  await setIntent(world.journal.db, migration.id, "run", command.person);
  await releasePhase(world.journal.db, migration.id);
  await appendEvent(world.journal.db, { migrationId: migration.id, kind: "resume", actor: command.person });
  await ring(migration.phase);
  return done(`${migration.id} goes on with ${migration.phase}.`);
};

/** `/migrate retry`: a failed or paused phase runs again from the step that failed. */
export const retryCommand: CommandHandler = async (world, { command, ring }) => {
  const migration = await getMigration(world.journal.db, world.migrationId);
  if (migration === undefined) return refused("There is no migration to retry.");
  await addRequester(world.journal.db, migration.id, command, "retry");
  await setIntent(world.journal.db, migration.id, "run", command.person);
  const restoresAgain = await restoreAgain(world, migration);
  const released = restoresAgain || (await releasePhase(world.journal.db, migration.id));
  await appendEvent(world.journal.db, {
    migrationId: migration.id,
    kind: "retry",
    actor: command.person,
    facts: { phase: migration.phase },
  });
  await ring(restoresAgain ? "restore-bridge" : migration.phase);
  if (restoresAgain) return done("The bridge is restored again from the archive.");
  return released
    ? done(`${migration.phase} runs again.`)
    : refused(`${migration.phase} has neither failed nor paused; there is nothing to retry.`);
};

/** A bridge that can follow the source no more is not mended by the step that found it: its restore begins anew. */
async function restoreAgain(world: World, { id, phase }: Migration): Promise<boolean> {
  const { db } = world.journal;
  if (phase !== "restore-bridge" && phase !== "follow" && phase !== "promote") return false;
  const window = await currentWindow(db, id);
  if (window?.state === "open") return false;
  const run = await getPhaseRun(db, id, phase);
  const stands = run?.state === "failed" || run?.state === "paused" || run?.state === "retrying";
  const found = stands && run.error?.code === "DB_RESTORE_AGAIN";
  // while people are asked for window 1 no step looks: it is found now
  if (!found && !(phase === "promote" && (await mustRestoreAgain(world)))) return false;
  await db.transaction(async (tx) => {
    if (window) {
      await supersedeApprovals(tx, window.id, "the bridge is restored again");
      await endWindow(tx, window.id, "cancelled", "the bridge is restored again");
    }
    for (const again of restoredPhases.slice(0, restoredPhases.indexOf(phase) + 1)) await raiseTry(tx, id, again);
    await setPhase(tx, id, "restore-bridge");
  });
  return true;
}

/** In their order: a restore of the bridge makes these, up to the present one, run anew. */
const restoredPhases: readonly Phase[] = ["restore-bridge", "follow", "promote"];

async function mustRestoreAgain(world: World): Promise<boolean> {
  return demandPromotable(world).then(
    () => false,
    (thrown: unknown) => asDrawbridgeError(thrown).code === "DB_RESTORE_AGAIN",
  );
}

/** How long after a window's end an abort is taken as meant for it, in milliseconds. */
const justEndedMs = 30_000;

/** `/migrate abort`: an open window is put back (before its point of no return), otherwise the present phase is undone. Refused after window 2. */
export const abortCommand: CommandHandler = async (world, { command, ring }) => {
  const { db } = world.journal;
  const migration = await getMigration(db, world.migrationId);
  if (migration === undefined) return refused("There is no migration to abort.");
  const window = await currentWindow(db, migration.id);
  const refusal = abortRefusal(
    migration,
    { alive: window, last: (await windowRuns(db, migration.id)).at(-1) },
    world.clock.now(),
  );
  if (refusal !== undefined) return refused(refusal);
  await setIntent(db, migration.id, "abort", command.person);
  await appendEvent(db, {
    migrationId: migration.id,
    kind: "abort",
    actor: command.person,
    facts: { window: window?.name },
  });
  await ring(migration.phase);
  if (window?.state === "open") return done(`${window.name} is being put back; writes return to where they were.`);
  return done(`${migration.id} stops; what ${migration.phase} did is undone. ${whatIsLeft(migration)}`);
};

/** Why an abort would do harm, or nothing, as things stand; `undefined`: it may be asked for. Pure. */
export function abortRefusal(
  migration: Migration,
  { alive, last }: { readonly alive: WindowRun | undefined; readonly last: WindowRun | undefined },
  now: Date,
): string | undefined {
  if (alive?.noReturnAt !== undefined) {
    return `${alive.name} is past its point of no return: it goes forward, which is the safe way now.`;
  }
  const ended = alive === undefined ? last : undefined;
  if (ended?.endedAt !== undefined && now.getTime() - ended.endedAt.getTime() < justEndedMs) {
    const how = ended.state === "put-back" ? "was put back" : "has ended";
    return `${ended.name} ${how} a moment ago; nothing of it is left to abort. To end the whole migration, type it again in half a minute.`;
  }
  return alive?.state === "open" ? undefined : whyNotAbort(migration);
}

/** Where an abort would end the migration and leave slots, agent and bridge to themselves, it says what to do instead. */
function whyNotAbort({ id, phase, state }: Migration): string | undefined {
  if (state === "completed" || state === "aborted") return `${id} is ${state}; there is nothing to abort.`;
  if (phase !== "soak" && phase !== "retire") return undefined;
  const end = phase === "soak" ? "when the soak is over, `/migrate window`" : "`/migrate window`";
  return `RDS is the primary since window 2: there is nothing to put back, and an abort would leave the way back's slot on RDS, which keeps WAL until the disk is full. To end it, ${end} asks for approvals to retire the bridge. To go back to the bridge, follow RUNBOOK.md, "Go back after window 2": Drawbridge does not do that in this version.`;
}

function whatIsLeft({ id, phase }: Migration): string {
  if (phase === "replicate") {
    return "The bridge is production and stays: keep its host and its agent running. The RDS instance is left for you to delete.";
  }
  if (phase === "cutover") {
    const { forwardSubscription, reverseSubscription } = replicationNames(id);
    return `The bridge is production and stays: keep its host and its agent running. Replication to RDS is left as well. Drop subscription ${forwardSubscription} and slot ${reverseSubscription} on RDS *before* you delete RDS, else slot ${forwardSubscription} keeps WAL on the bridge until its disk is full.`;
  }
  return "Earlier phases leave what the card lists.";
}
