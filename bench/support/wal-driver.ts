import { keepCompiledCode } from "../../src/cli/compile-cache.ts";

/** Our resident WAL courier alone: `wal-driver.ts ENDPOINT PREFIX DIR [PG_WAL]`, keys in the environment. */
keepCompiledCode();
// only now, as in bin/drawbridge.ts
const { carryWal } = await import("./carry-wal.ts");
const [endpoint = "", prefix = "", dir = "", walDir] = process.argv.slice(2);
await carryWal(endpoint, prefix, dir, walDir);
