import type { Command } from "../../journal/commands.ts";
import type { JsonObject } from "../../journal/json.ts";
import type { Phase } from "../../journal/phase.ts";
import type { World } from "../world.ts";

/** What the bot tells the person who typed the command. `text` carries the whole meaning. */
export interface Reply extends JsonObject {
  readonly level: "done" | "refused";
  readonly text: string;
}

/** What a command handler is given beside the world. */
export interface CommandContext {
  readonly command: Command;
  /** Asks for the phase to be looked at soon. */
  readonly ring: (phase: Phase) => Promise<void>;
}

/** One command of `/migrate` that changes something. */
export type CommandHandler = (world: World, context: CommandContext) => Promise<Reply>;

/** The command was carried out. */
export function done(text: string, facts: JsonObject = {}): Reply {
  return { ...facts, level: "done", text };
}

/** The command was not carried out; nothing has changed. */
export function refused(text: string, facts: JsonObject = {}): Reply {
  return { ...facts, level: "refused", text };
}
