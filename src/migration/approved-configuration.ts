import { DrawbridgeError } from "../errors.ts";
import { appendEvent } from "../journal/events.ts";
import { fenced } from "../journal/fenced.ts";
import { intend } from "../journal/outbox.ts";
import type { Run } from "./run.ts";
import type { RunnerWorld } from "./runner-world.ts";

/**
 * Whether this process may touch the open window: only under the configuration whose digest two people approved (law 4).
 * Another file may name another app, so that even putting the window back would act on what nobody agreed to. A worker
 * that was started with another one lets the window be, and says so once.
 */
export async function isApprovedConfiguration<W extends RunnerWorld>(run: Run<W>): Promise<boolean> {
  const { window, world, migrationId } = run;
  const approved = window?.facts["configDigest"];
  if (window === undefined || approved === world.configDigest) return true;
  // a window that does not say under which one it was opened was opened by nobody that we know
  const theirs = typeof approved === "string" ? approved : "unknown";
  const ours = world.configDigest.slice(0, 8);
  const error = new DrawbridgeError(
    "DB_CONFIG",
    `${window.name} was approved under configuration ${theirs.slice(0, 8)}, this worker was started with ${ours}`,
  );
  world.log.error({ approved: theirs.slice(0, 8), ours, window: window.name }, error.message);
  await fenced(world.journal, run.lease, async (tx) => {
    const key = `configuration-${window.id}-${ours}`;
    const [told] = await tx.query(
      "select id from journal.outbox where migration_id = $1 and kind = 'failure' and key = $2",
      [migrationId, key],
    );
    if (told !== undefined) return;
    const facts = {
      title: `${window.name} stands still: a worker has another configuration`,
      did: "touched nothing; the window waits for a worker with the configuration that was approved",
      safe: "nothing lost",
      phase: run.phase,
      code: error.code,
      message: error.message,
      type: "Start the worker with the configuration file that was approved; it goes on, or puts the window back.",
      cause: error.message,
    };
    await intend(tx, { kind: "failure", migrationId, key, audience: "main", priority: 1, facts });
    await appendEvent(tx, {
      migrationId,
      kind: "configuration-refused",
      actor: run.worker,
      facts: { approved: theirs, ours },
    });
  });
  return false;
}
