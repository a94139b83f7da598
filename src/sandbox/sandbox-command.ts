import { writeFileSync } from "node:fs";
import { openLog } from "../log.ts";
import { endRun } from "./run/ending.ts";
import { faultStories } from "./run/fault-stories.ts";
import { followByHand } from "./run/hands-on.ts";
import { openJournalView } from "./run/journal-view.ts";
import { narrate } from "./run/narrator.ts";
import { nextCommands, openingText } from "./run/opening.ts";
import { parseOptions, type SandboxOptions } from "./run/options.ts";
import { playMigration } from "./run/play.ts";
import { slackPeople } from "./run/slack-people.ts";
import { openStage, type Stage } from "./run/stage.ts";
import { tellStory } from "./run/tell-story.ts";

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** `npm run sandbox`: plays a whole migration and ends with status 0 only if every check of its report holds. */
export async function runSandbox(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv);
  if (options === undefined) return;
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error("stopped by Ctrl-C"));
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  const log = openLog("sandbox", "warn");
  let logs = "";
  try {
    await using stage = await openStage(options, stop.signal, print, log);
    logs = stage.world.directory.logs;
    print(openingText(stage.world, options, stage.sourceVersion));
    await perform(stage, options, stop.signal);
    if (options.keep && !stop.signal.aborted) {
      print(`\nEverything keeps running (--keep). Channel: ${stage.world.slack.page}  Ctrl-C stops it.`);
      await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
    }
  } catch (thrown) {
    const stopped = stop.signal.aborted;
    print(
      stopped
        ? "\nStopped; every process that was started has ended."
        : `\n✕ ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    );
    process.exitCode = stopped ? 130 : 1;
  }
  if (logs !== "") print(`Logs: ${logs}`);
}

/** The play, the fault beside it, and the end. */
async function perform(stage: Stage, options: SandboxOptions, signal: AbortSignal): Promise<void> {
  const { world } = stage;
  const endNarration = narrate(world.slack, print);
  const story = faultStories.find(({ name }) => name === options.fault);
  await using view = openJournalView(world.journal.adminUrl);
  const people = slackPeople(world.slack.control);
  const say = (line: string): void => print(`\n→ ${line}`);
  const acted = new AbortController();
  const both = AbortSignal.any([signal, acted.signal]);
  const telling = tellStory({ story, world, view, say, signal: both });
  if (options.handsOn) await followByHand({ people, view, say, signal });
  else await Promise.race([playMigration({ people, view, story, seed: options.seed, say, signal }), telling.failed]);
  acted.abort();
  await telling.done;
  const ending = await endRun(world, view);
  endNarration();
  print(`\nDATABASE_URL belonged to: ${stage.owners().join(" → ")}`);
  print(ending.text);
  if (options.report !== undefined) writeFileSync(options.report, ending.json);
  print(nextCommands);
  if (!ending.ok) process.exitCode = 1;
}
