import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { waitFor } from "../../clock.ts";

/** A Redis of the sandbox's own: loopback, no persistence, `noeviction` as BullMQ demands; started again when it dies. */
export interface SandboxRedis {
  readonly url: string;
  pid(): number | undefined;
  stop(): Promise<void>;
}

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (typeof address !== "object" || address === null) throw new Error("no free port");
  return address.port;
}

/** Starts redis-server and waits until it accepts connections. */
export async function startRedis(directory: string): Promise<SandboxRedis> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  let ended = Promise.resolve();
  let stopping = false;
  const start = (): void => {
    const settings = {
      port,
      bind: "127.0.0.1",
      dir: directory,
      save: "",
      appendonly: "no",
      "maxmemory-policy": "noeviction",
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const now = spawn("redis-server", args, { stdio: "ignore" });
    child = now;
    ended = new Promise((resolve) => {
      now.once("exit", () => resolve());
      now.once("error", () => resolve());
    });
    void ended.then(async () => {
      child = undefined;
      await delay(300);
      if (!stopping) start();
    });
  };
  start();
  await waitFor(() => accepts(port), { deadlineMs: 10_000, everyMs: 30, what: "redis-server to accept connections" });
  return {
    url: `redis://127.0.0.1:${port}/0`,
    pid: () => child?.pid,
    stop: async () => {
      stopping = true;
      child?.kill("SIGTERM");
      await ended;
    },
  };
}

async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
