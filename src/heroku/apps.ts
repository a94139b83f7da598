import { z } from "zod";
import { waitFor } from "../clock.ts";
import { Secret } from "../redact.ts";
import {
  accountAnswer,
  appAnswer,
  configVarsAnswer,
  dynoAnswer,
  featureAnswer,
  formationAnswer,
  rateLimitAnswer,
} from "./answers.ts";
import type { Api } from "./api.ts";

/** A Heroku app. `space` and `generation` are there for Private Spaces and Fir, which behave differently. */
export interface App {
  readonly id: string;
  readonly name: string;
  /** Routers answer 503; workers, schedulers and one-off dynos go on all the same. */
  readonly maintenance: boolean;
  readonly region: string;
  readonly space: string | undefined;
  readonly generation: string | undefined;
}

/** How many dynos of a process type are wanted. */
export interface Process {
  readonly type: string;
  readonly quantity: number;
  readonly size: string;
}

/** A running dyno. `state` is Heroku's word: crashed, down, idle, starting, up. */
export interface Dyno {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly state: string;
  readonly releaseVersion: number;
}

/** How long and under which signal to wait. */
export interface Patience {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

export type AppVerbs = ReturnType<typeof appVerbs>;

/** Verbs about one app: maintenance, formation, dynos, preboot. All throw DrawbridgeError `DB_HEROKU`. */
export function appVerbs(api: Api) {
  const app = async (name: string): Promise<App> => {
    const { id, name: ownName, maintenance, region, space, generation } = await api.read(appAnswer, `/apps/${name}`);
    return {
      id,
      name: ownName,
      maintenance,
      region: region.name,
      space: space?.name,
      generation: generation?.name,
    };
  };
  return {
    app,
    /** Who the token belongs to. */
    account: () => api.read(accountAnswer, "/account"),
    /** Requests that the account has left; asking is free. */
    rateLimit: async (): Promise<number> => (await api.read(rateLimitAnswer, "/account/rate-limits")).remaining,
    /** Turns the router's static page on or off. No release, no restart. */
    setMaintenance: async (name: string, on: boolean): Promise<void> => {
      await api.change({
        call: { method: "PATCH", path: `/apps/${name}`, body: { maintenance: on } },
        observe: async () => ((await app(name)).maintenance === on ? true : undefined),
        repeatable: true,
      });
    },
    ...prebootVerbs(api),
    ...formationVerbs(api),
    ...dynoVerbs(api),
  };
}

function prebootVerbs(api: Api) {
  const preboot = async (name: string): Promise<boolean> =>
    (await api.read(featureAnswer, `/apps/${name}/features/preboot`)).enabled;
  return {
    /** Whether new web dynos start beside the old ones, which then go on writing for minutes. */
    preboot,
    setPreboot: async (name: string, enabled: boolean): Promise<void> => {
      await api.change({
        call: { method: "PATCH", path: `/apps/${name}/features/preboot`, body: { enabled } },
        observe: async () => ((await preboot(name)) === enabled ? true : undefined),
        repeatable: true,
      });
    },
  };
}

function formationVerbs(api: Api) {
  const formation = async (name: string): Promise<readonly Process[]> =>
    (await api.read(formationAnswer, `/apps/${name}/formation`)).map(({ type, quantity, size }) => ({
      type,
      quantity,
      size,
    }));
  return {
    formation,
    /** Sets quantities in one call and returns the whole formation. Dynos stop within their 30 s of grace. */
    scale: async (
      name: string,
      updates: ReadonlyArray<{ readonly type: string; readonly quantity: number }>,
    ): Promise<readonly Process[]> => {
      if (updates.length === 0) return formation(name);
      const wanted = updates.map(({ type, quantity }) => ({ type, quantity }));
      return api.change({
        call: { method: "PATCH", path: `/apps/${name}/formation`, body: { updates: wanted } },
        observe: async () => {
          const now = await formation(name);
          const quantities = new Map(now.map((process) => [process.type, process.quantity]));
          return wanted.every(({ type, quantity }) => quantities.get(type) === quantity) ? now : undefined;
        },
        repeatable: true,
      });
    },
  };
}

function dynoVerbs(api: Api) {
  const own = ({ id, name, type, state, release }: z.infer<typeof dynoAnswer>): Dyno => ({
    id,
    name,
    type,
    state,
    releaseVersion: release.version,
  });
  const dynos = async (name: string): Promise<readonly Dyno[]> =>
    (await api.read(z.array(dynoAnswer), `/apps/${name}/dynos`)).map(own);
  return {
    /** Every dyno that still runs, one-off ones included. */
    dynos,
    /** Asks a one-off dyno to stop; use {@link waitDynos} to see it gone. A dyno that is gone already is no error. */
    stopDyno: async (name: string, dyno: string): Promise<void> => {
      const alive = async () => (await dynos(name)).some((each) => each.name === dyno);
      if (!(await alive())) return;
      try {
        await api.once(z.unknown(), { method: "POST", path: `/apps/${name}/dynos/${dyno}/actions/stop` });
      } catch (thrown) {
        if (await alive()) throw thrown;
      }
    },
    /** Waits until `accept` says yes to the list of dynos, and returns it. @throws DrawbridgeError `DB_WAIT_TIMEOUT` */
    waitDynos: (
      name: string,
      what: string,
      accept: (dynos: readonly Dyno[]) => boolean,
      patience: Patience,
    ): Promise<readonly Dyno[]> =>
      waitFor(
        async () => {
          const now = await dynos(name);
          return accept(now) ? now : undefined;
        },
        { ...patience, everyMs: 300, what },
      ),
    /** Starts a one-off dyno; `env` goes over the app's config vars. Never sent twice: on a lost answer, look at dynos. */
    runOneOff: async (name: string, command: string, env: ReadonlyMap<string, Secret>): Promise<Dyno> => {
      const plain = Object.fromEntries([...env].map(([key, value]) => [key, value.reveal()]));
      const body = { command, env: plain, attach: false };
      return own(await api.once(dynoAnswer, { method: "POST", path: `/apps/${name}/dynos`, body }));
    },
  };
}

export type ConfigVerbs = ReturnType<typeof configVerbs>;

/** Verbs about config vars, whose values never leave a {@link Secret}. */
export function configVerbs(api: Api) {
  const configVars = async (name: string): Promise<ReadonlyMap<string, Secret>> => {
    const vars = await api.read(configVarsAnswer, `/apps/${name}/config-vars`);
    return new Map(Object.entries(vars).map(([key, value]) => [key, new Secret(value)]));
  };
  return {
    configVars,
    /** Sets (or, where undefined, unsets) several vars in one call, which is one release. Vars of an attachment are refused. */
    setConfigVars: async (name: string, vars: ReadonlyMap<string, Secret | undefined>): Promise<void> => {
      const body = Object.fromEntries([...vars].map(([key, value]) => [key, value?.reveal() ?? null]));
      await api.change({
        call: { method: "PATCH", path: `/apps/${name}/config-vars`, body },
        observe: async () => {
          const now = await configVars(name);
          return [...vars].every(([key, value]) => now.get(key)?.reveal() === value?.reveal()) ? true : undefined;
        },
        repeatable: true,
      });
    },
  };
}
