import { appendEvent } from "../../journal/events.ts";
import { addRequester, setIntent, setState } from "../../journal/migrations.ts";
import { type CommandHandler, done, refused } from "./command.ts";
import { ensureDraft } from "./draft.ts";

/** `/migrate start`: the draft becomes active; phases run up to the first window, where two people are needed. */
export const startCommand: CommandHandler = async (world, { command, ring }) => {
  const migration = await ensureDraft(world, command.person);
  if (migration.state === "active") return refused(`${migration.id} runs already (now: ${migration.phase}).`);
  if (migration.state !== "draft") return refused(`${migration.id} is ${migration.state}; a new one needs a new name.`);
  await world.journal.db.transaction(async (tx) => {
    await addRequester(tx, migration.id, command, "start");
    await setIntent(tx, migration.id, "run", command.person);
    await setState(tx, migration.id, "active");
    await appendEvent(tx, { migrationId: migration.id, kind: "started", actor: command.person });
  });
  await ring(migration.phase);
  return done(
    `${migration.id} starts. It goes on by itself to the first window; then \`/migrate window\` asks two people.`,
  );
};
