import { keepCompiledCode } from "../../bin/compile-cache.mjs";

// Our resident WAL courier alone: `wal-driver.mjs ENDPOINT PREFIX DIR [PG_WAL]`, keys in the environment.
keepCompiledCode();
// only now, as in bin/main.mjs
const { carryWal } = await import("./carry-wal.ts");
const [endpoint = "", prefix = "", dir = "", walDir] = process.argv.slice(2);
await carryWal(endpoint, prefix, dir, walDir);
