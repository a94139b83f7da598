import { explain } from "../errors.ts";
import type { JsonObject } from "../journal/json.ts";
import { getMigration } from "../journal/migrations.ts";
import { phaseRuns } from "../journal/phase-runs.ts";
import type { Phase } from "../journal/phase.ts";
import { addSample, pruneSamples } from "../journal/samples.ts";
import { beat, heartbeatAge } from "../postgres/marker.ts";
import type { Session } from "../postgres/session.ts";
import { slotStatus } from "../postgres/slots.ts";
import type { Secret } from "../redact.ts";
import { renewArchiveKeys } from "./bootstrap-document.ts";
import { openControl } from "./databases.ts";
import { replicationNames } from "./names.ts";
import type { World } from "./world.ts";

const everyMs = 3_000;
const pruneEveryMs = 600_000;
/** Each look at expired keys asks Heroku, whose API counts requests. */
const renewEveryMs = 15_000;
const keepMs = 30 * 86_400_000;

/** Which link carries the rows now. */
export type Link = "archive" | "forward" | "reverse";

/**
 * Which link there is to measure, from the phases that are done. None before the bridge follows, none in the windows,
 * where a heartbeat would be a write behind the fence, and none after the way back is closed.
 */
export function linkOf(phase: Phase, done: ReadonlySet<Phase>, windowOpen: boolean): Link | undefined {
  if (windowOpen || phase === "retire") return undefined;
  if (done.has("cutover")) return "reverse";
  if (phase === "cutover" || phase === "replicate") return done.has("promote") ? "forward" : undefined;
  return done.has("restore-bridge") && !done.has("promote") ? "archive" : undefined;
}

/**
 * Samples lag every few seconds while a migration is active, and gives the agent the archive's new keys when it says that
 * its own are refused. One worker does, elected by an advisory lock; the others stand by. Failures are samples' gaps, not errors: the card says how old its numbers are. Resolves when `stop` aborts.
 */
export async function startSampler(world: World, stop: AbortSignal): Promise<void> {
  let session: Session | undefined;
  let prunedMs = 0;
  let renewedMs = 0;
  while (!stop.aborted) {
    try {
      session = await electedSession(world, session);
      if (session !== undefined) {
        if (world.clock.now().getTime() - renewedMs > renewEveryMs) {
          renewedMs = world.clock.now().getTime();
          await renewKeys(world);
        }
        await sampleOnce(world);
        if (world.clock.now().getTime() - prunedMs > pruneEveryMs) {
          prunedMs = world.clock.now().getTime();
          await pruneSamples(world.journal.db, keepMs);
        }
      }
    } catch (thrown) {
      world.log.warn({ error: explain(thrown) }, "no sample this time");
    }
    await world.clock.sleep(everyMs, stop).catch(() => undefined);
  }
  await session?.close();
}

/** Its failure is no reason to take no sample. */
async function renewKeys(world: World): Promise<void> {
  try {
    if (await renewArchiveKeys(world))
      world.log.info({}, "the archive's keys have changed: the agent gets the new ones");
  } catch (thrown) {
    world.log.warn({ error: explain(thrown) }, "the archive's keys could not be renewed");
  }
}

async function electedSession(world: World, held: Session | undefined): Promise<Session | undefined> {
  if (held !== undefined && !held.lost.aborted) return held;
  const session = await world.journal.session("sampler");
  const [row] = await session.query<{ won: boolean }>("select pg_try_advisory_lock(7305, hashtext($1)) as won", [
    `sampler ${world.migrationId}`,
  ]);
  if (row?.won === true) return session;
  await session.close();
  return undefined;
}

async function sampleOnce(world: World): Promise<void> {
  const { db } = world.journal;
  const migration = await getMigration(db, world.migrationId);
  if (migration?.state !== "active") return;
  const runs = await phaseRuns(db, migration.id);
  const done = new Set(runs.filter(({ state }) => state === "done").map(({ phase }) => phase));
  const [open] = await db.query("select 1 as one from journal.window_run where migration_id = $1 and state = 'open'", [
    migration.id,
  ]);
  const link = linkOf(migration.phase, done, open !== undefined);
  if (link === undefined) return;
  await addSample(db, migration.id, "lag", { link, ...(await measure(world, link)) });
}

/** Beats on the publishing side and reads the age of the last beat that arrived on the other. */
async function measure(world: World, link: Link): Promise<JsonObject> {
  const { databases, migrationId } = world;
  const names = replicationNames(migrationId);
  if (link === "archive") return pair(await databases.sourceUrl(), await databases.bridgeUrl("owner"));
  if (link === "forward") {
    return pair(await databases.bridgeUrl("admin"), await databases.targetUrl("master"), names.forwardSubscription);
  }
  return pair(await databases.targetUrl("master"), await databases.bridgeUrl("admin"), names.reverseSubscription);
}

async function pair(from: Secret, to: Secret, slot?: string): Promise<JsonObject> {
  await using publisher = openControl(from, "sample", { statementTimeoutMs: 5_000, connectTimeoutMs: 3_000 });
  await using subscriber = openControl(to, "sample", { statementTimeoutMs: 5_000, connectTimeoutMs: 3_000 });
  await beat(publisher);
  const lagMs = await heartbeatAge(subscriber);
  const status = slot === undefined ? undefined : await slotStatus(publisher, slot);
  return { lagMs, ...(status === undefined ? {} : { lagBytes: Number(status.lagBytes) }) };
}
