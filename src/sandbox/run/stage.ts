import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../log.ts";
import { findClientBindir, findServerBindir } from "../bindirs.ts";
import { createShop, seedShop } from "../shop/seed-shop.ts";
import { startVisitors, type Visitors } from "../shop/visitors.ts";
import { herokuApp } from "./config-file.ts";
import { type FaultStory, faultStories } from "./fault-stories.ts";
import { writeInfo } from "./info-file.ts";
import type { SandboxOptions } from "./options.ts";
import { holdFile, type RunDirectory } from "./run-directory.ts";
import { openSandboxWorld, type SandboxWorld, type WorldSpec } from "./sandbox-world.ts";

/** A sandbox that is ready to be played in. */
export interface Stage extends AsyncDisposable {
  readonly world: SandboxWorld;
  /** `15.18` */
  readonly sourceVersion: string;
  /** Whose DATABASE_URL it was, in order: heroku, bridge, RDS. */
  owners(): readonly string[];
}

const sampleOrders = 20_000;

/** Starts the world, loads the data, takes the first base backup, and lets the shop open. */
export async function openStage(
  options: SandboxOptions,
  directory: RunDirectory,
  signal: AbortSignal,
  print: (line: string) => void,
  log: Log,
): Promise<Stage> {
  const sourceBindir = findServerBindir();
  let world: SandboxWorld | undefined;
  const tellInfo = (): void => {
    if (options.info !== undefined && world !== undefined) writeInfo(options.info, world);
  };
  const opened = await openSandboxWorld(
    worldSpec(options, { sourceBindir, directory, print, log, onProcesses: tellInfo }),
  );
  world = opened;
  let visitors: Visitors | undefined;
  const watch = watchOwner(opened);
  const infoTimer = setInterval(tellInfo, 1000);
  const dispose = async (): Promise<void> => {
    clearInterval(infoTimer);
    watch.stop();
    await visitors?.[Symbol.asyncDispose]();
    await opened[Symbol.asyncDispose]();
  };
  try {
    signal.throwIfAborted();
    await fillSource(opened, options, signal, print);
    await opened.source.takeBaseBackup(signal);
    await opened.startRoles();
    visitors = startVisitors(opened.heroku.routerUrl(herokuApp), 5);
    tellInfo();
    const sourceVersion =
      execFileSync(join(sourceBindir, "postgres"), ["--version"])
        .toString()
        .match(/\d+(\.\d+)?/)?.[0] ?? "";
    return { world: opened, sourceVersion, owners: watch.owners, [Symbol.asyncDispose]: dispose };
  } catch (thrown) {
    await dispose();
    throw thrown;
  }
}

function worldSpec(
  options: SandboxOptions,
  given: Pick<WorldSpec, "sourceBindir" | "directory" | "log" | "onProcesses"> & {
    readonly print: (line: string) => void;
  },
): WorldSpec {
  if (options.load !== undefined && !existsSync(options.load)) {
    throw new Error(`--load ${options.load}: there is no such file`);
  }
  const { directory } = given;
  const story = faultStories.find(({ name }) => name === options.fault);
  const workerEnv = faultEnv(story, directory);
  given.print(`Starting PostgreSQL, Redis and the stand-ins in ${directory.path} …`);
  const { print, ...rest } = given;
  const slackMode = options.socket === true ? "socket" : "http";
  return { ...rest, clientBindir: findClientBindir(), policy: story?.policy ?? {}, workerEnv, slackMode, say: print };
}

/** What makes the worker die, or wait, at the story's point. */
function faultEnv(story: FaultStory | undefined, directory: RunDirectory): Record<string, string> {
  const { workerFault, holdAt } = story ?? {};
  if (holdAt !== undefined) writeFileSync(holdFile(directory), `${holdAt}\n`);
  const mark = join(directory.path, "fault-happened");
  return {
    ...(workerFault === undefined ? {} : { DRAWBRIDGE_FAULT: workerFault, DRAWBRIDGE_FAULT_MARK: mark }),
    ...(holdAt === undefined ? {} : { DRAWBRIDGE_FAULT_HOLD: holdFile(directory) }),
  };
}

async function fillSource(
  world: SandboxWorld,
  options: SandboxOptions,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<void> {
  const url = world.source.url().reveal();
  if (options.load !== undefined) {
    print(`Loading ${options.load} into the source, as its owner …`);
    await world.source.loadFile({ file: options.load, clientBindir: findClientBindir(), signal });
  }
  await createShop(url);
  const size =
    options.sizeBytes === undefined
      ? { orders: options.load === undefined ? sampleOrders : 500 }
      : { bytes: options.sizeBytes };
  const { orders, bytes } = await seedShop(url, size, options.seed, signal);
  print(`The shop has ${orders.toLocaleString("en")} orders (${Math.round(bytes / 1e6)} MB).`);
}

/** Notes each change of where the app's DATABASE_URL points. */
function watchOwner(world: SandboxWorld): { owners: () => readonly string[]; stop: () => void } {
  const seen: string[] = [];
  const look = (): void => {
    const app = world.heroku.state().apps.find(({ name }) => name === herokuApp);
    const url = app?.config["DATABASE_URL"];
    if (app === undefined || url === undefined) return;
    const port = Number(new URL(url).port);
    const rds = world.aws.state().databases.some((database) => database.port === port);
    const owner = app.databaseUrlOwner === "attachment" ? "heroku" : rds ? "RDS" : "bridge";
    if (seen.at(-1) !== owner) seen.push(owner);
  };
  const timer = setInterval(look, 100);
  look();
  return { owners: () => seen, stop: () => clearInterval(timer) };
}
