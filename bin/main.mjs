// The program: every subcommand, on the pinned Node. People start it by bin/drawbridge.mjs.
import { setFlagsFromString } from "node:v8";
import { keepCompiledCode } from "./compile-cache.mjs";

// What moves an archive keeps V8's young generation at its first size: it grew to a fifth of what a restore held, the more the longer
// it took, and made nothing faster. Before all else, since V8 takes compiled code only if it was compiled under the same flags.
if (["agent", "archive"].includes(process.argv[2] ?? "")) setFlagsFromString("--semi-space-growth-factor=1");
keepCompiledCode();
// only now, so that what it loads is found compiled
const { main } = await import("../src/cli/program.ts");
await main(process.argv);
