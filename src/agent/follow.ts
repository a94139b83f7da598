import { asDrawbridgeError, DrawbridgeError, explain } from "../errors.ts";
import type { AgentGoal, BridgeCollation } from "../journal/agent-rows.ts";
import type { Session } from "../postgres/session.ts";
import { differingCollations } from "./collation-look.ts";
import { report, serverOf, type AgentContext } from "./context.ts";
import type { Courier } from "./courier.ts";
import { openLocalSession, readControlSettings, stopServer } from "./local-postgres.ts";
import { readReplayPoint, whyNotOnwards } from "./replay-timeline.ts";
import { remember } from "./restore-goal.ts";
import { ensureServer } from "./run-server.ts";
import { readPosition, type ServerPosition } from "./standby.ts";
import { agreeMethods } from "./stored-methods.ts";

/** How often the archive is asked for a newer timeline, in milliseconds: a request of its own each time. */
const timelineLookMs = 6_000;
/** How often collation versions are compared, in milliseconds; they change with packages and with DDL on the source. */
const collationLookMs = 60_000;

/** What the looks at a standby leave for the next ones. */
export interface StandbyLooks {
  timelineAtMs: number;
  collationsAtMs: number;
  collations: readonly BridgeCollation[];
}

/** Before the first look. */
export function freshLooks(): StandbyLooks {
  return { timelineAtMs: 0, collationsAtMs: 0, collations: [] };
}

/**
 * Tells where the standby is, and answers what the source did meanwhile: raised limits with a restart, a timeline that cannot
 * be followed with giving up.
 * @throws DrawbridgeError `DB_RESTORE_AGAIN`.
 */
export async function follow(
  context: AgentContext,
  goal: AgentGoal,
  session: Session,
  beside: { readonly courier: Courier; readonly looks: StandbyLooks },
): Promise<void> {
  const position = await readPosition(session);
  if (!position.inRecovery) {
    throw new DrawbridgeError(
      "DB_RESTORE_AGAIN",
      "the bridge is a primary, not a standby; it has to be restored again",
    );
  }
  if (position.replayPaused && (await restartWithHigherLimits(context, goal, session))) {
    return report(context, goal, "starting", { consistent: false, replayPaused: true, replayLsn: position.lsn });
  }
  await agreeMethods(context, goal, session);
  const timeline = await lookAtTimelines(context, goal, position, beside);
  await lookAtCollations(context, goal, beside.looks);
  const { collations } = beside.looks;
  await report(context, goal, "following", {
    consistent: true,
    replayLsn: position.lsn,
    replayPaused: position.replayPaused,
    timeline,
    ...(collations.length === 0 ? {} : { collations }),
  });
}

/**
 * The source raised a limit beyond ours: PostgreSQL pauses replay, and would shut down if it was resumed or promoted. `false`:
 * every limit is high enough, so somebody paused it by hand, who will have a reason.
 */
async function restartWithHigherLimits(context: AgentContext, goal: AgentGoal, session: Session): Promise<boolean> {
  const server = serverOf(context);
  const needed = await readControlSettings(server);
  const ours = await session.query<{ name: string; value: string }>(
    "select name, setting as value from pg_settings where name = any($1::text[])",
    [Object.keys(needed)],
  );
  const low = ours.filter(({ name, value }) => Number(value) < (needed[name] ?? 0)).map(({ name }) => name);
  if (low.length === 0) return false;
  context.deps.log.warn(
    { low },
    "the source raised limits and replay is paused: PostgreSQL starts again with higher ones",
  );
  await session.close();
  await stopServer(server, "fast");
  await ensureServer(context, goal);
  return true;
}

/** @returns the timeline that is replayed. @throws DrawbridgeError `DB_RESTORE_AGAIN`. */
async function lookAtTimelines(
  context: AgentContext,
  goal: AgentGoal,
  position: ServerPosition,
  { courier, looks }: { readonly courier: Courier; readonly looks: StandbyLooks },
): Promise<number> {
  const { deps, paths, record } = context;
  if (record?.segmentBytes === undefined) return position.timeline;
  const at = await readReplayPoint(paths.dataDir, position.lsn, record.segmentBytes, position.timeline);
  const nowMs = deps.clock.now().getTime();
  if (nowMs - looks.timelineAtMs < timelineLookMs) return at.timeline;
  looks.timelineAtMs = nowMs;
  let why: string | undefined;
  try {
    why = await whyNotOnwards(courier.source, at, deps.signal);
  } catch (thrown) {
    // the archive is away or damaged: that is told when PostgreSQL itself asks
    deps.log.debug({ fault: explain(thrown) }, "the archive was not asked for a newer timeline");
  }
  if (why === undefined) return at.timeline;
  await remember(context, { ...record, restoreAgain: { epoch: goal.epoch.toString(), why } });
  throw new DrawbridgeError("DB_RESTORE_AGAIN", why);
}

async function lookAtCollations(context: AgentContext, goal: AgentGoal, looks: StandbyLooks): Promise<void> {
  const { deps } = context;
  const nowMs = deps.clock.now().getTime();
  const { database } = goal.params;
  if (database === undefined || nowMs - looks.collationsAtMs < collationLookMs) return;
  try {
    await using session = await openLocalSession(serverOf(context), database);
    looks.collations = await differingCollations(session);
    looks.collationsAtMs = nowMs;
  } catch (thrown) {
    const { code, message } = asDrawbridgeError(thrown);
    deps.log.warn({ code, fault: message }, "collation versions were not compared");
  }
}
