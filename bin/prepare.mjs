#!/usr/bin/env node
// Makes sure of everything that Drawbridge needs on this machine, then starts what was asked for.
// Plain JavaScript without dependencies, for Node 20 and newer: it runs before anything is installed.
//
//   node bin/prepare.mjs                   only prepares
//   node bin/prepare.mjs sandbox [...]     plays a whole migration
//   node bin/prepare.mjs test [...]        type check, then every test but the nightly ones; arguments go to vitest
//   node bin/prepare.mjs test:nightly [...]
import { delimiter, dirname, join, resolve } from "node:path";
import { makePackagesReady } from "./prepare/packages.mjs";
import { makeProgramsReady } from "./prepare/programs.mjs";
import { runToEnd } from "./prepare/run.mjs";
import { runTests } from "./prepare/tests.mjs";
import { Unprepared } from "./prepare/unprepared.mjs";

const root = resolve(import.meta.dirname ?? dirname(new URL(import.meta.url).pathname), "..");
const usage = "usage: node bin/prepare.mjs [sandbox | test | test:nightly] [arguments]";

/** One line about something found or installed. Standard error, so that the output of what runs next stays its own. */
const say = (line) => process.stderr.write(`${line}\n`);

async function main([task, ...args]) {
  if (!["sandbox", "test", "test:nightly", undefined].includes(task)) throw new Unprepared(usage);
  if (Number(process.versions.node.split(".")[0]) < 20) {
    throw new Unprepared(`Node ${process.versions.node} is too old to begin with: install Node 20 or newer`);
  }
  const node = makePackagesReady(root, say);
  const found = makeProgramsReady(process.env, say);
  const env = {
    ...process.env,
    DRAWBRIDGE_PG_BINDIR: found.serverBindir,
    DRAWBRIDGE_PG_CLIENT_BINDIR: found.clientBindir,
    PATH: [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter),
  };
  if (task === "sandbox") {
    return runToEnd(node, [join(root, "bin/main.mjs"), "sandbox", ...args], { env });
  }
  if (task === "test" || task === "test:nightly") return runTests({ root, node, env, args, nightly: task !== "test" });
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Unprepared)) throw error;
  say(error.message);
  process.exitCode = 1;
}
