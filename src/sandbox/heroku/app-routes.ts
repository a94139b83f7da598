import { z } from "zod";
import { parseBody } from "./body.ts";
import type { Dyno } from "./dynos.ts";
import { invalid, notFound, Refusal } from "./refusal.ts";
import type { Answer, Ask, Route } from "./routes.ts";
import { accountView, appView, dynoView, formationView, prebootView, releaseView } from "./views.ts";
import { type App, attachedVars, configVars, findApp, type ProcessType, type Release } from "./world.ts";

const since = new Date();
const quantities = z.object({
  updates: z.array(
    z.strictObject({
      type: z.string(),
      quantity: z.int().min(0).max(100).optional(),
      dyno_size: z.object({ name: z.string() }).optional(),
      size: z.string().optional(),
    }),
  ),
});
const vars = z.record(z.string().regex(/^\w+$/), z.string().nullable());
const oneOff = z.object({
  command: z.string().min(1),
  env: z.record(z.string(), z.string()).optional(),
  type: z.string().optional(),
  attach: z.boolean().nullish(),
  size: z.string().optional(),
  time_to_live: z.int().optional(),
});

const appOf = ({ world, params }: Ask): App => findApp(world, params["app"] ?? "");

/** A route below one app. */
const on = (method: string, path: string, answer: (app: App, ask: Ask) => object, status = 200): Route => ({
  method,
  path: `/apps/:app${path}`,
  answer: (ask): Answer => ({ status, body: answer(appOf(ask), ask) }),
});

/** Apps, formation, dynos, config vars, releases. */
export const appRoutes: readonly Route[] = [
  { method: "GET", path: "/account", answer: ({ world }) => ({ body: accountView(world, since) }) },
  {
    method: "GET",
    path: "/apps",
    answer: ({ world }) => ({ body: world.apps.map((app) => appView(world, app)) }),
  },
  on("GET", "", (app, { world }) => appView(world, app)),
  on("PATCH", "", (app, { world, body }) => {
    app.maintenance = parseBody(z.object({ maintenance: z.boolean() }), body).maintenance;
    return appView(world, app);
  }),
  on("GET", "/features/preboot", prebootView),
  on("PATCH", "/features/preboot", (app, { body }) => {
    app.preboot = parseBody(z.object({ enabled: z.boolean() }), body).enabled;
    return prebootView(app);
  }),
  on("GET", "/formation", formationView),
  on("PATCH", "/formation", scale),
  on("GET", "/config-vars", (app, { world }) => Object.fromEntries(configVars(world, app))),
  on("PATCH", "/config-vars", setVars),
  on("GET", "/releases", (app, { world }) => app.releases.map((each) => releaseView(world, app, each))),
  on("GET", "/releases/:release", (app, ask) => releaseView(ask.world, app, releaseOf(app, ask))),
  on("GET", "/releases/:release/config-vars", (app, ask) => Object.fromEntries(releaseOf(app, ask).env)),
  on("GET", "/dynos", (app) => app.dynos.map((dyno) => dynoView(app, dyno))),
  on("POST", "/dynos", runOneOff, 201),
  on(
    "DELETE",
    "/dynos",
    (app, { platform }) => {
      platform.restart(app, [...app.dynos]);
      return {};
    },
    202,
  ),
  on("DELETE", "/dynos/:dyno", restartOne, 202),
  on("POST", "/dynos/:dyno/actions/stop", restartOne, 202),
];

function scale(app: App, { platform, body }: Ask): object {
  const { updates } = parseBody(quantities, body);
  const known = updates.map((update): [ProcessType, typeof update] => {
    const process = app.processes.get(update.type);
    if (process === undefined) throw notFound("process type");
    return [process, update];
  });
  for (const [process, { quantity, dyno_size: dynoSize, size }] of known) {
    process.quantity = quantity ?? process.quantity;
    process.size = dynoSize?.name ?? size ?? process.size;
    process.updatedAt = new Date();
  }
  platform.reconcile(app);
  return formationView(app);
}

/** Values of an attachment are refused; a call that changes nothing makes no release (what Heroku does then is not known). */
function setVars(app: App, { world, platform, body }: Ask): object {
  const wanted = Object.entries(parseBody(vars, body));
  const owned = attachedVars(world, app);
  const refused = wanted.map(([name]) => name).filter((name) => owned.has(name));
  if (refused.length > 0) throw invalid(`Cannot overwrite attachment values ${refused.join(", ")}.`);
  const set: string[] = [];
  const unset: string[] = [];
  for (const [name, value] of wanted) {
    if (value === null && app.config.delete(name)) unset.push(name);
    if (value === null || app.config.get(name) === value) continue;
    app.config.set(name, value);
    set.push(name);
  }
  const words = [
    ...(set.length > 0 ? [`Set ${set.join(", ")} config vars`] : []),
    ...(unset.length > 0 ? [`Remove ${unset.join(", ")} config vars`] : []),
  ];
  if (words.length > 0) platform.release(app, words.join(", "));
  return Object.fromEntries(configVars(world, app));
}

function releaseOf(app: App, { params }: Ask): Release {
  const wanted = params["release"] ?? "";
  const release = app.releases.find((each) => each.id === wanted || String(each.version) === wanted);
  if (release === undefined) throw notFound("release");
  return release;
}

function runOneOff(app: App, { platform, body }: Ask): object {
  const { command, env = {}, type = "run" } = parseBody(oneOff, body);
  return dynoView(app, platform.oneOff(app, "run", command, { env: new Map(Object.entries(env)), type }));
}

/** Dynos of the formation come back, one-off dynos do not. */
function restartOne(app: App, { platform, params }: Ask): object {
  const dyno: Dyno | undefined = app.dynos.find((each) => each.name === params["dyno"] || each.id === params["dyno"]);
  if (dyno === undefined) throw new Refusal(404, "not_found", "Couldn't find that dyno.");
  platform.restart(app, [dyno]);
  return {};
}
