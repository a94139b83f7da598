import { type AddonVerbs, addonVerbs } from "./addons.ts";
import { openApi } from "./api.ts";
import { type AppVerbs, appVerbs, type ConfigVerbs, configVerbs } from "./apps.ts";
import { type DatabaseUrlVerbs, databaseUrlVerbs } from "./database-url.ts";
import { type ReleaseVerbs, releaseVerbs } from "./releases.ts";
import { openTransport, type TransportOptions } from "./transport.ts";

/** Heroku as a migration sees it. Every change is read back; a lost answer is looked into, never taken for a failure. */
export interface Heroku extends AppVerbs, ConfigVerbs, AddonVerbs, ReleaseVerbs, DatabaseUrlVerbs {
  /** Requests left to the whole account as of the last answer; undefined before the first. */
  remaining(): number | undefined;
}

/** Opens Heroku's Platform API. Holds no connection; nothing to close. */
export function openHeroku(options: TransportOptions): Heroku {
  const transport = openTransport(options);
  const api = openApi(transport);
  const basic = { ...appVerbs(api), ...configVerbs(api), ...addonVerbs(api), ...releaseVerbs(api) };
  return { ...basic, ...databaseUrlVerbs(basic), remaining: () => transport.remaining() };
}
