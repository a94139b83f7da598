import { type Verb, verbs } from "./parse.ts";
import { type BotSettings, type Role, rolesOf } from "./settings.ts";

/** Who may type what. Stopping is for drivers and approvers; reading is for everyone in the channel. */
const allowed: Record<Verb, readonly Role[]> = {
  help: ["anyone"],
  status: ["anyone"],
  lag: ["anyone"],
  timeline: ["anyone"],
  comms: ["anyone"],
  whoami: ["anyone"],
  plan: ["anyone"],
  check: ["driver"],
  start: ["driver"],
  window: ["driver"],
  go: ["driver"],
  retry: ["driver"],
  resume: ["driver"],
  hold: ["driver", "approver"],
  abort: ["driver", "approver"],
};

/** Commands that the bot answers itself, from the journal; the others are the worker's. */
export const readOnly: ReadonlySet<Verb> = new Set(["help", "status", "lag", "timeline", "comms", "whoami"]);

/** Whether an account may use a verb. */
export function may(settings: BotSettings, slackUser: string, verb: Verb): boolean {
  const roles = rolesOf(settings, slackUser);
  return allowed[verb].some((role) => roles.includes(role));
}

/** Everything that an account may use, in the order of the help text. */
export function verbsFor(settings: BotSettings, slackUser: string): Verb[] {
  return verbs.filter((verb) => may(settings, slackUser, verb));
}

/** Names of those who may use a verb, to tell somebody who may not. */
export function whoMay(settings: BotSettings, verb: Verb): string[] {
  const { drivers, approvers } = settings.approvals;
  const lists = { driver: drivers, approver: approvers, anyone: [] } as const;
  return [...new Set(allowed[verb].flatMap((role) => lists[role].map((entry) => entry.person)))];
}
