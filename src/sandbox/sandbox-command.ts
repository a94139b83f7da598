import { writeFileSync } from "node:fs";
import { openLog } from "../log.ts";
import { endRun } from "./run/ending.ts";
import { faultStories } from "./run/fault-stories.ts";
import { followByHand } from "./run/hands-on.ts";
import { type JournalView, openJournalView } from "./run/journal-view.ts";
import { narrate } from "./run/narrator.ts";
import { nextCommands, openingText } from "./run/opening.ts";
import { parseOptions, type SandboxOptions } from "./run/options.ts";
import { playMigration } from "./run/play.ts";
import { keepLogs, makeRunDirectory, type RunDirectory } from "./run/run-directory.ts";
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
  const directory = makeRunDirectory();
  const ended = await runIn(directory, options, stop.signal).catch((thrown: unknown) => {
    print(`\n✕ ${wordsOf(thrown)}`);
    return false;
  });
  keepLogs(directory);
  if (stop.signal.aborted) print("\nStopped; every process that was started has ended.");
  process.exitCode = stop.signal.aborted ? 130 : ended ? 0 : 1;
  print(`Logs: ${directory.logs}`);
}

/** @returns whether the run came to a good end; when it was stopped, that does not matter. */
async function runIn(directory: RunDirectory, options: SandboxOptions, signal: AbortSignal): Promise<boolean> {
  try {
    await using stage = await openStage(options, directory, signal, print, openLog("sandbox", "warn"));
    print(openingText(stage.world, options, stage.sourceVersion));
    const ok = await perform(stage, options, signal);
    if (options.keep && !signal.aborted) {
      print(`\nEverything keeps running (--keep). Channel: ${stage.world.slack.page}  Ctrl-C stops it.`);
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
    return ok;
  } catch (thrown) {
    if (signal.aborted) return false;
    throw thrown;
  }
}

/** The play, the fault beside it, and the end. A play that broke off is reported too, and never ends well. */
async function perform(stage: Stage, options: SandboxOptions, signal: AbortSignal): Promise<boolean> {
  const { world } = stage;
  const endNarration = narrate(world.slack, print);
  await using view = openJournalView(world.journal.adminUrl);
  const broke = await play(stage, view, options, signal).then(
    () => undefined,
    (thrown: unknown) => wordsOf(thrown),
  );
  signal.throwIfAborted();
  if (broke !== undefined) print(`\n✕ ${broke}\n`);
  const ending = await endRun(world, view, signal);
  endNarration();
  print(`\nDATABASE_URL belonged to: ${stage.owners().join(" → ")}`);
  print(ending.text);
  if (options.report !== undefined) writeFileSync(options.report, ending.json);
  print(nextCommands);
  return ending.ok && broke === undefined;
}

async function play(stage: Stage, view: JournalView, options: SandboxOptions, signal: AbortSignal): Promise<void> {
  const { world } = stage;
  const people = slackPeople(world.slack.control);
  const say = (line: string): void => print(`\n→ ${line}`);
  if (options.handsOn) return followByHand({ people, view, say, signal });
  const story = faultStories.find(({ name }) => name === options.fault);
  const acted = new AbortController();
  const telling = tellStory({
    story,
    world,
    view,
    seed: options.seed,
    say,
    signal: AbortSignal.any([signal, acted.signal]),
  });
  try {
    await Promise.race([playMigration({ people, view, story, seed: options.seed, say, signal }), telling.failed]);
  } finally {
    acted.abort();
    await telling.done;
  }
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
