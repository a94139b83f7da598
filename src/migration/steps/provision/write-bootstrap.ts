import { mintAgent, readGoal, setGoal } from "../../../journal/agent-goals.ts";
import { scramVerifier } from "../../../postgres/scram.ts";
import { agentPassword, bootstrapDocument } from "../../bootstrap-document.ts";
import { bootstrapKey } from "../../bootstrap.ts";
import type { Step } from "../../step.ts";

/**
 * What the agent must know and nobody else may: journal and Redis as seen from the bridge, with a journal role of its own.
 * It lies in our bucket under one key that only the instance profile may read; user-data names that key and no secret.
 */
export const writeBootstrap: Step = {
  name: "write-bootstrap",
  deadlineMs: 60_000,
  observe: async () => undefined,
  run: async (world, context) => {
    await context.assertLease();
    const minted = await mintAgent(world.journal.db, world.migrationId, scramVerifier(agentPassword(world)));
    const document = await bootstrapDocument(world, minted);
    // An agent has something to say only once it has a goal; the first one is an empty host.
    if ((await readGoal(world.journal.db, world.migrationId)) === undefined) {
      await setGoal(world.journal.db, world.migrationId, "wiped", {});
    }
    const key = bootstrapKey(world.migrationId);
    await world.bucket.put(key, Buffer.from(document), context.signal);
    return { bucket: world.config.aws.bucket, key, role: minted };
  },
  undo: async (world) => {
    await world.bucket.delete(bootstrapKey(world.migrationId));
  },
};
