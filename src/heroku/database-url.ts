import { DrawbridgeError } from "../errors.ts";
import { Secret } from "../redact.ts";
import type { AddonVerbs, Attachment } from "./addons.ts";
import type { ConfigVerbs } from "./apps.ts";
import type { Release, ReleaseVerbs } from "./releases.ts";

/** Who decides the value of an app's `DATABASE_URL`. */
export type DatabaseUrlOwner =
  | { readonly by: "attachment"; readonly attachment: Attachment }
  | { readonly by: "config" }
  | { readonly by: "none" };

/** The name under which a database stays attached once it is no longer `DATABASE`: its rotated URL can still be read there. */
export const legacyAttachment = "HEROKU_POSTGRESQL_LEGACY";

/**
 * A `DATABASE_URL` to set, and the other vars that carry a copy of it; all go into one call, one release. Copies that are
 * vars of an attachment are left out: Heroku would refuse the whole call.
 */
export interface NewDatabaseUrl {
  readonly app: string;
  /** Name or id of the Heroku database that may own `DATABASE_URL` now. */
  readonly addon: string;
  readonly url: Secret;
  readonly copies?: readonly string[];
}

type Verbs = Pick<AddonVerbs, "appAttachments" | "addonAttachments" | "attach" | "detach"> &
  ConfigVerbs &
  Pick<ReleaseVerbs, "releases">;

export type DatabaseUrlVerbs = ReturnType<typeof databaseUrlVerbs>;

/**
 * The verbs of a migration about `DATABASE_URL`. Each looks at Heroku first, so that it can be called again after a crash
 * between any two of its calls, and then goes on from there. Releases are not awaited here: `waitRelease` does that.
 */
export function databaseUrlVerbs(verbs: Verbs) {
  const databaseUrlOwner = (app: string) => owner(verbs, app);
  return {
    databaseUrlOwner,
    ensureSecondAttachment: (app: string, addon: string) => ensureSecond(verbs, app, addon),
    takeDatabaseUrl: (wanted: NewDatabaseUrl) => take(verbs, wanted),
    giveBackDatabaseUrl: (app: string, addon: string, copies?: ReadonlyMap<string, Secret>) =>
      giveBack(verbs, app, addon, copies),
    releaseAgain: (app: string) => releaseAgain(verbs, app),
  };
}

/** Names of the vars, `DATABASE_URL` aside, whose value is exactly `url`. */
export function copiesOf(vars: ReadonlyMap<string, Secret>, url: Secret): readonly string[] {
  return [...vars]
    .filter(([name, value]) => name !== "DATABASE_URL" && value.reveal() === url.reveal())
    .map(([name]) => name);
}

async function owner(verbs: Verbs, app: string): Promise<DatabaseUrlOwner> {
  const attachment = (await verbs.appAttachments(app)).find((each) => each.name === "DATABASE");
  if (attachment !== undefined) return { by: "attachment", attachment };
  return { by: (await verbs.configVars(app)).has("DATABASE_URL") ? "config" : "none" };
}

const belongsTo = (addon: string) => (each: Attachment) => each.addonName === addon || each.addonId === addon;

/**
 * Heroku does not let go of a database's last attachment to the app that pays for it: gives it a second name. Days before a window,
 * because it is a release, with a restart of all dynos. Returns the attachment that is not `DATABASE`.
 */
async function ensureSecond(verbs: Verbs, app: string, addon: string): Promise<Attachment> {
  const second = (await verbs.appAttachments(app)).find(
    (each) => belongsTo(addon)(each) && each.name !== "DATABASE" && each.namespace === undefined,
  );
  return second ?? verbs.attach({ addon, app, name: legacyAttachment });
}

/**
 * Makes `DATABASE_URL` an ordinary var with the new value: detach `DATABASE`, then one PATCH. Between the two the app has no
 * `DATABASE_URL`, hence formation 0 before it. Returns the release that carries the value, or undefined when it stood
 * already and its release is not among the last 50.
 * @throws DrawbridgeError `DB_HEROKU` when `DATABASE` is another add-on, or has no second attachment yet.
 */
async function take(verbs: Verbs, wanted: NewDatabaseUrl): Promise<Release | undefined> {
  const { app, addon, url } = wanted;
  const now = await owner(verbs, app);
  if (now.by === "attachment") {
    if (!belongsTo(addon)(now.attachment)) {
      const words = `DATABASE on ${app} is ${now.attachment.addonName}, not ${addon}: it is left alone`;
      throw new DrawbridgeError("DB_HEROKU", words, { outcome: "terminal" });
    }
    await demandSecond(verbs, now.attachment);
    await verbs.detach(now.attachment);
  }
  const owned = new Set((await verbs.appAttachments(app)).map((each) => `${each.name}_URL`));
  const names = ["DATABASE_URL", ...(wanted.copies ?? []).filter((name) => !owned.has(name))];
  const vars = await verbs.configVars(app);
  if (!names.every((name) => vars.get(name)?.reveal() === url.reveal())) {
    await verbs.setConfigVars(app, new Map(names.map((name) => [name, url])));
  }
  return lastRelease(verbs, app, (text) => text.startsWith("Set ") && text.includes("DATABASE_URL"));
}

/** Seen here and not by Heroku's refusal, so that nothing has been touched when it is missing. */
async function demandSecond(verbs: Verbs, database: Attachment): Promise<void> {
  if (database.billingApp !== database.app) return;
  const others = (await verbs.addonAttachments(database.addonId)).filter(
    (each) => each.app === database.billingApp && each.id !== database.id,
  );
  if (others.length > 0) return;
  const words = `${database.addonName} has no second attachment to ${database.app}, so DATABASE cannot be detached`;
  throw new DrawbridgeError("DB_HEROKU", words, { outcome: "terminal" });
}

/** The way back: unset the var, attach the Heroku database as `DATABASE` again. `copies` are put back in the same call. */
async function giveBack(
  verbs: Verbs,
  app: string,
  addon: string,
  copies: ReadonlyMap<string, Secret> = new Map(),
): Promise<Release | undefined> {
  const now = await owner(verbs, app);
  if (now.by === "attachment" && !belongsTo(addon)(now.attachment)) {
    const words = `DATABASE on ${app} is ${now.attachment.addonName}, not ${addon}: it is left alone`;
    throw new DrawbridgeError("DB_HEROKU", words, { outcome: "terminal" });
  }
  const changes = new Map<string, Secret | undefined>(copies);
  if (now.by === "config") changes.set("DATABASE_URL", undefined);
  const vars = await verbs.configVars(app);
  const differs = [...changes].some(([name, value]) => vars.get(name)?.reveal() !== value?.reveal());
  if (differs) await verbs.setConfigVars(app, changes);
  if (now.by !== "attachment") await verbs.attach({ addon, app, name: "DATABASE" });
  return lastRelease(verbs, app, (text) => /^Attach DATABASE\b/.test(text));
}

/**
 * Makes a release with the config vars as they are, after one whose release phase failed. It changes a var of ours, because
 * nobody says whether setting a var to the value that it has makes a release.
 */
async function releaseAgain(verbs: Verbs, app: string): Promise<Release | undefined> {
  const nonce = new Secret(new Date().toISOString());
  await verbs.setConfigVars(app, new Map([["DRAWBRIDGE_RELEASE", nonce]]));
  return lastRelease(verbs, app, (text) => text.includes("DRAWBRIDGE_RELEASE"));
}

async function lastRelease(
  verbs: Verbs,
  app: string,
  matches: (description: string) => boolean,
): Promise<Release | undefined> {
  return (await verbs.releases(app, 50)).find((release) => matches(release.description));
}
