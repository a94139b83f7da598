import { systemClock } from "../../src/clock.ts";
import { openJournal } from "../../src/journal/open.ts";
import { isPhase } from "../../src/journal/phase.ts";
import { silentLog } from "../../src/log.ts";
import { advance } from "../../src/migration/run-phase.ts";
import { startSweep } from "../../src/migration/sweep.ts";
import { openDoorbell } from "../../src/queue/doorbell.ts";
import { openWorker } from "../../src/queue/worker.ts";
import { Secret } from "../../src/redact.ts";
import { heldStep, scratchWorld, step } from "./runner-kit.ts";

/**
 * A worker as a process of its own, for tests that kill it: rings, runs, and at the named fault dies by SIGKILL.
 * Its instructions come as JSON in the environment.
 */
interface Orders {
  readonly journalUrl: string;
  readonly redisUrl: string;
  readonly scratchUrl: string;
  readonly dieAt?: string;
}

const orders: Orders = JSON.parse(process.env["CHILD_ORDERS"] ?? "{}");
const log = silentLog;
const redisUrl = new Secret(orders.redisUrl);
const journal = openJournal(new Secret(orders.journalUrl), "worker");
const world = scratchWorld(journal, new Secret(orders.scratchUrl), async (name) => {
  if (name === orders.dieAt) process.kill(process.pid, "SIGKILL");
});
const steps = [
  step("gated", { gate: "maintenance" }),
  heldStep("fence"),
  step("marker"),
  step("no-return", { noReturn: true, undo: "irreversible" }),
  step("after"),
];
const bell = openDoorbell({ redisUrl, log });
await openWorker({
  redisUrl,
  queue: "phases",
  concurrency: 2,
  log,
  handle: async ({ migrationId, phase }, shutdown) => {
    if (!isPhase(phase)) return;
    await advance(world, migrationId, phase, {
      plan: () => ({ phase, steps }),
      worker: `pid ${process.pid}`,
      shutdown,
    });
  },
});
startSweep({ journal, bell, clock: systemClock, log, everyMs: 200 });
