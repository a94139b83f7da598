import { readFileSync } from "node:fs";
import { DrawbridgeError } from "../errors.ts";
import { Secret } from "../redact.ts";

/** A connection URL taken apart. `host` may be a directory: then it is a Unix socket. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: Secret | undefined;
  /** libpq's `sslmode`; where the URL has none, `require` for hosts away from this machine, else `disable`. */
  readonly sslMode: string;
  readonly sslRootCert: string | undefined;
  /** The URL's own `options=` (`-c name=value …`). */
  readonly options: string | undefined;
}

const loopback = new Set(["localhost", "127.0.0.1", "::1"]);

/**
 * Takes apart `postgres://user:password@host:port/database?sslmode=…`; a Unix socket is `?host=/directory`.
 * Heroku's URLs name no `sslmode` and Heroku insists on TLS, hence the default.
 * @throws DrawbridgeError `DB_BAD_INPUT`, without the URL in it.
 */
export function parseDatabaseUrl(url: Secret): DatabaseAddress {
  const at = URL.parse(url.reveal().replace(/^postgres(ql)?:\/\/([^/@?]*@)?\//, "postgres://$2socket/"));
  if (!at || !/^postgres(ql)?:$/.test(at.protocol)) {
    throw new DrawbridgeError(
      "DB_BAD_INPUT",
      "a database URL is not of the form postgres://user:password@host:port/database",
    );
  }
  const host = at.searchParams.get("host") ?? decodeURIComponent(at.hostname).replace(/^\[|\]$/g, "");
  const user = decodeURIComponent(at.username);
  const local = host.startsWith("/") || loopback.has(host);
  return {
    host,
    port: Number(at.port || at.searchParams.get("port") || 5432),
    database: databaseIn(url) || user,
    user,
    password: at.password ? new Secret(decodeURIComponent(at.password)) : undefined,
    sslMode: at.searchParams.get("sslmode") ?? (local ? "disable" : "require"),
    sslRootCert: at.searchParams.get("sslrootcert") ?? undefined,
    options: at.searchParams.get("options") ?? undefined,
  };
}

/**
 * The path as it was written: WHATWG's parser takes `.` and `..`, even percent-encoded, for steps in a directory
 * tree and leaves them out, and PostgreSQL takes them for names.
 */
function databaseIn(url: Secret): string {
  const path = /^[^:]*:\/\/[^/?#]*\/([^?#]*)/.exec(url.reveal().trim())?.[1] ?? "";
  return decodeURIComponent(path);
}

/** The URL with another database, user or password; what is not given stays. */
export function withUrlParts(url: Secret, parts: { database?: string; user?: string; password?: Secret }): Secret {
  const at = parseDatabaseUrl(url);
  const password = parts.password ?? at.password;
  const login =
    encodeURIComponent(parts.user ?? at.user) + (password ? `:${encodeURIComponent(password.reveal())}` : "");
  const query = new URLSearchParams({ sslmode: at.sslMode });
  if (at.sslRootCert !== undefined) query.set("sslrootcert", at.sslRootCert);
  if (at.options !== undefined) query.set("options", at.options);
  const database = encodeURIComponent(parts.database ?? at.database);
  if (at.host.startsWith("/")) query.set("host", at.host);
  const bracketed = at.host.includes(":") ? `[${at.host}]` : at.host;
  const place = at.host.startsWith("/") ? `localhost:${at.port}` : `${bracketed}:${at.port}`;
  return new Secret(`postgres://${login}@${place}/${database}?${query.toString().replaceAll("+", "%20")}`);
}

/** `host:port`, for messages. */
export function hostAndPort(url: Secret): string {
  const at = parseDatabaseUrl(url);
  return `${at.host}:${at.port}`;
}

/** TLS as libpq understands `sslmode`: `require` encrypts without checking the name, `verify-*` checks. */
export function tlsOptions(at: DatabaseAddress): false | { rejectUnauthorized: boolean; ca?: string } {
  if (at.host.startsWith("/") || ["disable", "allow", "prefer"].includes(at.sslMode)) return false;
  const ca = at.sslRootCert === undefined ? {} : { ca: readFileSync(at.sslRootCert, "utf8") };
  return { rejectUnauthorized: at.sslMode.startsWith("verify"), ...ca };
}
