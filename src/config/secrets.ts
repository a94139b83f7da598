import { readFileSync } from "node:fs";
import { Secret } from "../redact.ts";
import { type Mistake, mistakesError } from "./load.ts";

/** What each role needs from its environment. `NAME_FILE` may hold the path of a file instead (Docker secrets). */
export const secretNames = {
  bot: ["DRAWBRIDGE_JOURNAL_URL", "DRAWBRIDGE_REDIS_URL", "SLACK_SIGNING_SECRET", "SLACK_BOT_TOKEN"],
  /** The bot with `slack.mode: socket`: what comes over a socket that we opened is not signed. */
  "socket-bot": ["DRAWBRIDGE_JOURNAL_URL", "DRAWBRIDGE_REDIS_URL", "SLACK_APP_TOKEN", "SLACK_BOT_TOKEN"],
  worker: [
    "DRAWBRIDGE_JOURNAL_URL",
    "DRAWBRIDGE_REDIS_URL",
    "DRAWBRIDGE_KEY",
    "HEROKU_API_TOKEN",
    "DRAWBRIDGE_AGENT_JOURNAL_URL",
    "DRAWBRIDGE_AGENT_REDIS_URL",
  ],
  check: ["HEROKU_API_TOKEN", "DRAWBRIDGE_KEY"],
} as const;

/** A role that reads secrets. */
export type SecretRole = keyof typeof secretNames;

/** The secrets of one role, by variable name. */
export type Secrets<Role extends SecretRole> = Readonly<Record<(typeof secretNames)[Role][number], Secret>>;

/**
 * Reads the secrets of one role from the environment, and only those (each process holds its own and no more).
 * @throws DrawbridgeError `DB_CONFIG` naming every variable that is missing or whose file cannot be read.
 */
export function readSecrets<Role extends SecretRole>(
  role: Role,
  env: Readonly<Record<string, string | undefined>>,
): Secrets<Role> {
  return readNamedSecrets(role, secretNames[role], env);
}

/** Like {@link readSecrets}, for any list of names; `what` says whose environment it is. */
export function readNamedSecrets<Name extends string>(
  what: string,
  names: readonly Name[],
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<Name, Secret>> {
  const mistakes: Mistake[] = [];
  const found = new Map<Name, Secret>();
  for (const name of names) {
    const value = readOne(name, env, mistakes);
    if (value === undefined) continue;
    if (name === "DRAWBRIDGE_KEY" && value.length < 32) {
      mistakes.push({ path: name, rule: "at least 32 characters, for instance from `openssl rand -hex 32`" });
    }
    found.set(name, new Secret(value));
  }
  if (mistakes.length > 0) throw mistakesError(`the environment of ${what}`, mistakes);
  const secretOf = (name: Name): Secret => found.get(name) ?? new Secret("");
  return recordOf(names, secretOf);
}

function readOne(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  mistakes: Mistake[],
): string | undefined {
  const direct = env[name];
  if (direct !== undefined && direct !== "") return direct;
  const file = env[`${name}_FILE`];
  if (file === undefined || file === "") {
    mistakes.push({ path: name, rule: `missing; set it, or ${name}_FILE to a file that holds it` });
    return undefined;
  }
  try {
    const value = readFileSync(file, "utf8").trim();
    if (value !== "") return value;
    mistakes.push({ path: `${name}_FILE`, rule: "the file is empty" });
  } catch {
    mistakes.push({ path: `${name}_FILE`, rule: "the file cannot be read" });
  }
  return undefined;
}

function recordOf<Name extends string, Value>(
  names: readonly Name[],
  value: (name: Name) => Value,
): Record<Name, Value> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- fromEntries forgets which keys it was given
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Name, Value>;
}
