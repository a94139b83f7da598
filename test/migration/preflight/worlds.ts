import type { Attachment } from "../../../src/heroku/addons.ts";
import type { PreflightFacts } from "../../../src/migration/preflight/facts.ts";
import { healthy, withHeroku, withSource } from "./healthy.ts";

const { source, heroku } = healthy;

/** The database's own attachment. */
export const database: Attachment = heroku.addonAttachments[0];

/** Another server. */
export const identity = (changes: Partial<typeof source.identity>): PreflightFacts =>
  withSource({ identity: { ...source.identity, ...changes } });

export function collations(changes: Partial<typeof source.collations>): PreflightFacts {
  return withSource({ collations: { ...source.collations, ...changes } });
}
export function special(changes: Partial<typeof source.special>): PreflightFacts {
  return withSource({ special: { ...source.special, ...changes } });
}
export function archiver(changes: Partial<typeof source.archiver>): PreflightFacts {
  return withSource({ archiver: { ...source.archiver, ...changes } });
}
export function extension(name: string, changes: Partial<(typeof source.extensions)[number]> = {}): PreflightFacts {
  return withSource({ extensions: [{ name, version: "1.0", schema: "public", hasConfigTables: false, ...changes }] });
}
export function plan(name: string): PreflightFacts {
  return withHeroku({ addon: { ...heroku.addon, plan: name } });
}
export function people(approvers: readonly string[]): PreflightFacts {
  return { ...healthy, people: { required: 2, approvers, drivers: ["dora"] } };
}
export function attached(changes: Partial<Attachment>) {
  return { by: "attachment" as const, attachment: { ...database, ...changes } };
}
export function prepared() {
  return { gid: "tx-1", database: "d1", owner: "app", prepared: new Date(0) };
}
export function old(changes: { readonly state?: string; readonly ageMs: number }) {
  return { pid: 4711, user: "app", applicationName: "nightly report", state: "active", ...changes };
}

/** A source with an index over the function `plain` of this body. */
export function calling(body: string): PreflightFacts {
  const functions = [{ name: "public.plain", body, usedBy: ["index by_name"] }];
  return withSource({ path: { functions, callable: ["unaccent", "plain"], readable: ["limits"] } });
}
