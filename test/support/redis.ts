import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { waitFor } from "../../src/clock.ts";
import { freePort } from "./free-port.ts";
import { watchOver } from "./watchdog.ts";

/** A throwaway Redis that keeps nothing on disk. `await using` stops and removes it. */
export interface TestRedis extends AsyncDisposable {
  readonly port: number;
  /** `redis://` URL on loopback. */
  readonly url: string;
  /** Stops it; what it held is lost. */
  stop(): Promise<void>;
}

/** Starts `redis-server` on a free port with the settings that BullMQ asks for (about 50 ms). */
export async function startRedis(): Promise<TestRedis> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOn(await freePort());
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

async function startOn(port: number): Promise<TestRedis> {
  const home = await mkdtemp("/tmp/drawbridge-redis-");
  const place = ["--bind", "127.0.0.1", "--port", String(port), "--dir", home];
  const memory = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"];
  const child = spawn("redis-server", [...place, ...memory], {
    cwd: home,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (log += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  child.on("error", (error) => (log += error.message));
  const watchdog = child.pid === undefined ? undefined : watchOver(child.pid, home);
  const gone = (): boolean => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  const stop = async (): Promise<void> => {
    if (!gone()) {
      const exit = once(child, "exit", { signal: AbortSignal.timeout(10_000) });
      child.kill("SIGKILL");
      await exit;
    }
    watchdog?.dismiss();
    await rm(home, { recursive: true, force: true });
  };
  const ready = async (): Promise<boolean> => {
    if (gone()) throw new Error(`redis-server did not start: ${log}`);
    return answers(port);
  };
  try {
    await waitFor(ready, { what: "redis-server", deadlineMs: 10_000, everyMs: 20 });
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, url: `redis://127.0.0.1:${port}`, stop, [Symbol.asyncDispose]: stop };
}

/** Whether something on the port answers PING as Redis does. */
async function answers(port: number): Promise<boolean> {
  const socket = createConnection(port, "127.0.0.1");
  try {
    socket.write("PING\r\n");
    const [reply] = await once(socket, "data", { signal: AbortSignal.timeout(1_000) });
    return String(reply).startsWith("+PONG");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
