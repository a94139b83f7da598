import { explain } from "../../errors.ts";
import type { JsonObject } from "../../journal/json.ts";
import { lastUndoNote } from "../../journal/undo-notes.ts";
import { liftFence } from "../../postgres/unfence.ts";
import { hostAndPort, parseDatabaseUrl } from "../../postgres/url.ts";
import type { Secret } from "../../redact.ts";
import type { Run } from "../run.ts";
import { stepContext } from "../step-context.ts";
import type { Step } from "../step.ts";
import { turnMaintenanceOn } from "../steps/window/maintenance.ts";
import { stopWriters } from "../steps/window/writers.ts";
import { deadlineSignal } from "../under-signal.ts";
import type { World } from "../world.ts";
import { type Primary, primaryWords } from "./outlook.ts";

/** Un-fences the current primary with the code of every put-back. @returns what was done, in words. */
export async function liftAtPrimary(world: World, primary: Primary): Promise<string> {
  const url = await adminUrl(world, primary);
  const stood = await liftFence(url, parseDatabaseUrl(url).database);
  const what = stood ? "the write fence was lifted" : "no write fence stood";
  return `${what} on ${primaryWords[primary]} (${hostAndPort(url)}); a fresh session can write there`;
}

function adminUrl({ databases }: World, primary: Primary): Promise<Secret> {
  switch (primary) {
    case "source":
      return databases.sourceUrl();
    case "bridge":
      return databases.bridgeUrl("admin");
    case "target":
      return databases.targetUrl("master");
  }
}

/**
 * Dynos back and maintenance off, with the undo of the steps that took them away and what those remembered. Not while
 * `DATABASE_URL` names a database that is not the primary: the app would write to one that is behind, or fail.
 */
export async function reopenApp(
  run: Run<World>,
  primary: Primary,
): Promise<{ readonly did: readonly string[]; readonly failed: readonly string[] }> {
  const { world } = run;
  const { app } = world.config.heroku;
  const wrong = await wrongUrl(world, primary);
  if (wrong !== undefined) return { did: [], failed: [wrong] };
  const did: string[] = [];
  const failed: string[] = [];
  const running = (await world.heroku.formation(app)).some(({ quantity }) => quantity > 0);
  const attempt = async (step: Step, done: string): Promise<void> => {
    const memory = await lastUndoNote(world.journal, run.migrationId, step.name);
    if (memory === undefined) return;
    await undo(run, step, memory).then(
      () => did.push(done),
      (thrown: unknown) => failed.push(`${step.name}: ${explain(thrown)}`),
    );
  };
  // outside a window somebody may have scaled the app on purpose
  if (run.window !== undefined || !running) await attempt(stopWriters, "dynos are as they were before the window");
  if ((await world.heroku.app(app)).maintenance)
    await attempt(turnMaintenanceOn, "maintenance mode is as it was before the window");
  return { did: did.length + failed.length === 0 ? [`${app} runs, without maintenance mode`] : did, failed };
}

async function wrongUrl(world: World, primary: Primary): Promise<string | undefined> {
  const { app } = world.config.heroku;
  const wanted =
    primary === "source" ? await world.databases.sourceUrl() : await world.databases.applicationUrl(primary);
  const set = (await world.heroku.configVars(app)).get("DATABASE_URL");
  if (set !== undefined && place(set) === place(wanted)) return undefined;
  const names = set === undefined ? "is not set" : `names ${hostAndPort(set)}`;
  return `DATABASE_URL of ${app} ${names}, but ${primaryWords[primary]} (${hostAndPort(wanted)}) is the primary: dynos and maintenance mode stay as they are, and only a worker may change DATABASE_URL. Start one: past the point of no return it goes on forward by itself`;
}

function place(url: Secret): string {
  return `${hostAndPort(url)}/${parseDatabaseUrl(url).database}`;
}

async function undo(run: Run<World>, step: Step, memory: JsonObject): Promise<void> {
  if (step.undo === "irreversible") return;
  const deadline = deadlineSignal(step.deadlineMs, `undo of ${step.name}`);
  try {
    await run.lease.assert();
    const signal = AbortSignal.any([deadline.signal, run.lease.lost]);
    await step.undo(run.world, stepContext(run, step.name, { signal, memory }));
  } finally {
    deadline.clear();
  }
}
