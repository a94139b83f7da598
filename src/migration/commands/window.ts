import { randomUUID } from "node:crypto";
import { createApproval, supersedeApprovals } from "../../journal/approvals-rows.ts";
import type { Command } from "../../journal/commands.ts";
import { appendEvent } from "../../journal/events.ts";
import type { JsonObject } from "../../journal/json.ts";
import { addRequester, getMigration, requesterNames } from "../../journal/migrations.ts";
import { intend } from "../../journal/outbox.ts";
import { getPhaseRun } from "../../journal/phase-runs.ts";
import { windowOf, type WindowName } from "../../journal/phase.ts";
import { askWindow, currentWindow, endWindow, type WindowRun } from "../../journal/windows.ts";
import type { Queryable } from "../../postgres/connect.ts";
import { forecastWindow } from "../forecast.ts";
import { type GateSubject, gateSubjects } from "../gate-subject.ts";
import { demandNoDrift } from "../schema-drift.ts";
import { demandPromotable } from "../standby-guard.ts";
import type { World } from "../world.ts";
import { type CommandHandler, done, type Reply, refused } from "./command.ts";
import { askedText, tellAsker, tellCustomers, tellWhatRuns } from "./tell-window.ts";
import { windowEvidence } from "./window-evidence.ts";

/**
 * `/migrate window`: opens all gates of the next window together, each on a message of its own. Asking again strikes the
 * old ones out: a changed plan never inherits votes.
 * @throws DrawbridgeError what `demandPromotable` throws, when the bridge cannot take over; `DB_SCHEMA_DRIFT` when window 2 would find, with writes stopped, that the target lacks something.
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
  if (before?.state === "open")
    return refused(`${before.name.replace("-", " ")} is open right now; its message shows each step.`);
  if (name === "window-1") await demandPromotable(world);
  if (name === "window-2") await demandNoDrift(world);
  const forecastMs = await forecastWindow(world, name);
  const ask: Ask = {
    name,
    forecastMs,
    command,
    by: command.person,
    before,
    subjects: await gateSubjects(world, name),
    evidence: await windowEvidence(world, name, forecastMs),
    phaseTry: (await getPhaseRun(db, migration.id, migration.phase))?.try ?? 1,
  };
  return db.transaction((tx) => askGates(tx, world, ask));
};

interface Ask {
  readonly name: WindowName;
  readonly forecastMs: number;
  readonly command: Command;
  readonly by: string;
  /** The window that was asked for before and is struck out now. */
  readonly before: WindowRun | undefined;
  readonly subjects: readonly GateSubject[];
  readonly evidence: JsonObject;
  readonly phaseTry: number;
}

async function askGates(tx: Queryable, world: World, ask: Ask): Promise<Reply> {
  const { migrationId } = world;
  const { before, by, evidence, forecastMs, name } = ask;
  if (before !== undefined) {
    await supersedeApprovals(tx, before.id, `${by} asked again`);
    await endWindow(tx, before.id, "cancelled", "asked again");
  }
  await addRequester(tx, migrationId, ask.command, "window");
  const asked = await requesterNames(tx, migrationId);
  const windowId = await askWindow(tx, { migrationId, name, try: ask.phaseTry, askedBy: by, forecastMs });
  const reply = done(askedText(world, ask), { windowId: String(windowId) });
  await tellAsker(tx, world.migrationId, ask.command, reply);
  const expiresInMs = world.config.approvals.expiresMinutes * 60_000;
  for (const { gate, step, parameters, digest } of ask.subjects) {
    const id = randomUUID();
    const what = { id, migrationId, windowId, gate, step, digest, subject: parameters, evidence, requesters: asked };
    await createApproval(tx, { ...what, expiresInMs });
    await intend(tx, { kind: "gate", migrationId, key: id, audience: "main", priority: 1, facts: { approval: id } });
    await tellWhatRuns(tx, { migrationId, id, name, subject: { gate, step, parameters, digest } });
  }
  await tellCustomers(tx, world, { id: windowId, name, try: ask.phaseTry, forecastMs });
  const facts = { window: name, windowId, forecastMs };
  await appendEvent(tx, { migrationId, kind: "window-asked", actor: by, facts });
  return reply;
}
