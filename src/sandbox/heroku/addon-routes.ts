import { z } from "zod";
import { parseBody } from "./body.ts";
import { invalid, notFound, Refusal } from "./refusal.ts";
import type { Ask, Route } from "./routes.ts";
import { addonView, attachmentView, databaseView } from "./views.ts";
import {
  addAttachment,
  type Addon,
  type App,
  type Attachment,
  findAddon,
  findApp,
  removeAttachment,
  type World,
} from "./world.ts";

const attachBody = z.object({
  addon: z.string(),
  app: z.string(),
  name: z.string().nullish(),
  confirm: z.string().nullish(),
  namespace: z.null().optional(),
});
const resolveBody = z.object({
  addon_attachment: z.string(),
  app: z.string().nullish(),
  addon_service: z.string().nullish(),
});
const colours = ["AMBER", "BLUE", "CYAN", "GREEN", "IVORY", "JADE", "MAUVE", "OLIVE", "PINK", "ROSE", "TEAL"];

const addonOf = ({ world, params }: Ask): Addon => findAddon(world, params["addon"] ?? "");

/** Add-ons, their attachments, and what the Data API tells about a database. */
export const addonRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/apps/:app/addons",
    answer: ({ world, params }) => {
      const app = findApp(world, params["app"] ?? "");
      return { body: world.addons.filter((each) => each.app === app).map((each) => addonView(world, each)) };
    },
  },
  { method: "GET", path: "/addons/:addon", answer: (ask) => ({ body: addonView(ask.world, addonOf(ask)) }) },
  { method: "GET", path: "/addons/:addon/config", answer: (ask) => ({ body: addonConfig(ask) }) },
  {
    method: "GET",
    path: "/addons/:addon/addon-attachments",
    answer: (ask) => ({ body: attachments(ask.world, (each) => each.addon === addonOf(ask)) }),
  },
  {
    method: "GET",
    path: "/apps/:app/addon-attachments",
    answer: ({ world, params }) => {
      const app = findApp(world, params["app"] ?? "");
      return { body: attachments(world, (each) => each.app === app) };
    },
  },
  { method: "POST", path: "/addon-attachments", answer: (ask) => ({ status: 201, body: attach(ask) }) },
  {
    method: "GET",
    path: "/addon-attachments/:id",
    answer: (ask) => ({ body: attachmentView(attachmentOf(ask)) }),
  },
  { method: "DELETE", path: "/addon-attachments/:id", answer: (ask) => ({ body: detach(ask) }) },
  { method: "POST", path: "/actions/addon-attachments/resolve", answer: (ask) => ({ body: resolve(ask) }) },
  {
    method: "GET",
    path: "/client/v11/databases/:addon",
    answer: (ask) => ({ body: databaseView(addonOf(ask)) }),
  },
  {
    method: "GET",
    path: "/client/v11/databases/:addon/wait_status",
    answer: (ask) => {
      addonOf(ask);
      return { body: { message: "available", "waiting?": false } };
    },
  },
];

function attachments(world: World, accept: (attachment: Attachment) => boolean): object[] {
  return world.attachments.filter(accept).map(attachmentView);
}

/** The add-on's values under the name of its first attachment to the app that pays. */
function addonConfig(ask: Ask): object[] {
  const addon = addonOf(ask);
  const first = ask.world.attachments.find((each) => each.addon === addon && each.app === addon.app);
  return first === undefined ? [] : [{ name: `${first.name}_URL`, value: addon.url }];
}

function attachmentOf({ world, params }: Ask): Attachment {
  const attachment = world.attachments.find((each) => each.id === params["id"]);
  if (attachment === undefined) throw notFound("add-on attachment");
  return attachment;
}

const isLastBilling = (world: World, attachment: Attachment): boolean =>
  attachment.app === attachment.addon.app &&
  world.attachments.every(
    (each) => each === attachment || each.addon !== attachment.addon || each.app !== attachment.app,
  );

function attach({ world, platform, body }: Ask): object {
  const wanted = parseBody(attachBody, body);
  const addon = findAddon(world, wanted.addon);
  const app = findApp(world, wanted.app);
  const name = wanted.name ?? freeColour(world, app);
  if (!/^[A-Z][A-Z0-9_]*$/.test(name)) throw invalid("Name must be upper case letters, digits and underscores.");
  if (app.config.has(`${name}_URL`)) throw invalid(`${name}_URL is already set as a config var on ${app.name}.`);
  const old = world.attachments.find((each) => each.app === app && each.name === name);
  if (old !== undefined) demandReplaceable(world, old, addon, wanted.confirm ?? undefined);
  if (old !== undefined) removeAttachment(world, old);
  const attachment = addAttachment(world, addon, app, name);
  platform.release(app, `Attach ${name} (@ref:${addon.name})`);
  if (old !== undefined) platform.release(app, `Detach ${name} (@ref:${old.addon.name})`);
  return attachmentView(attachment);
}

function demandReplaceable(world: World, old: Attachment, addon: Addon, confirm: string | undefined): void {
  const { name, app } = old;
  if (old.addon === addon) throw invalid(`${name} is already attached to ${app.name}.`);
  if (confirm !== app.name) {
    const words = `WARNING: Destructive Action\nThis replaces ${name} on ${app.name}. To proceed, confirm with ${app.name}.`;
    throw new Refusal(423, "confirmation_required", words);
  }
  if (isLastBilling(world, old)) {
    throw invalid(
      `${name} on ${app.name} is the last billing attachment to ${old.addon.name}; either remove the add-on entirely ` +
        "or add a new attachment to it before replacing its config vars.",
    );
  }
}

function freeColour(world: World, app: App): string {
  const taken = new Set(world.attachments.filter((each) => each.app === app).map((each) => each.name));
  const free = colours.map((colour) => `HEROKU_POSTGRESQL_${colour}`).filter((name) => !taken.has(name));
  const name = free[Math.floor(Math.random() * free.length)];
  if (name === undefined) throw invalid("No name is left for this attachment.");
  return name;
}

function detach(ask: Ask): object {
  const attachment = attachmentOf(ask);
  const { addon, app, name } = attachment;
  if (isLastBilling(ask.world, attachment)) {
    throw invalid(`Cannot destroy last attachment to billing app for resource ${addon.name}`);
  }
  removeAttachment(ask.world, attachment);
  ask.platform.release(app, `Detach ${name} (@ref:${addon.name})`);
  return attachmentView(attachment);
}

/** By attachment name, by the var's name (`DATABASE_URL`), or by the add-on's name. */
function resolve({ world, body }: Ask): object[] {
  const { addon_attachment: wanted, app } = parseBody(resolveBody, body);
  const found = attachments(
    world,
    (each) =>
      (app === undefined || app === null || each.app === findApp(world, app)) &&
      [each.name, `${each.name}_URL`, each.addon.name, each.id].includes(wanted),
  );
  if (found.length === 0) throw notFound("add-on attachment");
  return found;
}
