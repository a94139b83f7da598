import { readdirSync, readFileSync } from "node:fs";
import { openDecodePool } from "../../../src/archive/wal/decode-pool.ts";

// Lets a thread decode what is not there, and prints the niceness of this process's first thread and of its nicest one.
await using pool = openDecodePool(1);
await pool.run({ key: "x", name: "x", source: "/nowhere", expected: {} }).catch(() => undefined);
// proc(5): field 19, counted behind the name in parentheses, which may hold spaces
const nicenessOf = (thread: string): number => {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
};
const all = readdirSync("/proc/self/task").map(nicenessOf);
process.stdout.write(JSON.stringify([nicenessOf(String(process.pid)), Math.max(...all)]));
