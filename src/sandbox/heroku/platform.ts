import { randomUUID } from "node:crypto";
import type { Log } from "../../log.ts";
import { become, type Dyno, type DynoSettings, startDyno, stopDyno } from "./dynos.ts";
import type { Faults } from "./faults.ts";
import { type App, configVars, deployed, type Release, type World } from "./world.ts";

/** What keeps the processes of the apps as their formation and releases say. */
export interface Platform {
  /** Makes a release of the app as it is now: release phase if it has one, then dynos restart with its config vars. */
  release(app: App, description: string, options?: { readonly releasePhase: boolean }): Release;
  /** Starts and stops dynos until they are as wanted. */
  reconcile(app: App): void;
  /** Stops dynos so that fresh ones take their place. */
  restart(app: App, dynos: readonly Dyno[]): void;
  /** Starts a one-off dyno, named `<prefix>.NNNN`. */
  oneOff(app: App, prefix: string, command: string, options?: OneOff): Dyno;
  /** Stops schedulers and every dyno of every app, and waits until they are gone. */
  stop(): Promise<void>;
}

export interface OneOff {
  readonly env?: ReadonlyMap<string, string>;
  readonly type?: string;
  readonly release?: Release;
}

interface Parts {
  readonly world: World;
  readonly settings: DynoSettings;
  readonly faults: Faults;
  readonly log: Log;
  readonly closing: AbortController;
  /** One release phase at a time and app. */
  readonly phases: Map<App, Promise<void>>;
}

export function openPlatform(world: World, settings: DynoSettings, faults: Faults, log: Log): Platform {
  const parts: Parts = { world, settings, faults, log, closing: new AbortController(), phases: new Map() };
  for (const app of world.apps) startScheduler(parts, app);
  return {
    release: (app, description, options) => makeRelease(parts, app, description, options?.releasePhase ?? true),
    reconcile: (app) => reconcile(parts, app),
    restart: (app, dynos) => {
      for (const dyno of dynos) retire(parts, app, dyno);
      reconcile(parts, app);
    },
    oneOff: (app, prefix, command, options) => oneOff(parts, app, prefix, command, options),
    stop: async () => {
      parts.closing.abort();
      await Promise.all(world.apps.flatMap((app) => app.dynos.map((dyno) => stopDyno(dyno, settings))));
      await Promise.all(parts.phases.values());
    },
  };
}

function makeRelease(parts: Parts, app: App, description: string, releasePhase: boolean): Release {
  const command = releasePhase ? app.releaseCommand : undefined;
  const createdAt = new Date();
  const release: Release = {
    id: randomUUID(),
    version: app.releases.length + 1,
    description,
    status: command === undefined ? "succeeded" : "pending",
    createdAt,
    updatedAt: createdAt,
    env: configVars(parts.world, app),
  };
  app.releases.push(release);
  parts.log.debug({ app: app.name, version: release.version, description }, "release");
  if (command === undefined) reconcile(parts, app);
  else {
    const before = parts.phases.get(app) ?? Promise.resolve();
    parts.phases.set(
      app,
      before.then(() => runReleasePhase(parts, app, release, command)),
    );
  }
  return release;
}

/** A failed release is not deployed: dynos stay on the one before, while the config vars stay changed. */
async function runReleasePhase(parts: Parts, app: App, release: Release, command: string): Promise<void> {
  const fails = parts.faults.strikes("release-phase-fails") !== undefined;
  const dyno = oneOff(parts, app, "release", fails ? `${command}; exit 1` : command, { release, type: "release" });
  const status = await dyno.gone.promise;
  release.status = status === 0 ? "succeeded" : "failed";
  release.updatedAt = new Date();
  parts.log.debug({ app: app.name, version: release.version, status: release.status }, "release phase ended");
  reconcile(parts, app);
}

function oneOff(parts: Parts, app: App, prefix: string, command: string, options: OneOff = {}): Dyno {
  const name = `${prefix}.${1000 + Math.floor(Math.random() * 9000)}`;
  const release = options.release ?? deployed(app);
  const type = options.type ?? prefix;
  const { settings, log } = parts;
  const order = { app, name, type, command, release, oneOff: true, env: options.env ?? new Map() };
  const dyno = startDyno(order, settings, log);
  void dyno.gone.promise.then(() => remove(app, dyno));
  if (parts.closing.signal.aborted) void stopDyno(dyno, settings);
  return dyno;
}

const remove = (app: App, dyno: Dyno): void => {
  const at = app.dynos.indexOf(dyno);
  if (at >= 0) app.dynos.splice(at, 1);
};

function reconcile(parts: Parts, app: App): void {
  if (parts.closing.signal.aborted) return;
  const release = deployed(app);
  const wanted = new Map<string, string>();
  for (const [type, { quantity }] of app.processes) {
    for (let n = 1; n <= quantity; n++) wanted.set(`${type}.${n}`, type);
  }
  // A release never touches one-off dynos.
  const held = app.dynos.filter((dyno) => !dyno.oneOff);
  for (const dyno of held) {
    const stale = dyno.release !== release;
    const overlaps = app.preboot && dyno.type === "web" && wanted.has(dyno.name);
    if (!wanted.has(dyno.name) || (stale && !overlaps)) retire(parts, app, dyno);
  }
  for (const [name, type] of wanted) {
    const here = held.filter((dyno) => dyno.name === name && app.dynos.includes(dyno));
    const fresh = here.some((dyno) => dyno.release === release);
    const overlapping = app.preboot && type === "web" && here.every((dyno) => dyno.release !== release);
    if (here.length === 0 || (overlapping && !fresh)) startFormationDyno(parts, app, name, type, here);
  }
}

function startFormationDyno(parts: Parts, app: App, name: string, type: string, replaces: readonly Dyno[]): void {
  const process = app.processes.get(type);
  if (process === undefined) return;
  const { settings, log } = parts;
  const { command, size } = process;
  const dyno = startDyno({ app, name, type, command, size, release: deployed(app) }, settings, log);
  void dyno.gone.promise.then((status) => afterExit(parts, app, dyno, status));
  if (replaces.length > 0) void handOver(parts, app, dyno, replaces);
}

/** Preboot: the old dynos go on until the new one is up, and a while longer. */
async function handOver(parts: Parts, app: App, dyno: Dyno, old: readonly Dyno[]): Promise<void> {
  while (dyno.state === "starting" && app.dynos.includes(dyno)) await pause(50);
  await pause(parts.settings.prebootMs ?? 5_000);
  if (dyno.state === "up") for (const each of old) retire(parts, app, each);
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref());

function retire(parts: Parts, app: App, dyno: Dyno): void {
  if (dyno.state === "crashed") remove(app, dyno);
  else void stopDyno(dyno, parts.settings);
}

/** A process of the formation that ends without being told to has crashed, whatever its status. */
function afterExit(parts: Parts, app: App, dyno: Dyno, status: number): void {
  if (dyno.stopping || parts.closing.signal.aborted) {
    remove(app, dyno);
    reconcile(parts, app);
    return;
  }
  parts.log.debug({ app: app.name, dyno: dyno.name, status }, "dyno crashed");
  become(dyno, "crashed");
  dyno.child = undefined;
  void pause(parts.settings.crashBackoffMs ?? 1_000).then(() => {
    remove(app, dyno);
    reconcile(parts, app);
  });
}

function startScheduler(parts: Parts, app: App): void {
  const { scheduler } = app;
  if (scheduler === undefined) return;
  const timer = setInterval(() => {
    if (app.releases.length > 0) oneOff(parts, app, "scheduler", scheduler.command);
  }, scheduler.everyMs);
  parts.closing.signal.addEventListener("abort", () => clearInterval(timer));
}
