#!/usr/bin/env node
// Starts bin/main.mjs on the pinned Node, whichever Node this is.
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runToEnd } from "./prepare/run.mjs";

// npm links node_modules/.bin/drawbridge to this file; the checkout is where the link leads.
const root = dirname(dirname(realpathSync(fileURLToPath(import.meta.url))));
const node = join(root, "node_modules/node/bin/node");
if (existsSync(node)) {
  process.exitCode = await runToEnd(node, [join(root, "bin/main.mjs"), ...process.argv.slice(2)]);
} else {
  process.stderr.write(`Node 24 is not installed in this checkout. Run:\n  node ${join(root, "bin/prepare.mjs")}\n`);
  process.exitCode = 1;
}
