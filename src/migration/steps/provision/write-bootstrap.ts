import { mintAgent, readGoal, setGoal } from "../../../journal/agent-goals.ts";
import { derivePassword, scramVerifier } from "../../../postgres/scram.ts";
import { Secret } from "../../../redact.ts";
import { bootstrapKey } from "../../bootstrap.ts";
import type { Step } from "../../step.ts";
import type { World } from "../../world.ts";

/**
 * What the agent must know and nobody else may: journal and Redis as seen from the bridge, with a journal role of its own.
 * It lies in our bucket under one key that only the instance profile may read; user-data names that key and no secret.
 */
export const writeBootstrap: Step = {
  name: "write-bootstrap",
  deadlineMs: 60_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const role = `drawbridge_agent_${world.migrationId}`;
    const password = derivePassword(world.key, world.migrationId, role, 1);
    await context.assertLease();
    const minted = await mintAgent(world.journal.db, world.migrationId, scramVerifier(password));
    const document = {
      migrationId: world.migrationId,
      journalUrl: withLogin(world.agentLinks.journal, minted, password).reveal(),
      redisUrl: world.agentLinks.redis.reveal(),
      archive: await archiveKeys(world),
      backups: {
        bucket: world.config.aws.bucket,
        region: world.config.aws.region,
        endpoint: world.config.aws.s3Endpoint,
      },
    };
    // An agent has something to say only once it has a goal; the first one is an empty host.
    if ((await readGoal(world.journal.db, world.migrationId)) === undefined) {
      await setGoal(world.journal.db, world.migrationId, "wiped", {});
    }
    const key = bootstrapKey(world.migrationId);
    await world.bucket.put(key, Buffer.from(JSON.stringify(document)), context.signal);
    return { bucket: world.config.aws.bucket, key, role: minted };
  },
  undo: async (world) => {
    await world.bucket.delete(bootstrapKey(world.migrationId));
  },
};

function withLogin(url: Secret, user: string, password: Secret): Secret {
  const at = new URL(url.reveal());
  at.username = user;
  at.password = password.reveal();
  return new Secret(at.toString());
}

async function archiveKeys(world: World): Promise<Record<string, string | undefined>> {
  const { archive, heroku } = world.config;
  const vars = await world.heroku.configVars(heroku.app);
  const value = (name: string | undefined) => (name === undefined ? undefined : vars.get(name)?.reveal());
  return {
    prefix: archive.prefix ?? value(archive.prefixVar),
    region: archive.region,
    endpoint: archive.endpoint,
    accessKeyId: value(archive.accessKeyIdVar),
    secretAccessKey: value(archive.secretAccessKeyVar),
    sessionToken: value(archive.sessionTokenVar),
  };
}
