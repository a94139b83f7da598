import { waitFor } from "../../../clock.ts";
import { intend } from "../../../journal/outbox.ts";
import type { Step } from "../../step.ts";

/** Asks the application itself, as a visitor would, until it answers well. Then the comms channel hears "completed". */
export const probeHealth: Step = {
  name: "probe-health",
  deadlineMs: 960_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const { app, appUrl, healthPath } = world.config.heroku;
    const url = new URL(healthPath, appUrl ?? `https://${app}.herokuapp.com`);
    const status = await waitFor(
      async () => {
        const answer = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(5000) }).catch(
          () => undefined,
        );
        await answer?.body?.cancel();
        return answer !== undefined && answer.status < 400 ? answer.status : undefined;
      },
      {
        deadlineMs: world.config.policy.healthDeadlineSeconds * 1000,
        everyMs: 200,
        signal: context.signal,
        what: `a good answer from ${url.pathname} of ${app}`,
      },
    );
    const windowId = String(context.window?.id ?? 0);
    await intend(world.journal.db, {
      kind: "comms",
      migrationId: world.migrationId,
      key: `completed-${windowId}`,
      audience: "comms",
      priority: 1,
      facts: { state: "completed", windowId },
    });
    return { status };
  },
  undo: "irreversible",
};
