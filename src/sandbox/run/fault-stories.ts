import { faultsSchema, modestFaults, rollFaults } from "../slack/faults.ts";
import type { SandboxWorld } from "./sandbox-world.ts";

/** What the sandbox knows while a story runs. */
export interface StoryStage {
  readonly world: SandboxWorld;
  /** Tells the person at the terminal what is being broken, or mended. */
  readonly say: (line: string) => void;
  /** Waits until the named step has begun in the present try; rejects at the deadline. */
  readonly stepStarted: (step: string) => Promise<void>;
  readonly phaseState: (phase: string) => Promise<string | undefined>;
  /** State of the newest window. */
  readonly windowState: () => Promise<string | undefined>;
  /** Lets a run that waits at {@link FaultStory.holdAt} go on. */
  readonly release: () => void;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** A fault that `--fault NAME` shows, and how Drawbridge comes back from it. */
export interface FaultStory {
  readonly name: string;
  readonly what: string;
  /** Dies once at this point of the runner: `ran:<step>` is after the effect and before it is recorded. */
  readonly workerFault?: string;
  /** The run waits at this point (`started:<step>` is before the effect) until the story lets it go on. */
  readonly holdAt?: string;
  readonly policy?: Readonly<Record<string, unknown>>;
  /** Windows that this fault makes fall back, each of which is asked for again. */
  readonly putBack?: "window-1" | "window-2";
  /** Starts beside the play and does its damage when the moment comes. */
  readonly act?: (stage: StoryStage) => Promise<void>;
  /** A veto: who reacts with ⛔ once this step has begun. */
  readonly veto?: { readonly step: string; readonly window: "window-1" | "window-2" };
}

export const faultStories: readonly FaultStory[] = [
  {
    name: "worker-killed",
    what: "the worker dies in window 1, after the fence; it is started again and goes on",
    workerFault: "ran:await-replay",
  },
  {
    name: "worker-killed-cutover",
    what: "the worker dies in window 2, between disabling replication and the switch",
    workerFault: "ran:disable-forward",
  },
  {
    name: "worker-killed-repoint",
    what: "the worker dies right after DATABASE_URL was changed, past the point of no return",
    workerFault: "ran:repoint-to-bridge",
  },
  {
    name: "lag-never-settles",
    what: "the archive shows new WAL late, so the bridge never catches up; later it does",
    policy: { followDeadlineSeconds: 20, settleLagSeconds: 3 },
    act: async (stage) => {
      await stage.stepStarted("settle-lag");
      stage.say("fault: the archive hides WAL segments for 20 s each");
      stage.world.s3.setFault("hideNewWal", { forMs: 20_000 });
      while ((await stage.phaseState("follow")) !== "paused") await pause(stage.signal);
      stage.say("the phase has paused itself; the archive is quick again, Greg types /migrate retry");
      stage.world.s3.setFault("hideNewWal", undefined);
    },
  },
  {
    name: "veto",
    what: "an approver reacts with ⛔ while window 1 is open; it is put back and asked for again",
    putBack: "window-1",
    veto: { step: "stop-writers", window: "window-1" },
  },
  {
    name: "failed-promotion",
    what: "the bridge's agent hangs when it should promote; window 1 is put back and the bridge restored again",
    putBack: "window-1",
    holdAt: "started:promote-bridge",
    policy: { windowDeadlineSeconds: 30 },
    act: async (stage) => {
      await stage.stepStarted("promote-bridge");
      const agent = stage.world.roles().find(({ role }) => role === "agent");
      const pid = agent?.pid();
      if (pid === undefined) throw new Error("there is no agent to stop");
      stage.say("fault: the agent on the bridge is stopped (SIGSTOP) before it promotes");
      process.kill(pid, "SIGSTOP");
      stage.release();
      while ((await stage.windowState()) === "open") await pause(stage.signal);
      stage.say("window 1 was put back at its deadline; the agent goes on (SIGCONT) and restores the bridge again");
      process.kill(pid, "SIGCONT");
    },
  },
  {
    name: "release-fails",
    what: "the app's release phase fails with the new DATABASE_URL, past the point of no return; it is released again",
    act: async (stage) => {
      await stage.stepStarted("point-of-no-return");
      stage.say("fault: the next four release commands fail, that of the detached attachment included");
      stage.world.heroku.setFault("release-phase-fails", { times: 4 });
    },
  },
  {
    name: "redis-flushed",
    what: "FLUSHALL on Redis while rows are copied: the journal is the truth, the doorbell rings again",
    act: async (stage) => {
      await stage.stepStarted("copy-tables");
      stage.say("fault: FLUSHALL");
      await flushRedis(stage.world.redis.url);
    },
  },
  {
    name: "slack",
    what: "Slack loses, repeats, delays and reorders events, answers 429 and 5xx, loses answers, deletes messages",
    act: (stage) => {
      const faults = { ...modestFaults, seed: stage.seed };
      stage.say(`fault: Slack with ${JSON.stringify(faults)}, all the way`);
      stage.world.slack.workspace.faults = rollFaults(faultsSchema.parse(faults));
      return Promise.resolve();
    },
  },
];

async function pause(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, 300));
}

async function flushRedis(url: string): Promise<void> {
  const { Redis } = await import("ioredis");
  const redis = new Redis(url);
  await redis.flushall();
  await redis.quit();
}
