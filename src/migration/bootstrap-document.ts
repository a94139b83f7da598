import { text } from "node:stream/consumers";
import { readAgentState } from "../journal/agent-goals.ts";
import { derivePassword } from "../postgres/scram.ts";
import { Secret } from "../redact.ts";
import { bootstrapKey } from "./bootstrap.ts";
import type { World } from "./world.ts";

type BootstrapWorld = Pick<World, "migrationId" | "key" | "agentLinks" | "config" | "heroku">;

/** The password of the agent's role in the journal. */
export function agentPassword({ key, migrationId }: Pick<World, "key" | "migrationId">): Secret {
  return derivePassword(key, migrationId, agentRole(migrationId), 1);
}

/** The agent's bootstrap document as it would be written now, with the archive's keys that Heroku has. It holds secrets. */
export async function bootstrapDocument(world: BootstrapWorld, role = agentRole(world.migrationId)): Promise<string> {
  const { aws } = world.config;
  return JSON.stringify({
    migrationId: world.migrationId,
    journalUrl: withLogin(world.agentLinks.journal, role, agentPassword(world)).reveal(),
    redisUrl: world.agentLinks.redis.reveal(),
    archive: await archiveKeys(world),
    backups: { bucket: aws.bucket, region: aws.region, endpoint: aws.s3Endpoint },
  });
}

/**
 * Writes the document anew when the agent says that the archive refuses its keys and Heroku has others by now: the agent reads
 * it again by itself. One that was removed, at the migration's end, stays removed.
 * @returns whether it was written
 */
export async function renewArchiveKeys(
  world: BootstrapWorld & Pick<World, "bucket"> & { readonly journal: Pick<World["journal"], "db"> },
): Promise<boolean> {
  const state = await readAgentState(world.journal.db, world.migrationId);
  if (state?.facts.error?.code !== "DB_ARCHIVE_ACCESS") return false;
  const key = bootstrapKey(world.migrationId);
  const standing = await world.bucket.get(key);
  if (standing === undefined) return false;
  const document = await bootstrapDocument(world);
  if ((await text(standing.body)) === document) return false;
  await world.bucket.put(key, Buffer.from(document));
  return true;
}

function agentRole(migrationId: string): string {
  return `drawbridge_agent_${migrationId}`;
}

function withLogin(url: Secret, user: string, password: Secret): Secret {
  const at = new URL(url.reveal());
  at.username = user;
  at.password = password.reveal();
  return new Secret(at.toString());
}

async function archiveKeys({
  config,
  heroku: from,
}: Pick<World, "config" | "heroku">): Promise<Record<string, string | undefined>> {
  const { archive, heroku } = config;
  const vars = await from.configVars(heroku.app);
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
