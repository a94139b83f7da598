import { randomUUID } from "node:crypto";
import { createApproval, supersedeApprovals } from "../../journal/approvals-rows.ts";
import { appendEvent } from "../../journal/events.ts";
import type { JsonObject } from "../../journal/json.ts";
import { addRequester, getMigration, requesters } from "../../journal/migrations.ts";
import { intend } from "../../journal/outbox.ts";
import { getPhaseRun } from "../../journal/phase-runs.ts";
import { windowOf } from "../../journal/phase.ts";
import { latestSample } from "../../journal/samples.ts";
import { askWindow, currentWindow, endWindow } from "../../journal/windows.ts";
import { forecastWindow } from "../forecast.ts";
import { gateSubjects } from "../gate-subject.ts";
import type { World } from "../world.ts";
import { type CommandHandler, done, refused } from "./command.ts";

/**
 * `/migrate window`: opens all gates of the next window together, each on a message of its own. Asking again strikes the
 * old ones out: a changed plan never inherits votes.
 */
export const windowCommand: CommandHandler = async (world, { command }) => {
  const { db } = world.journal;
  const migration = await getMigration(db, world.migrationId);
  if (migration?.state !== "active") return refused("No migration is running. `/migrate start` begins one.");
  const name = windowOf(migration.phase);
  if (name === undefined) {
    return refused(`The next window is not due: ${migration.id} is in ${migration.phase}. The card says when it is.`);
  }
  const before = await currentWindow(db, migration.id);
  if (before?.state === "open") return refused(`${before.name} is open right now.`);
  const forecastMs = await forecastWindow(world, name);
  const subjects = await gateSubjects(world, name);
  const evidence = await windowEvidence(world, forecastMs);
  const phaseTry = (await getPhaseRun(db, migration.id, migration.phase))?.try ?? 1;
  await db.transaction(async (tx) => {
    if (before !== undefined) {
      await supersedeApprovals(tx, before.id, `${command.person} asked again`);
      await endWindow(tx, before.id, "cancelled", "asked again");
    }
    await addRequester(tx, migration.id, command.person, "window");
    const asked = await requesters(tx, migration.id);
    const windowId = await askWindow(tx, { migrationId: migration.id, name, try: phaseTry, askedBy: command.person, forecastMs });
    for (const { gate, step, parameters, digest } of subjects) {
      const id = randomUUID();
      const ask = { id, migrationId: migration.id, windowId, gate, step, digest, subject: parameters, evidence, requesters: asked };
      await createApproval(tx, { ...ask, expiresInMs: world.config.approvals.expiresMinutes * 60_000 });
      await intend(tx, { kind: "gate", migrationId: migration.id, key: id, audience: "main", priority: 1, facts: { approval: id } });
    }
    await appendEvent(tx, { migrationId: migration.id, kind: "window-asked", actor: command.person, facts: { window: name, windowId, forecastMs } });
  });
  const seconds = Math.round(forecastMs / 1000);
  const count = subjects.length === 1 ? "One gate is" : `${subjects.length} gates are`;
  return done(`${count} open for ${name} (about ${seconds} s without writes). When every one is armed, \`/migrate go\` starts.`);
};

/** What approvers look at; it is shown and not hashed, and the guards look again when the steps run. */
async function windowEvidence(world: World, forecastMs: number): Promise<JsonObject> {
  const lag = await latestSample(world.journal.db, world.migrationId, "lag");
  return { forecastMs, ...(lag === undefined ? {} : { lag: lag.facts }) };
}
