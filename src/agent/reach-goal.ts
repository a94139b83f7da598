import { lstat, rm } from "node:fs/promises";
import { ifThere } from "../archive/host/if-there.ts";
import type { RestoreProgress } from "../archive/restore/restore.ts";
import { asDrawbridgeError, DrawbridgeError } from "../errors.ts";
import type { AgentFacts, AgentGoal } from "../journal/agent-rows.ts";
import type { Session } from "../postgres/session.ts";
import { startingFacts } from "./consistency.ts";
import { report, serverOf, standbySignal, type AgentContext } from "./context.ts";
import { startCourier, type Courier } from "./courier.ts";
import { startFirstBackup, type FirstBackupRun } from "./first-backup-run.ts";
import { follow, freshLooks, noteForeignTimelines, type StandbyLooks } from "./follow.ts";
import { whileGoalStands } from "./goal-watch.ts";
import { removeData } from "./instance.ts";
import { openLocalSession, serverPid, stopServer, waitForServer } from "./local-postgres.ts";
import { prepareRoles, promoteServer } from "./promote.ts";
import { remember, restoreBridge } from "./restore-goal.ts";
import { ensureServer } from "./run-server.ts";
import { adminRole, replicationRole } from "./server-config.ts";
import { readPosition } from "./standby.ts";
import { agreeMethods } from "./stored-methods.ts";

/** How long one look waits for a server that is coming up. */
const upDeadlineMs = 4_000;

/** What the agent has running beside its looks. */
export interface Running {
  courier: Courier | undefined;
  looks: StandbyLooks;
  firstBackup: FirstBackupRun | undefined;
}

/** Ends what runs beside; PostgreSQL goes on. */
export async function closeRunning(running: Running): Promise<void> {
  await running.firstBackup?.[Symbol.asyncDispose]();
  await running.courier?.[Symbol.asyncDispose]();
  running.firstBackup = undefined;
  running.courier = undefined;
  running.looks = freshLooks();
}

/** One step towards the goal, or, once it is reached, a look at how things are; both end in a report. */
export async function reachGoal(context: AgentContext, running: Running, goal: AgentGoal): Promise<void> {
  await acceptGoal(context, goal);
  if (goal.goal === "wiped") return wipe(context, running, goal);
  if (goal.goal === "standby") await restoreWhereNeeded(context, running, goal);
  const courier = (running.courier ??= await startCourier(context));
  if (goal.goal === "standby") await noteForeignTimelines(context, goal, courier.source);
  const { server, started } = await ensureServer(context, goal);
  if (started) await report(context, goal, "starting", await startingFacts(context, server));
  const opened = await waitForServer(server, upDeadlineMs, context.deps.signal).catch((thrown: unknown) => {
    const fault = asDrawbridgeError(thrown);
    if (fault.code !== "DB_WAIT_TIMEOUT") throw fault;
    return undefined;
  });
  // replaying up to consistency may take hours
  if (!opened) return report(context, goal, "starting", await startingFacts(context, server));
  await using session = opened;
  const isPaused = goal.goal === "primary" && (await readPosition(session)).replayPaused;
  // promoting a paused standby would shut the server down
  if (goal.goal === "standby" || isPaused) {
    await follow(context, goal, session, { courier, looks: running.looks });
  } else {
    refuseToPromote(context);
    await bePrimary(context, running, goal, session);
  }
}

/** Higher epochs win; a lower one is an old message. */
async function acceptGoal(context: AgentContext, goal: AgentGoal): Promise<void> {
  const { record } = context;
  if (!record) return;
  if (record.migrationId !== goal.migrationId) {
    throw new DrawbridgeError("DB_BAD_INPUT", `this bridge belongs to migration ${record.migrationId}`);
  }
  if (goal.epoch < BigInt(record.epoch)) {
    throw new DrawbridgeError("DB_BAD_INPUT", `goal of epoch ${goal.epoch} refused: ${record.epoch} was acted upon`);
  }
  if (goal.epoch > BigInt(record.epoch)) await remember(context, { ...record, epoch: goal.epoch.toString() });
}

async function restoreWhereNeeded(context: AgentContext, running: Running, goal: AgentGoal): Promise<void> {
  if (!(await needsRestore(context, goal))) return;
  await closeRunning(running);
  await restoreWithReports(context, running, goal);
}

/**
 * Nothing whole lies here, it is of another cluster than the source is now, it was found to follow no more, or it was
 * promoted and has to be put back.
 * @throws DrawbridgeError `DB_RESTORE_AGAIN` while the goal is the one under which it was found to follow no more.
 */
async function needsRestore(context: AgentContext, { epoch, params }: AgentGoal): Promise<boolean> {
  const { record } = context;
  if (record?.phase !== "restored") return true;
  if (!(await isStandby(context))) {
    await refuseWhileInUse(context);
    return true;
  }
  if (record.restoreAgain?.epoch === epoch.toString()) {
    throw new DrawbridgeError("DB_RESTORE_AGAIN", record.restoreAgain.why);
  }
  const isOther = params.systemIdentifier !== undefined && params.systemIdentifier !== record.systemIdentifier;
  return isOther || record.restoreAgain !== undefined;
}

/** What can follow no more lacks what was written since: it must not become production. */
function refuseToPromote({ record }: AgentContext): void {
  if (record?.restoreAgain !== undefined) throw new DrawbridgeError("DB_RESTORE_AGAIN", record.restoreAgain.why);
}

async function isStandby(context: AgentContext): Promise<boolean> {
  // a disk that does not answer makes no standby a primary, which would be restored anew
  return (await ifThere(lstat(standbySignal(context.paths)))) !== undefined;
}

/** A promoted bridge may be production: it is not thrown away under the application's feet. */
async function refuseWhileInUse(context: AgentContext): Promise<void> {
  if ((await serverPid(context.paths)) === undefined) return;
  const server = serverOf(context);
  await using session = await openLocalSession(server);
  const users = await session.query<{ name: string }>(
    `select distinct usename as name from pg_stat_activity
      where backend_type = 'client backend' and usename <> all ($1::text[])
        -- the worker looks at lag and replay as the owner
        and application_name not like 'drawbridge-%'`,
    [[server.role, adminRole, replicationRole]],
  );
  if (users.length === 0) return;
  const names = users.map(({ name }) => name).join(", ");
  throw new DrawbridgeError("DB_BRIDGE", `the bridge is a primary in use by ${names}; it is not thrown away`, {
    outcome: "terminal",
  });
}

async function restoreWithReports(context: AgentContext, running: Running, goal: AgentGoal): Promise<void> {
  let progress: RestoreProgress | undefined;
  const tell = (): Promise<void> => report(context, goal, "restoring", progress ? progressFacts(progress) : {});
  const restore = (signal: AbortSignal): Promise<void> =>
    restoreBridge(context, goal, {
      onProgress: (now) => (progress = now),
      onRemoving: () => closeRunning(running),
      onChosen: async ({ startSegment }) => {
        running.courier ??= await startCourier(context);
        running.courier.startAt(startSegment);
      },
      signal,
    });
  await whileGoalStands(context.deps, goal, restore, tell);
  await tell();
}

/** How far a restore is, as the journal keeps it. Pure. */
export function progressFacts(progress: RestoreProgress): AgentFacts {
  const { bytesDone, bytesTotal, partsDone, partsTotal, fetchedBytes, fetchTotalBytes, fetchRate } = progress;
  const leftBytes = Math.max(0, fetchTotalBytes - fetchedBytes);
  // what is unpacked grows with what is fetched
  const bytesPerSecond = fetchedBytes === 0 ? 0 : (fetchRate * bytesDone) / fetchedBytes;
  return {
    bytesDone,
    ...(bytesTotal === undefined ? {} : { bytesTotal }),
    partsDone,
    partsTotal,
    bytesPerSecond: Math.round(bytesPerSecond),
    ...(fetchRate > 0 ? { secondsLeft: Math.ceil(leftBytes / fetchRate) } : {}),
  };
}

async function bePrimary(context: AgentContext, running: Running, goal: AgentGoal, session: Session): Promise<void> {
  const before = await readPosition(session);
  if (before.inRecovery) await report(context, goal, "promoting", { replayLsn: before.lsn, consistent: true });
  if (!(await promoteServer(context, goal, session))) return;
  await prepareRoles(goal, serverOf(context), session);
  await agreeMethods(context, goal, session);
  const facts = async (): Promise<{
    replayLsn: string;
    timeline: number;
    consistent: boolean;
    replayPaused: boolean;
  }> => {
    const { lsn, timeline } = await readPosition(session);
    return { replayLsn: lsn, timeline, consistent: true, replayPaused: false };
  };
  await report(context, goal, "primary", { ...(await facts()), ...running.firstBackup?.facts() });
  // the window waits for the report, not for this
  if (before.inRecovery) await session.query("checkpoint");
  if (goal.params.firstBackup === true && context.record?.firstBackup === undefined) {
    running.firstBackup ??= startFirstBackup(context, serverOf(context));
  }
}

async function wipe(context: AgentContext, running: Running, goal: AgentGoal): Promise<void> {
  const { paths, user, deps, record } = context;
  if (record && record.phase !== "wiped") {
    if (record.phase === "restored" && !(await isStandby(context))) await refuseWhileInUse(context);
    await closeRunning(running);
    await stopServer({ paths, bindir: deps.bindir, user }, "immediate");
    const { migrationId, port } = record;
    await remember(context, { migrationId, port, epoch: goal.epoch.toString(), phase: "restoring" });
    await removeData(paths);
    await rm(paths.logFile, { force: true });
    await remember(context, { migrationId, port, epoch: goal.epoch.toString(), phase: "wiped" });
  }
  context.walFault = undefined;
  context.lastSegment = undefined;
  await report(context, goal, "wiped");
}
