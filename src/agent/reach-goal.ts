import { access, rm } from "node:fs/promises";
import type { RestoreProgress } from "../archive/restore/restore.ts";
import { asDrawbridgeError, DrawbridgeError } from "../errors.ts";
import type { AgentGoal } from "../journal/agent-rows.ts";
import type { Session } from "../postgres/session.ts";
import { report, serverOf, standbySignal, type AgentContext } from "./context.ts";
import { startCourier, type Courier } from "./courier.ts";
import { startFirstBackup, type FirstBackupRun } from "./first-backup-run.ts";
import { whileGoalStands } from "./goal-watch.ts";
import { removeData } from "./instance.ts";
import { openLocalSession, serverPid, stopServer, waitForServer } from "./local-postgres.ts";
import { prepareRoles, promoteServer } from "./promote.ts";
import { remember, restoreBridge } from "./restore-goal.ts";
import { ensureServer } from "./run-server.ts";
import { adminRole, replicationRole } from "./server-config.ts";
import { readPosition } from "./standby.ts";

/** How long one look waits for a server that is coming up. */
const upDeadlineMs = 4_000;

/** What the agent has running beside its looks. */
export interface Running {
  courier: Courier | undefined;
  firstBackup: FirstBackupRun | undefined;
}

/** Ends what runs beside; PostgreSQL goes on. */
export async function closeRunning(running: Running): Promise<void> {
  await running.firstBackup?.[Symbol.asyncDispose]();
  await running.courier?.[Symbol.asyncDispose]();
  running.firstBackup = undefined;
  running.courier = undefined;
}

/** One step towards the goal, or, once it is reached, a look at how things are; both end in a report. */
export async function reachGoal(context: AgentContext, running: Running, goal: AgentGoal): Promise<void> {
  await acceptGoal(context, goal);
  if (goal.goal === "wiped") return wipe(context, running, goal);
  if (goal.goal === "standby" && (await needsRestore(context))) {
    await closeRunning(running);
    await restoreWithReports(context, goal);
  }
  running.courier ??= await startCourier(context);
  const { server, started } = await ensureServer(context, goal);
  if (started) await report(context, goal, "starting", { consistent: false });
  const opened = await waitForServer(server, upDeadlineMs, context.deps.signal).catch((thrown: unknown) => {
    const fault = asDrawbridgeError(thrown);
    if (fault.code !== "DB_WAIT_TIMEOUT") throw fault;
    return undefined;
  });
  // replaying up to consistency may take hours
  if (!opened) return report(context, goal, "starting", { consistent: false });
  await using session = opened;
  if (goal.goal === "standby") await follow(context, goal, session);
  else await bePrimary(context, running, goal, session);
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

/** Nothing whole lies here, or it was promoted and has to be put back. */
async function needsRestore(context: AgentContext): Promise<boolean> {
  if (context.record?.phase !== "restored") return true;
  if (await isStandby(context)) return false;
  await refuseWhileInUse(context);
  return true;
}

async function isStandby(context: AgentContext): Promise<boolean> {
  return access(standbySignal(context.paths)).then(
    () => true,
    () => false,
  );
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

async function restoreWithReports(context: AgentContext, goal: AgentGoal): Promise<void> {
  const { clock } = context.deps;
  const began = clock.now().getTime();
  let progress: RestoreProgress | undefined;
  const tell = async (): Promise<void> => {
    const seconds = Math.max(1, clock.now().getTime() - began) / 1000;
    await report(context, goal, "restoring", {
      bytesDone: progress?.bytesDone ?? 0,
      ...(progress?.bytesTotal === undefined ? {} : { bytesTotal: progress.bytesTotal }),
      partsDone: progress?.partsDone ?? 0,
      ...(progress ? { partsTotal: progress.partsTotal } : {}),
      bytesPerSecond: Math.round((progress?.bytesDone ?? 0) / seconds),
    });
  };
  const restore = (signal: AbortSignal): Promise<void> =>
    restoreBridge(context, goal, { onProgress: (now) => (progress = now), signal });
  await whileGoalStands(context.deps, goal, restore, tell);
  await tell();
}

/** Tells where the standby is; a replay that the source's raised limits paused is answered with a restart. */
async function follow(context: AgentContext, goal: AgentGoal, session: Session): Promise<void> {
  const position = await readPosition(session);
  if (!position.inRecovery) {
    throw new DrawbridgeError(
      "DB_RESTORE_AGAIN",
      "the bridge is a primary, not a standby; it has to be restored again",
    );
  }
  if (position.replayPaused) {
    context.deps.log.warn(
      {},
      "replay is paused by raised limits of the source: starting PostgreSQL again with higher ones",
    );
    await session.close();
    await stopServer(serverOf(context), "fast");
    await ensureServer(context, goal);
    return report(context, goal, "starting", { consistent: false, replayPaused: true, replayLsn: position.lsn });
  }
  await report(context, goal, "following", {
    consistent: true,
    replayLsn: position.lsn,
    replayPaused: position.replayPaused,
    timeline: position.timeline,
  });
}

async function bePrimary(context: AgentContext, running: Running, goal: AgentGoal, session: Session): Promise<void> {
  const before = await readPosition(session);
  if (before.replayPaused) return follow(context, goal, session);
  if (before.inRecovery) await report(context, goal, "promoting", { replayLsn: before.lsn, consistent: true });
  if (!(await promoteServer(context, goal, session))) return;
  await prepareRoles(goal, serverOf(context), session);
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
