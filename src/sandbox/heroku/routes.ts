import { addonRoutes } from "./addon-routes.ts";
import { appRoutes } from "./app-routes.ts";
import type { Platform } from "./platform.ts";
import { notFound } from "./refusal.ts";
import type { World } from "./world.ts";

/** One call as a route sees it. */
export interface Ask {
  readonly world: World;
  readonly platform: Platform;
  readonly params: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** What a route answers; refusals are thrown. */
export interface Answer {
  readonly status?: number;
  readonly body: object;
}

export interface Route {
  readonly method: string;
  /** For instance `/apps/:app/formation`. */
  readonly path: string;
  readonly answer: (ask: Ask) => Answer;
}

interface Compiled extends Route {
  readonly pattern: RegExp;
}

const routes: readonly Compiled[] = [...appRoutes, ...addonRoutes].map((route) => ({
  ...route,
  pattern: new RegExp(`^${route.path.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)")}$`),
}));

/** Finds the route. @throws Refusal 404, as Heroku says it, for what is not there or not built. */
export function findRoute(method: string, path: string): Pick<Ask, "params"> & Pick<Route, "answer"> {
  for (const route of routes) {
    const match = route.method === method ? route.pattern.exec(path) : null;
    if (match !== null) {
      const params = Object.entries(match.groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value)]);
      return { answer: route.answer, params: Object.fromEntries(params) };
    }
  }
  throw notFound("resource");
}
