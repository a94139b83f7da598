import { DrawbridgeError } from "../../errors.ts";
import { createDraft, getMigration, type Migration, setPlan } from "../../journal/migrations.ts";
import { intend } from "../../journal/outbox.ts";
import { plan } from "../plan.ts";
import type { World } from "../world.ts";

/** The migration of the configuration; the first command that needs one makes a draft of it, and its card. */
export async function ensureDraft(world: World, driver: string): Promise<Migration> {
  const { journal, migrationId, configDigest } = world;
  const written = {
    steps: Object.fromEntries(Object.entries(plan).map(([phase, steps]) => [phase, steps.map(({ name }) => name)])),
  };
  await createDraft(journal.db, { id: migrationId, driver, configDigest, plan: written });
  await setPlan(journal.db, migrationId, { plan: written, configDigest });
  await intend(journal.db, { kind: "card", migrationId, key: "card", audience: "main", priority: 2 });
  const migration = await getMigration(journal.db, migrationId);
  if (migration === undefined) throw new DrawbridgeError("DB_JOURNAL_CONFLICT", `${migrationId} was not created`);
  return migration;
}
