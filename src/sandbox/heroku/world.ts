import { randomUUID } from "node:crypto";
import type { Dyno } from "./dynos.ts";
import { notFound } from "./refusal.ts";

/** How an app is described when the stand-in starts. */
export interface AppSettings {
  readonly name: string;
  /** Process types: a `release` type is run as release phase; the formation lists it with quantity 0. */
  readonly processes: Readonly<Record<string, { readonly command: string; readonly quantity?: number }>>;
  readonly config?: Readonly<Record<string, string>>;
  readonly preboot?: boolean;
  /** Starts a one-off dyno `scheduler.NNNN` again and again, also in maintenance mode. */
  readonly scheduler?: { readonly command: string; readonly everyMs: number };
}

/** A Heroku Postgres database and where it is attached. */
export interface AddonSettings {
  readonly name: string;
  /** For instance `heroku-postgresql:standard-0`. */
  readonly plan: string;
  /** The app that pays. */
  readonly app: string;
  readonly url: string;
  readonly attachments: ReadonlyArray<{ readonly app: string; readonly name: string }>;
  /** For the Data API, for instance `15.18`. */
  readonly postgresVersion?: string;
}

export interface Release {
  readonly id: string;
  readonly version: number;
  readonly description: string;
  status: "pending" | "succeeded" | "failed";
  readonly createdAt: Date;
  updatedAt: Date;
  /** Config vars as of this release; its dynos get these and no others. */
  readonly env: ReadonlyMap<string, string>;
}

export interface ProcessType {
  readonly id: string;
  readonly command: string;
  quantity: number;
  size: string;
  updatedAt: Date;
}

export interface App {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  maintenance: boolean;
  preboot: boolean;
  readonly processes: Map<string, ProcessType>;
  readonly releaseCommand: string | undefined;
  readonly scheduler: AppSettings["scheduler"];
  /** Plain config vars; those of attachments are computed. */
  readonly config: Map<string, string>;
  readonly releases: Release[];
  readonly dynos: Dyno[];
}

export interface Addon {
  readonly id: string;
  readonly name: string;
  readonly plan: string;
  readonly app: App;
  url: string;
  readonly postgresVersion: string;
  readonly createdAt: Date;
}

export interface Attachment {
  readonly id: string;
  readonly name: string;
  readonly addon: Addon;
  readonly app: App;
  readonly createdAt: Date;
}

export interface World {
  readonly apps: App[];
  readonly addons: Addon[];
  readonly attachments: Attachment[];
  readonly owner: { readonly id: string; readonly email: string };
}

export function createWorld(apps: readonly AppSettings[], addons: readonly AddonSettings[]): World {
  const owner = { id: randomUUID(), email: "platform@shop.example" };
  const world: World = { apps: apps.map(createApp), addons: [], attachments: [], owner };
  for (const { name, plan, app, url, attachments, postgresVersion = "15.18" } of addons) {
    const billing = findApp(world, app);
    const createdAt = new Date();
    const addon: Addon = { id: randomUUID(), name, plan, app: billing, url, postgresVersion, createdAt };
    world.addons.push(addon);
    for (const each of attachments) addAttachment(world, addon, findApp(world, each.app), each.name);
  }
  return world;
}

function createApp(settings: AppSettings): App {
  const createdAt = new Date();
  const processes = new Map<string, ProcessType>();
  for (const [type, { command, quantity = 0 }] of Object.entries(settings.processes)) {
    processes.set(type, { id: randomUUID(), command, quantity, size: "Standard-1X", updatedAt: createdAt });
  }
  return {
    id: randomUUID(),
    name: settings.name,
    createdAt,
    maintenance: false,
    preboot: settings.preboot ?? false,
    processes,
    releaseCommand: settings.processes["release"]?.command,
    scheduler: settings.scheduler,
    config: new Map(Object.entries(settings.config ?? {})),
    releases: [],
    dynos: [],
  };
}

export function findApp(world: World, nameOrId: string): App {
  const app = world.apps.find((each) => each.name === nameOrId || each.id === nameOrId);
  if (app === undefined) throw notFound("app");
  return app;
}

export function findAddon(world: World, nameOrId: string): Addon {
  const addon = world.addons.find((each) => each.name === nameOrId || each.id === nameOrId);
  if (addon === undefined) throw notFound("add-on");
  return addon;
}

export function addAttachment(world: World, addon: Addon, app: App, name: string): Attachment {
  const attachment = { id: randomUUID(), name, addon, app, createdAt: new Date() };
  world.attachments.push(attachment);
  return attachment;
}

export function removeAttachment(world: World, attachment: Attachment): void {
  world.attachments.splice(world.attachments.indexOf(attachment), 1);
}

/** Vars that attachments own in an app: `DATABASE` owns `DATABASE_URL`. */
export function attachedVars(world: World, app: App): Map<string, string> {
  const attached = world.attachments.filter((each) => each.app === app);
  return new Map(attached.map((each) => [`${each.name}_URL`, each.addon.url]));
}

/** All config vars of an app as they are now, whatever its releases did. */
export function configVars(world: World, app: App): Map<string, string> {
  return new Map([...app.config, ...attachedVars(world, app)]);
}

/** The release that dynos start from: the newest whose release phase did not fail. */
export function deployed(app: App): Release {
  const release = app.releases.findLast((each) => each.status === "succeeded");
  if (release === undefined) throw new Error(`${app.name} has no release`);
  return release;
}
