import { newestHistory } from "../archive/wal/newest-timeline.ts";
import type { WalSource } from "../archive/wal/wal-source.ts";
import { asDrawbridgeError, DrawbridgeError, explain } from "../errors.ts";
import type { AgentGoal, BridgeCollation } from "../journal/agent-rows.ts";
import type { Session } from "../postgres/session.ts";
import { differingCollations } from "./collation-look.ts";
import { report, serverOf, type AgentContext } from "./context.ts";
import type { Courier } from "./courier.ts";
import { openLocalSession, readControlSettings, stopServer } from "./local-postgres.ts";
import { lookOnwards, readReplayPoint } from "./replay-timeline.ts";
import { remember } from "./restore-goal.ts";
import { ensureServer } from "./run-server.ts";
import { readPosition, type ServerPosition } from "./standby.ts";
import { agreeMethods } from "./stored-methods.ts";

/** How often the archive is asked for a newer timeline, in milliseconds: a request of its own each time. */
const timelineLookMs = 6_000;
/** How long such a look may take, in milliseconds: a window waits behind it. */
const timelineDeadlineMs = 2_000;
/** How often collation versions are compared, in milliseconds; they change with packages and with DDL on the source. */
const collationLookMs = 60_000;

/** What the looks at a standby leave for the next ones. */
export interface StandbyLooks {
  timelineAtMs: number;
  /** Of the last comparison that could be made, and of which database. */
  collationsAtMs: number;
  collationsOf: string | undefined;
  collations: CollationFacts;
}

/** What sorts text otherwise here, or why nobody knows: that must not pass for equal. */
type CollationFacts = { readonly collations: readonly BridgeCollation[] } | { readonly collationsFault: string };

/** Before the first look. */
export function freshLooks(): StandbyLooks {
  const collations = { collationsFault: "they were not looked at yet" };
  return { timelineAtMs: 0, collationsAtMs: 0, collationsOf: undefined, collations };
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
  const { timeline, onwards } = await lookAtTimelines(context, goal, position, beside);
  if (onwards !== undefined) {
    await goOnToLatest(context, goal, onwards);
    return report(context, goal, "starting", { consistent: false, timeline, replayLsn: position.lsn });
  }
  await lookAtCollations(context, goal, beside.looks);
  const foreignThrough = context.record?.foreign?.through ?? 0;
  await report(context, goal, "following", {
    consistent: true,
    replayLsn: position.lsn,
    replayPaused: position.replayPaused,
    timeline,
    ...(foreignThrough === 0 ? {} : { foreignThrough }),
    ...beside.looks.collations,
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

/** Which timeline is replayed, and which one PostgreSQL has to be started again for. */
interface TimelineLook {
  readonly timeline: number;
  readonly onwards?: number;
}

/** @throws DrawbridgeError `DB_RESTORE_AGAIN`. */
async function lookAtTimelines(
  context: AgentContext,
  goal: AgentGoal,
  position: ServerPosition,
  { courier, looks }: { readonly courier: Courier; readonly looks: StandbyLooks },
): Promise<TimelineLook> {
  const { deps, paths, record } = context;
  if (record?.segmentBytes === undefined) return { timeline: position.timeline };
  const at = await readReplayPoint(paths.dataDir, position.lsn, record.segmentBytes, position.timeline);
  const nowMs = deps.clock.now().getTime();
  if (nowMs - looks.timelineAtMs < timelineLookMs) return { timeline: at.timeline };
  looks.timelineAtMs = nowMs;
  const foreign = record.foreign?.through ?? 0;
  try {
    const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(timelineDeadlineMs)]);
    const { newest, why } = await lookOnwards(courier.source, at, Math.max(at.timeline, foreign), signal);
    if (why !== undefined) {
      await remember(context, { ...record, restoreAgain: { epoch: goal.epoch.toString(), why } });
      throw new DrawbridgeError("DB_RESTORE_AGAIN", why);
    }
    if (newest !== undefined && foreign > 0) return { timeline: at.timeline, onwards: newest };
  } catch (thrown) {
    if (asDrawbridgeError(thrown).code === "DB_RESTORE_AGAIN") throw thrown;
    // the archive is away or damaged: that is told when PostgreSQL itself asks
    deps.log.debug({ fault: explain(thrown) }, "the archive was not asked for a newer timeline");
  }
  return { timeline: at.timeline };
}

/** The source has a new timeline behind the foreign ones: PostgreSQL, held on the old one until now, has to be started for it. */
async function goOnToLatest(context: AgentContext, goal: AgentGoal, newest: number): Promise<void> {
  const { record, deps } = context;
  if (!record) return;
  deps.log.warn({ newest }, "the source has a new timeline: PostgreSQL starts again to follow it");
  await stopServer(serverOf(context), "fast");
  // not before: a server that could not be stopped would stay on the old timeline for ever
  await remember(context, { ...record, foreign: { through: 0, ours: newest } });
  await ensureServer(context, goal);
}

/**
 * Notes, before a restored server starts, which timelines of the archive the source never had: PostgreSQL would take the
 * newest for its own, and either end or follow somebody's test.
 * @throws DrawbridgeError what the archive throws.
 */
export async function noteForeignTimelines(context: AgentContext, goal: AgentGoal, source: WalSource): Promise<void> {
  const { record, deps } = context;
  const ours = goal.params.timeline;
  if (!record || ours === undefined || record.foreign !== undefined) return;
  const newest = await newestHistory((timeline) => source.readHistory(timeline, { signal: deps.signal }), ours);
  if (newest) deps.log.warn({ newest: newest.timeline, ours }, "the archive holds timelines that the source never had");
  await remember(context, { ...record, foreign: { through: newest?.timeline ?? 0, ours } });
}

async function lookAtCollations(context: AgentContext, goal: AgentGoal, looks: StandbyLooks): Promise<void> {
  const { deps } = context;
  const nowMs = deps.clock.now().getTime();
  const { database } = goal.params;
  if (database === undefined) {
    looks.collations = { collationsFault: "the goal names no database" };
    return;
  }
  if (database === looks.collationsOf && nowMs - looks.collationsAtMs < collationLookMs) return;
  try {
    await using session = await openLocalSession(serverOf(context), database);
    looks.collations = { collations: await differingCollations(session) };
    looks.collationsAtMs = nowMs;
    looks.collationsOf = database;
  } catch (thrown) {
    const { code, message } = asDrawbridgeError(thrown);
    deps.log.warn({ code, fault: message }, "collation versions were not compared");
    looks.collations = { collationsFault: `${code}: ${message}` };
    looks.collationsOf = undefined;
  }
}
