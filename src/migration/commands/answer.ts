import { DrawbridgeError, explain } from "../../errors.ts";
import { answerCommand, type Command, pendingCommands } from "../../journal/commands.ts";
import type { Phase } from "../../journal/phase.ts";
import type { World } from "../world.ts";
import { type CommandHandler, type Reply, refused } from "./command.ts";
import { goCommand } from "./go.ts";
import { abortCommand, holdCommand, resumeCommand, retryCommand } from "./intent.ts";
import { checkCommand, planCommand } from "./plan-and-check.ts";
import { startCommand } from "./start.ts";
import { windowCommand } from "./window.ts";

const handlers: Readonly<Record<string, CommandHandler>> = {
  plan: planCommand,
  check: checkCommand,
  start: startCommand,
  window: windowCommand,
  go: goCommand,
  hold: holdCommand,
  resume: resumeCommand,
  retry: retryCommand,
  abort: abortCommand,
};

/**
 * Answers every command that waits, oldest first. One worker at a time, by an advisory lock, so that `window` and `go`
 * cannot overtake each other; a worker that dies leaves its command to the next.
 */
export async function answerCommands(world: World, ring: (phase: Phase) => Promise<void>): Promise<void> {
  await using session = await world.journal.session("commands");
  const [lock] = await session.query<{ won: boolean }>("select pg_try_advisory_lock(7305, hashtext($1)) as won", [
    `commands ${world.migrationId}`,
  ]);
  if (lock?.won !== true) return;
  for (const command of await pendingCommands(world.journal.db)) {
    session.lost.throwIfAborted();
    const reply = await answerOne(world, command, ring);
    await answerCommand(world.journal.db, command.id, reply, world.migrationId);
  }
}

async function answerOne(world: World, command: Command, ring: (phase: Phase) => Promise<void>): Promise<Reply> {
  const handler = handlers[command.verb];
  if (handler === undefined) return refused(`The worker does not know \`${command.verb}\`.`);
  try {
    return await handler(world, { command, ring });
  } catch (thrown) {
    world.log.error({ command: command.verb, error: explain(thrown) }, "command failed");
    const remedy = thrown instanceof DrawbridgeError ? ` ${thrown.remedy}` : "";
    return refused(`\`${command.verb}\` was not carried out: ${explain(thrown).split("\n")[0]}.${remedy}`);
  }
}
