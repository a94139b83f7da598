import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { Client } from "pg";
import { seededChance } from "../../src/sandbox/s3/faults.ts";
import { lives, poll, type RunningSandbox, type SandboxInfo } from "../support/sandbox.ts";

/** One act of destruction: so long after a step has first begun. */
export interface Mischief {
  readonly step: string;
  readonly afterMs: number;
  readonly victim: "worker" | "bot" | "agent" | "redis";
}

const window1 = [
  "announce",
  "turn-maintenance-on",
  "stop-writers",
  "fence-source",
  "mark-source",
  "await-replay",
  "promote-bridge",
  "check-bridge",
  "point-of-no-return",
  "open-bridge",
  "repoint-to-bridge",
  "restore-writers",
  "take-first-backup",
];
const window2 = [
  "stop-writers",
  "fence-bridge",
  "mark-bridge",
  "await-marker",
  "disable-forward",
  "set-sequences",
  "verify-rows",
  "prepare-reverse",
  "point-of-no-return",
  "repoint-to-target",
  "prove-writes",
  "enable-reverse",
  "turn-maintenance-off",
];
const before = ["run-checks", "launch-bridge", "create-target", "await-target", "create-roles", "load-trial-schema"];
const between = ["load-schema", "create-subscription", "copy-tables", "catch-up", "prepare-way-back", "watch-soak"];
const onBridge = ["restore-standby", "check-standby", "settle-lag"];

/** Kills worker, bot and agent several times each, in both windows too, and empties Redis once; repeats with its seed. */
export function planMischief(seed: number): readonly Mischief[] {
  const chance = seededChance(seed);
  const one = (victim: Mischief["victim"], steps: readonly string[]): Mischief => ({
    victim,
    step: steps[Math.floor(chance() * steps.length)] ?? "",
    afterMs: Math.round(chance() * 700),
  });
  return [
    one("worker", before),
    one("worker", window1),
    one("worker", between),
    one("worker", window2),
    one("bot", [...before, ...onBridge]),
    one("bot", window1),
    one("bot", window2),
    one("agent", onBridge),
    one("agent", window1),
    one("agent", between),
    one("redis", [...onBridge, ...window1, ...between, ...window2]),
  ];
}

/** Does what was planned when its moment comes. @returns the acts that have happened, once the run is over. */
export async function makeMischief(
  sandbox: RunningSandbox,
  info: SandboxInfo,
  plan: readonly Mischief[],
): Promise<readonly Mischief[]> {
  const done: Mischief[] = [];
  const acting: Promise<unknown>[] = [];
  const open = new Set(plan);
  let over = false;
  void sandbox.ended.then(() => (over = true));
  const client = new Client({ connectionString: info.journal.url });
  // the journal ends with the run
  client.on("error", () => undefined);
  await client.connect();
  while (!over && open.size > 0) {
    const begun = await client
      .query<{ step: string }>("select distinct step from journal.step_attempt")
      .then(({ rows }) => new Set(rows.map(({ step }) => step)))
      .catch(() => new Set<string>());
    for (const mischief of [...open].filter(({ step }) => begun.has(step))) {
      open.delete(mischief);
      acting.push(delay(mischief.afterMs).then(() => act(sandbox, mischief).then(() => done.push(mischief))));
    }
    await delay(40);
  }
  await sandbox.ended;
  await Promise.allSettled(acting);
  await client.end().catch(() => undefined);
  return done;
}

async function act(sandbox: RunningSandbox, { victim }: Mischief): Promise<void> {
  if (victim === "redis") {
    const redis = new Redis(sandbox.info()?.redis.url ?? "");
    await redis.flushall();
    redis.disconnect();
    return;
  }
  // one that was killed a moment ago is being started again
  const pid = await poll(`a living ${victim}`, 10_000, () =>
    sandbox.info()?.processes.find((each) => each.role === victim && lives(each.pid)),
  );
  process.kill(pid.pid, "SIGKILL");
}
