import { hostname, userInfo } from "node:os";
import { createInterface } from "node:readline/promises";
import { loadConfig } from "../config/load.ts";
import { readNamedSecrets } from "../config/secrets.ts";
import { DrawbridgeError } from "../errors.ts";
import { openJournal } from "../journal/open.ts";
import { openLog } from "../log.ts";
import { breakGlass, type GlassOutcome } from "../migration/break-glass/break-glass.ts";
import { foretell, glassRefusal, type GlassVerb, glassVerbs, readOutlook } from "../migration/break-glass/outlook.ts";
import type { World } from "../migration/world.ts";
import { Secret } from "../redact.ts";
import { buildWorld } from "./build-world.ts";
import { findClientBindir } from "./client-bindir.ts";
import { environment, stopSignal } from "./environment.ts";

/** Options of `drawbridge break-glass`. */
export interface GlassOptions {
  readonly config: string;
  readonly migration: string;
  readonly reason: string;
  /** In place of the prompt: the migration's name, typed once more. */
  readonly yesITyped?: string;
  /** Seconds for which a worker that lives is waited for. */
  readonly wait: string;
}

/**
 * `drawbridge break-glass VERB`: for the hour in which Slack, Redis or every worker is gone. Says what it will do, wants the
 * migration's name typed, does it, says what it did. Needs the journal, and what the verb touches. Exit status 1 unless all was done.
 */
export async function runBreakGlass(word: string, options: GlassOptions): Promise<void> {
  const verb = glassVerbs.find((each) => each === word);
  if (verb === undefined)
    throw new DrawbridgeError(
      "DB_BAD_INPUT",
      `break-glass knows ${glassVerbs.join(", ")}, not ${JSON.stringify(word)}`,
    );
  const waitSeconds = Number(options.wait);
  if (!Number.isFinite(waitSeconds) || waitSeconds < 0)
    throw new DrawbridgeError("DB_BAD_INPUT", "--wait takes seconds");
  const reason = options.reason.trim();
  if (reason.length < 3 || reason.length > 500)
    throw new DrawbridgeError("DB_BAD_INPUT", "--reason takes a sentence of 3 to 500 characters");
  const config = loadConfig(options.config);
  if (options.migration !== config.migration) {
    throw new DrawbridgeError(
      "DB_BAD_INPUT",
      `${options.config} is the configuration of ${config.migration}, not of ${JSON.stringify(options.migration)}`,
    );
  }
  const signal = stopSignal();
  const names = ["DRAWBRIDGE_JOURNAL_URL", "DRAWBRIDGE_KEY", "HEROKU_API_TOKEN"] as const;
  const secrets = readNamedSecrets("break-glass (a worker's will do)", names, environment());
  await using journal = openJournal(secrets.DRAWBRIDGE_JOURNAL_URL, "worker");
  const log = openLog("break-glass", "warn");
  // neither an agent's bootstrap nor Redis is touched
  const none = {
    DRAWBRIDGE_REDIS_URL: new Secret(""),
    DRAWBRIDGE_AGENT_JOURNAL_URL: new Secret(""),
    DRAWBRIDGE_AGENT_REDIS_URL: new Secret(""),
  };
  const world = buildWorld({ config, secrets: { ...secrets, ...none }, journal, log, clientBindir: clientBindir() });
  await foretellAndConfirm(world, verb, { ...options, waitSeconds }, signal);
  const by = `${userInfo().username}@${hostname()}`;
  print(await breakGlass(world, { verb, reason, by, waitMs: waitSeconds * 1000, signal }));
}

async function foretellAndConfirm(
  world: World,
  verb: GlassVerb,
  options: GlassOptions & { readonly waitSeconds: number },
  signal: AbortSignal,
): Promise<void> {
  const outlook = await readOutlook(world.journal, world.migrationId);
  if (outlook === undefined)
    throw new DrawbridgeError("DB_BAD_INPUT", `the journal has no migration ${world.migrationId}`);
  const refusal = glassRefusal(verb, outlook, world.clock.now());
  if (refusal !== undefined) throw new DrawbridgeError("DB_BAD_INPUT", refusal);
  process.stdout.write(
    `break-glass ${verb}\n${foretell(verb, outlook, options.waitSeconds)
      .map((line) => `  ${line}\n`)
      .join("")}`,
  );
  const typed = options.yesITyped ?? (await ask(signal));
  if (typed.trim() !== world.migrationId)
    throw new DrawbridgeError("DB_BAD_INPUT", "that is not the migration's name; nothing was done");
}

async function ask(signal: AbortSignal): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new DrawbridgeError(
      "DB_BAD_INPUT",
      "there is no terminal to type at; --yes-i-typed takes the migration's name; nothing was done",
    );
  }
  using prompt = createInterface({ input: process.stdin, output: process.stdout });
  return await prompt.question("Type the migration's name to go on: ", { signal });
}

function print({ did, failed }: GlassOutcome): void {
  for (const line of did) process.stdout.write(`done: ${line}\n`);
  for (const line of failed) process.stdout.write(`NOT DONE: ${line}\n`);
  process.stdout.write("It is in the event log and in every report; Slack is told as soon as a bot can reach it.\n");
  if (failed.length > 0) process.exitCode = 1;
}

/** No verb runs these programs; a host without them must not be turned away. */
function clientBindir(): string {
  try {
    return findClientBindir();
  } catch {
    return "";
  }
}
