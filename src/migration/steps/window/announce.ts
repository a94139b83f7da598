import { waitFor } from "../../../clock.ts";
import { getOutbox, intend } from "../../../journal/outbox.ts";
import type { Step } from "../../step.ts";
import type { World } from "../../world.ts";

/** Tells the comms channel that maintenance begins. Slack may be away: after the configured seconds the window goes on with a note. */
export const announce: Step = {
  name: "announce",
  deadlineMs: 90_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const windowId = String(context.window?.id ?? 0);
    const message = {
      kind: "comms",
      migrationId: world.migrationId,
      key: `in-progress-${windowId}`,
      audience: "comms",
      priority: 1,
      facts: { state: "in-progress", windowId },
    } as const;
    await intend(world.journal.db, message);
    const sent = await waitFor(() => isSent(world, message.key), {
      deadlineMs: world.config.policy.announceSeconds * 1000,
      everyMs: 100,
      signal: context.signal,
      what: "the announcement in the comms channel",
    }).catch((thrown: unknown) => {
      context.signal.throwIfAborted();
      world.log.warn({ err: String(thrown) }, "announcement not confirmed, going on");
      return false;
    });
    return { sent };
  },
  undo: async (world, context) => {
    const windowId = String(context.window?.id ?? 0);
    await intend(world.journal.db, {
      kind: "comms",
      migrationId: world.migrationId,
      key: `put-back-${windowId}`,
      audience: "comms",
      priority: 1,
      facts: { state: "put-back", windowId },
    });
  },
};

async function isSent(world: World, key: string): Promise<boolean> {
  const row = await getOutbox(world.journal.db, "comms", world.migrationId, key);
  return row !== undefined && row.sentRevision >= row.revision;
}
