// Programs of the system: PostgreSQL's server and client programs, redis-server, lzop.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { installCommand, installPackages } from "./install.mjs";
import { executable, onPath, pathParts } from "./path.mjs";
import { Unprepared } from "./unprepared.mjs";

const serverPrograms = ["postgres", "initdb", "pg_ctl"];
const clientPrograms = ["pg_dump", "pg_restore", "psql"];
const versions = { from: 14, to: 18 };

/**
 * Finds the programs and installs what is missing. Returns the two directories of PostgreSQL's programs.
 * @param {NodeJS.ProcessEnv} env
 */
export function makeProgramsReady(env, say) {
  let found = findPrograms(env);
  const missing = missingOf(found);
  if (missing.length > 0) {
    say(`missing: ${missing.map(({ what }) => what).join(", ")}`);
    installPackages(missing, env, say);
    found = findPrograms(env);
    const still = missingOf(found);
    if (still.length > 0) {
      const names = still.map(({ what }) => what).join(", ");
      throw new Unprepared(`still missing after installation: ${names}. Try:\n  ${installCommand(still, env)}`);
    }
  }
  const how = (part) => (missing.some((one) => one.part === part) ? "installed" : "found");
  say(`PostgreSQL ${found.server.version} for source and bridge: ${how("server")} in ${found.server.bindir}`);
  say(`pg_dump ${found.client.version}, pg_restore, psql: ${how("client")} in ${found.client.bindir}`);
  refuseOldClient(found);
  say(`redis-server: ${how("redis")} at ${found.redis}`);
  say(`lzop: ${how("lzop")} at ${found.lzop}`);
  return { serverBindir: found.server.bindir, clientBindir: found.client.bindir };
}

/** pg_dump refuses servers that are newer than itself. */
export function refuseOldClient({ server, client }) {
  if (Number.parseInt(client.version, 10) >= Number.parseInt(server.version, 10)) return;
  throw new Unprepared(
    `pg_dump ${client.version} in ${client.bindir} is older than the server ${server.version} in ${server.bindir}: ` +
      `install postgresql-client-${Number.parseInt(server.version, 10)}, or set DRAWBRIDGE_PG_CLIENT_BINDIR`,
  );
}

function findPrograms(env) {
  const server = findServer(env);
  const client = findClient(env, server);
  return { server, client, redis: onPath("redis-server", env), lzop: onPath("lzop", env) };
}

function missingOf({ server, client, redis, lzop }) {
  const missing = [];
  if (server === undefined) missing.push({ part: "server", what: "PostgreSQL server (14 to 18)" });
  if (client === undefined) missing.push({ part: "client", what: "pg_dump, pg_restore, psql" });
  if (redis === undefined) missing.push({ part: "redis", what: "redis-server" });
  if (lzop === undefined) missing.push({ part: "lzop", what: "lzop" });
  return missing;
}

function findServer(env) {
  const given = env.DRAWBRIDGE_PG_BINDIR;
  if (given) return demand(given, serverPrograms, "DRAWBRIDGE_PG_BINDIR");
  return firstGood([...pgConfig(env), ...usualDirectories()], serverPrograms);
}

function findClient(env, server) {
  const given = env.DRAWBRIDGE_PG_CLIENT_BINDIR;
  if (given) return demand(given, clientPrograms, "DRAWBRIDGE_PG_CLIENT_BINDIR");
  const beside = server === undefined ? [] : [server.bindir];
  const newest = usualDirectories("newest");
  return firstGood([...beside, ...pgConfig(env), ...newest, ...pathParts(env)], clientPrograms);
}

/** A directory that a person named is taken or refused, never passed over. */
function demand(bindir, programs, variable) {
  const missing = programs.filter((program) => !executable(join(bindir, program)));
  if (missing.length > 0) throw new Unprepared(`${variable}=${bindir} has no ${missing.join(", ")}`);
  const version = programVersion(join(bindir, programs[0]));
  if (!supported(version)) {
    throw new Unprepared(
      `${variable}=${bindir} holds version ${version}; ${versions.from} to ${versions.to} are supported`,
    );
  }
  return { bindir, version };
}

function firstGood(directories, programs) {
  for (const bindir of directories) {
    if (!programs.every((program) => executable(join(bindir, program)))) continue;
    const version = programVersion(join(bindir, programs[0]));
    if (supported(version)) return { bindir, version };
  }
  return undefined;
}

const supported = (version) => {
  const major = Number.parseInt(version ?? "", 10);
  return major >= versions.from && major <= versions.to;
};

function programVersion(program) {
  const done = spawnSync(program, ["--version"], { encoding: "utf8", cwd: "/" });
  return /\d+(\.\d+)*/.exec(done.stdout ?? "")?.[0];
}

function pgConfig(env) {
  const program = onPath("pg_config", env);
  if (program === undefined) return [];
  const done = spawnSync(program, ["--bindir"], { encoding: "utf8", cwd: "/", env });
  return done.status === 0 ? [done.stdout.trim()] : [];
}

/**
 * Where Debian, Red Hat, Homebrew and PostgreSQL itself put it, newest first. For the server 18 comes last: a source that
 * is newer than the target's 17 is not what one migrates.
 */
function usualDirectories(order = "newest up to the target's") {
  const majors = [18, 17, 16, 15, 14].filter((major) => order === "newest" || major <= 17);
  if (order !== "newest") majors.push(18);
  const named = majors.flatMap((major) => [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    `/usr/local/opt/postgresql@${major}/bin`,
  ]);
  return [...named, "/usr/local/pgsql/bin"].filter(
    (directory) => existsSync(directory) && readdirSync(directory).length > 0,
  );
}
