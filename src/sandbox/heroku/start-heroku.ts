import type { Server } from "node:http";
import type { Log } from "../../log.ts";
import { createApi } from "./api-server.ts";
import type { DynoSettings } from "./dynos.ts";
import { type FaultName, type FaultRule, openFaults } from "./faults.ts";
import { openPlatform } from "./platform.ts";
import { createRouter } from "./router.ts";
import {
  type AddonSettings,
  type AppSettings,
  configVars,
  createWorld,
  findAddon,
  findApp,
  type World,
} from "./world.ts";

export interface HerokuSettings {
  readonly apps: readonly AppSettings[];
  readonly addons: readonly AddonSettings[];
  /** API tokens that are accepted. */
  readonly tokens: readonly string[];
  readonly dynos?: DynoSettings;
  /** Requests of the account: Heroku's 4,500 with 75 a minute unless told. */
  readonly pool?: { readonly size: number; readonly perMinute: number };
  readonly log: Log;
}

/** What the world looks like from outside, for the page and for tests. Config vars are values of the sandbox. */
export interface HerokuState {
  readonly apps: ReadonlyArray<{
    readonly name: string;
    readonly maintenance: boolean;
    readonly formation: Readonly<Record<string, number>>;
    readonly config: Readonly<Record<string, string>>;
    readonly databaseUrlOwner: "attachment" | "config" | "none";
    readonly dynos: ReadonlyArray<{
      readonly name: string;
      readonly state: string;
      readonly version: number;
      readonly pid: number | undefined;
    }>;
    readonly releases: ReadonlyArray<{
      readonly version: number;
      readonly description: string;
      readonly status: string;
    }>;
  }>;
}

/** A local Heroku: Platform API, Data API, routers, dynos that are real processes. */
export interface RunningHeroku extends AsyncDisposable {
  /** Of the Platform API and the Data API. */
  readonly url: string;
  /** Where visitors reach an app. */
  routerUrl(app: string): string;
  state(): HerokuState;
  /** Sets a fault, or clears it without a rule. */
  setFault(name: FaultName, rule: FaultRule | undefined): void;
  /** Heroku rotates a database's URL: new value in every attachment, a release of each app without release phase. */
  setAddonUrl(addon: string, url: string): void;
  /** Ends the dyno's process without warning, as a lost host would. */
  killDyno(app: string, dyno: string): void;
  /** Stops every dyno (SIGTERM, grace, SIGKILL), then the servers. */
  stop(): Promise<void>;
}

/** Starts the stand-in on free loopback ports. Dynos of the formation start at once. */
export async function startHeroku(settings: HerokuSettings): Promise<RunningHeroku> {
  const { log, pool = { size: 4_500, perMinute: 75 } } = settings;
  const world = createWorld(settings.apps, settings.addons);
  const faults = openFaults();
  const platform = openPlatform(world, settings.dynos ?? {}, faults, log);
  const api = createApi({ world, platform, faults, tokens: new Set(settings.tokens), pool, log });
  const url = await listen(api);
  const routers = new Map<string, { server: Server; url: string }>();
  for (const app of world.apps) {
    const server = createRouter(app);
    routers.set(app.name, { server, url: await listen(server) });
    platform.release(app, "Initial release", { releasePhase: false });
  }
  const stop = async () => {
    await platform.stop();
    await Promise.all([api, ...[...routers.values()].map((each) => each.server)].map(close));
  };
  return {
    url,
    routerUrl: (app) => routers.get(findApp(world, app).name)?.url ?? "",
    state: () => stateOf(world),
    setFault: (name, rule) => faults.set(name, rule),
    setAddonUrl: (name, value) => {
      const addon = findAddon(world, name);
      addon.url = value;
      const apps = new Set(world.attachments.filter((each) => each.addon === addon).map((each) => each.app));
      for (const app of apps)
        platform.release(app, `Update ${addon.name} by heroku-postgresql`, { releasePhase: false });
    },
    killDyno: (app, name) => {
      const pid = findApp(world, app).dynos.find((dyno) => dyno.name === name)?.child?.pid;
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function stateOf(world: World): HerokuState {
  const owner = (app: World["apps"][number]): "attachment" | "config" | "none" => {
    if (world.attachments.some((each) => each.app === app && each.name === "DATABASE")) return "attachment";
    return app.config.has("DATABASE_URL") ? "config" : "none";
  };
  return {
    apps: world.apps.map((app) => ({
      name: app.name,
      maintenance: app.maintenance,
      formation: Object.fromEntries([...app.processes].map(([type, { quantity }]) => [type, quantity])),
      config: Object.fromEntries(configVars(world, app)),
      databaseUrlOwner: owner(app),
      dynos: app.dynos.map((dyno) => ({
        name: dyno.name,
        state: dyno.state,
        version: dyno.release.version,
        pid: dyno.child?.pid,
      })),
      releases: app.releases.map(({ version, description, status }) => ({ version, description, status })),
    })),
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
