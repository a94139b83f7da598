import { keepCompiledCode } from "../src/cli/compile-cache.ts";

keepCompiledCode();
// only now, so that what it loads is found compiled
const { main } = await import("../src/cli/program.ts");
await main(process.argv);
