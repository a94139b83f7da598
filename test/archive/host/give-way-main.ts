import { readFileSync } from "node:fs";
import { giveWay } from "../../../src/archive/host/give-way.ts";

// Gives way, and prints what the system says of this process's session.
await giveWay();
process.stdout.write(readFileSync("/proc/self/autogroup", "utf8"));
