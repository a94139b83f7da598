import { z } from "zod";
import { DrawbridgeError } from "../errors.ts";
import { Secret } from "../redact.ts";
import { addonAnswer, addonConfigAnswer, attachmentAnswer } from "./answers.ts";
import type { Api } from "./api.ts";

/** An add-on, for instance a Heroku Postgres database. */
export interface Addon {
  readonly id: string;
  readonly name: string;
  /** The app that pays for it; its last attachment there cannot be removed. */
  readonly billingApp: string;
  /** For instance `heroku-postgresql:standard-0`. */
  readonly plan: string;
  readonly state: string;
}

/** An add-on under a name in an app; a database attached as `DATABASE` owns `DATABASE_URL` there. */
export interface Attachment {
  readonly id: string;
  readonly name: string;
  readonly app: string;
  readonly addonId: string;
  readonly addonName: string;
  readonly billingApp: string;
  /** A credential or a pooler of the add-on; undefined for the add-on's default. */
  readonly namespace: string | undefined;
}

/** What to attach. `confirm` (the app's name) replaces another attachment of that name. */
export interface AttachRequest {
  readonly addon: string;
  readonly app: string;
  /** Without a name Heroku chooses a colour. */
  readonly name?: string;
  readonly confirm?: string;
}

export type AddonVerbs = ReturnType<typeof addonVerbs>;

/** Verbs about add-ons and their attachments. Each change is one release of the app. All throw DrawbridgeError `DB_HEROKU`. */
export function addonVerbs(api: Api) {
  const list = async (path: string): Promise<readonly Attachment[]> =>
    (await api.read(z.array(attachmentAnswer), path)).map((each) => ({
      id: each.id,
      name: each.name,
      app: each.app.name,
      addonId: each.addon.id,
      addonName: each.addon.name,
      billingApp: each.addon.app.name,
      namespace: each.namespace ?? undefined,
    }));
  const addonAttachments = (addon: string) => list(`/addons/${addon}/addon-attachments`);
  const appAttachments = (app: string) => list(`/apps/${app}/addon-attachments`);
  return {
    addon: async (nameOrId: string): Promise<Addon> => {
      const { id, name, app, plan, state } = await api.read(addonAnswer, `/addons/${nameOrId}`);
      return { id, name, billingApp: app.name, plan: plan.name, state };
    },
    /** The add-on's own values, whatever its attachments are called: for a database its URL under `*_URL`. */
    addonConfig: async (addon: string): Promise<ReadonlyMap<string, Secret>> => {
      const pairs = await api.read(addonConfigAnswer, `/addons/${addon}/config`);
      return new Map(pairs.map(({ name, value }) => [name, new Secret(value ?? "")]));
    },
    /** Attachments of one add-on in every app that shares it. */
    addonAttachments,
    /** Attachments of every add-on in one app. */
    appAttachments,
    attach: (request: AttachRequest) => attach(api, appAttachments, request),
    /** Removes an attachment and its config vars. One that is gone already is no error. */
    detach: async (attachment: Attachment): Promise<void> => {
      const gone = async (): Promise<true | undefined> =>
        (await appAttachments(attachment.app)).some((each) => each.id === attachment.id) ? undefined : true;
      if ((await gone()) === true) return;
      const call = { method: "DELETE", path: `/addon-attachments/${attachment.id}` } as const;
      await api.change({ call, observe: gone, repeatable: true });
    },
  };
}

/** Looks first: an attachment of that add-on under that name is returned as it is. */
async function attach(
  api: Api,
  appAttachments: (app: string) => Promise<readonly Attachment[]>,
  request: AttachRequest,
): Promise<Attachment> {
  const isAddon = (each: Attachment) => each.addonName === request.addon || each.addonId === request.addon;
  const before = await appAttachments(request.app);
  const there = before.find((each) => each.name === request.name && isAddon(each));
  if (there !== undefined) return there;
  const known = new Set(before.map((each) => each.id));
  const attachment = await api.change({
    call: { method: "POST", path: "/addon-attachments", body: request },
    observe: async () =>
      (await appAttachments(request.app)).find(
        (each) => isAddon(each) && (request.name === undefined ? !known.has(each.id) : each.name === request.name),
      ),
    // Heroku refuses a name twice; without a name a repetition would make a second attachment.
    repeatable: request.name !== undefined,
  });
  if (attachment.app !== request.app) {
    throw new DrawbridgeError(
      "DB_HEROKU",
      `Heroku attached ${request.addon} to ${attachment.app}, not to ${request.app}`,
    );
  }
  return attachment;
}
