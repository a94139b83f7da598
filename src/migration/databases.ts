import { DrawbridgeError } from "../errors.ts";
import type { Heroku } from "../heroku/heroku.ts";
import { readAgentState } from "../journal/agent-goals.ts";
import { lastOutput } from "../journal/attempts.ts";
import { type ConnectOptions, type Database, openDatabase, type Queryable } from "../postgres/connect.ts";
import { derivePassword } from "../postgres/scram.ts";
import { parseDatabaseUrl } from "../postgres/url.ts";
import { Secret } from "../redact.ts";

/** Roles that Drawbridge makes. */
export const adminRole = "drawbridge_admin";
export const replicationRole = "drawbridge_repl";
export const masterRole = "drawbridge_master";

/** Control sessions must be able to write where the fence has made read-only the default. */
const controlOptions = "-c default_transaction_read_only=off";

/** Where the three databases are, and who logs in there (DESIGN.md "Who logs in how"). */
export interface Databases {
  /** The owner's URL of the source, read from Heroku at each call since it rotates. */
  sourceUrl(): Promise<Secret>;
  /** The bridge, as the application's owner role (Heroku's own password) or as one of ours (derived). */
  bridgeUrl(as: "owner" | "admin" | "replication"): Promise<Secret>;
  /** The target, as RDS master or as the application's owner role, both with derived passwords. */
  targetUrl(as: "owner" | "master", database?: string): Promise<Secret>;
  /** The URL that the application gets once the primary is there. */
  applicationUrl(at: "bridge" | "target"): Promise<Secret>;
}

/** What {@link databasesOf} needs. */
export interface DatabaseSources {
  readonly migrationId: string;
  readonly addon: string;
  readonly heroku: Heroku;
  readonly journal: Queryable;
  readonly key: Secret;
}

/** The databases of one migration: hosts from what Heroku, agent and RDS said, passwords derived or read. */
export function databasesOf(from: DatabaseSources): Databases {
  const { migrationId, key } = from;
  const sourceUrl = (): Promise<Secret> => readSourceUrl(from.heroku, from.addon);
  const bridgePlace = async (): Promise<string> => {
    const { host, port } = (await readAgentState(from.journal, migrationId))?.facts ?? {};
    if (host === undefined || port === undefined) {
      throw new DrawbridgeError("DB_BRIDGE", "the agent has not said where the bridge's PostgreSQL listens");
    }
    return `${host}:${port}`;
  };
  const targetPlace = async (): Promise<string> => {
    // Try 0: the address may come from any try of any phase.
    const { host, port } =
      (await lastOutput(from.journal, { migrationId, phase: "preflight", try: 0 }, "await-target")) ?? {};
    if (typeof host !== "string" || typeof port !== "number") {
      throw new DrawbridgeError("DB_AWS", "the target's address is not known yet");
    }
    return `${host}:${port}`;
  };
  const bridgeUrl = async (as: "owner" | "admin" | "replication"): Promise<Secret> => {
    const owner = await sourceUrl();
    const place = await bridgePlace();
    if (as === "owner") return at(owner, place);
    const role = as === "admin" ? adminRole : replicationRole;
    return at(owner, place, { user: role, password: derivePassword(key, migrationId, role, 1) });
  };
  const targetUrl = async (as: "owner" | "master", database?: string): Promise<Secret> => {
    const owner = await sourceUrl();
    const user = as === "owner" ? parseDatabaseUrl(owner).user : masterRole;
    const password = derivePassword(key, migrationId, user, 1);
    return at(owner, await targetPlace(), { user, password, ...(database === undefined ? {} : { database }) });
  };
  return {
    sourceUrl,
    bridgeUrl,
    targetUrl,
    applicationUrl: (primary) => (primary === "bridge" ? bridgeUrl("owner") : targetUrl("owner")),
  };
}

/** The owner's URL as the add-on itself has it, whatever its attachments are called. @throws DrawbridgeError `DB_HEROKU`. */
export async function readSourceUrl(heroku: Pick<Heroku, "addonConfig">, addon: string): Promise<Secret> {
  const vars = await heroku.addonConfig(addon);
  const url = [...vars].find(([name]) => /(^|_)URL$/.test(name))?.[1];
  if (!url) throw new DrawbridgeError("DB_HEROKU", `add-on ${addon} has no URL among its config vars`);
  return url;
}

interface Login {
  readonly user?: string;
  readonly password?: Secret;
  readonly database?: string;
}

/** The same shape as Heroku's URL (no query parameters), so that the application's driver treats it alike. */
function at(url: Secret, place: string, login: Login = {}): Secret {
  const parts = parseDatabaseUrl(url);
  const user = encodeURIComponent(login.user ?? parts.user);
  const password = encodeURIComponent((login.password ?? parts.password)?.reveal() ?? "");
  const database = encodeURIComponent(login.database ?? parts.database);
  return new Secret(`postgres://${user}:${password}@${place}/${database}`);
}

/** Opens a control connection that may write even where the fence stands. */
export function openControl(
  url: Secret,
  purpose: string,
  more: Partial<ConnectOptions> & { readonly max?: number } = {},
): Database {
  return openDatabase(url, { applicationName: `drawbridge-${purpose}`, options: controlOptions, max: 2, ...more });
}
