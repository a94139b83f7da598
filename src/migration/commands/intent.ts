import { appendEvent } from "../../journal/events.ts";
import { addRequester, getMigration, setIntent } from "../../journal/migrations.ts";
import { releasePhase } from "../../journal/phase-runs.ts";
import { currentWindow } from "../../journal/windows.ts";
import { type CommandHandler, done, refused } from "./command.ts";

/** `/migrate hold`: the running step stops at the next safe place; a window before its point of no return is put back. */
export const holdCommand: CommandHandler = async (world, { command }) => {
  const migration = await getMigration(world.journal.db, world.migrationId);
  if (migration === undefined) return refused("There is no migration to hold.");
  await setIntent(world.journal.db, migration.id, "hold", command.person);
  await appendEvent(world.journal.db, { migrationId: migration.id, kind: "hold", actor: command.person });
  return done(`${migration.id} is held. Nothing new begins; \`/migrate resume\` goes on.`);
};

/** `/migrate resume`: takes back a hold, and lets a paused phase go on. */
export const resumeCommand: CommandHandler = async (world, { command, ring }) => {
  const migration = await getMigration(world.journal.db, world.migrationId);
  if (migration === undefined) return refused("There is no migration to resume.");
  await setIntent(world.journal.db, migration.id, "run", command.person);
  await releasePhase(world.journal.db, migration.id);
  await appendEvent(world.journal.db, { migrationId: migration.id, kind: "resume", actor: command.person });
  await ring(migration.phase);
  return done(`${migration.id} goes on with ${migration.phase}.`);
};

/** `/migrate retry`: a failed or paused phase runs again from the step that failed. */
export const retryCommand: CommandHandler = async (world, { command, ring }) => {
  const migration = await getMigration(world.journal.db, world.migrationId);
  if (migration === undefined) return refused("There is no migration to retry.");
  await addRequester(world.journal.db, migration.id, command.person, "retry");
  await setIntent(world.journal.db, migration.id, "run", command.person);
  const released = await releasePhase(world.journal.db, migration.id);
  await appendEvent(world.journal.db, {
    migrationId: migration.id,
    kind: "retry",
    actor: command.person,
    facts: { phase: migration.phase },
  });
  await ring(migration.phase);
  return released
    ? done(`${migration.phase} runs again.`)
    : refused(`${migration.phase} has neither failed nor paused; there is nothing to retry.`);
};

/** `/migrate abort`: an open window is put back (before its point of no return), otherwise the present phase is undone. */
export const abortCommand: CommandHandler = async (world, { command, ring }) => {
  const { db } = world.journal;
  const migration = await getMigration(db, world.migrationId);
  if (migration === undefined) return refused("There is no migration to abort.");
  const window = await currentWindow(db, migration.id);
  if (window?.noReturnAt !== undefined) {
    return refused(`${window.name} is past its point of no return: it goes forward, which is the safe way now.`);
  }
  await setIntent(db, migration.id, "abort", command.person);
  await appendEvent(db, {
    migrationId: migration.id,
    kind: "abort",
    actor: command.person,
    facts: { window: window?.name },
  });
  await ring(migration.phase);
  if (window?.state === "open") return done(`${window.name} is being put back; writes return to where they were.`);
  return done(
    `${migration.id} stops; what ${migration.phase} did is undone. Earlier phases leave what the card lists.`,
  );
};
