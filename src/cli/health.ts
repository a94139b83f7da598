import { readFile } from "node:fs/promises";
import { DrawbridgeError } from "../errors.ts";
import { environment } from "./environment.ts";
import { beatEveryMs, heartbeatFile } from "./heartbeat.ts";

/** A heartbeat older than this is none, in milliseconds. */
const staleMs = 6 * beatEveryMs;

const requestMs = 5_000;

/** Options of `drawbridge health`. */
export interface HealthOptions {
  /** The bot's port; absent: `DRAWBRIDGE_PORT`, else 3000. */
  readonly port?: string;
}

/**
 * `drawbridge health [bot|worker]`: whether the role that runs on this host does its work. Without a role: the worker if it
 * has left a heartbeat, else the bot. Prints one line. @throws DrawbridgeError `DB_CONNECTION` when it does not.
 */
export async function printHealth(role: string | undefined, options: HealthOptions): Promise<void> {
  const env = environment();
  const words = await checkHealth(role, {
    port: Number(options.port ?? env["DRAWBRIDGE_PORT"] ?? 3000),
    file: heartbeatFile(env),
    nowMs: Date.now(),
  });
  process.stdout.write(`${words}\n`);
}

/** Where to look. */
export interface HealthPlace {
  readonly port: number;
  readonly file: string;
  readonly nowMs: number;
}

/** @throws DrawbridgeError `DB_CONNECTION` that says what is wrong, `DB_BAD_INPUT` for another role. */
export async function checkHealth(role: string | undefined, place: HealthPlace): Promise<string> {
  if (role !== undefined && role !== "bot" && role !== "worker") {
    throw new DrawbridgeError("DB_BAD_INPUT", `health of ${role}: bot or worker`);
  }
  const beat = role === "bot" ? undefined : await lastBeat(place.file);
  if (role === "worker" || beat !== undefined) return workerHealth(beat, place.nowMs);
  return botHealth(place.port);
}

async function lastBeat(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : atMs;
}

function workerHealth(beatMs: number | undefined, nowMs: number): string {
  if (beatMs === undefined) throw new DrawbridgeError("DB_CONNECTION", "the worker has left no heartbeat");
  const ageSeconds = Math.round((nowMs - beatMs) / 1000);
  if (nowMs - beatMs <= staleMs) return `worker is well: heartbeat ${ageSeconds} s ago`;
  throw new DrawbridgeError("DB_CONNECTION", `the worker's last heartbeat is ${ageSeconds} s old`);
}

async function botHealth(port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}/health`;
  let status: number;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(requestMs) });
    await answer.body?.cancel();
    status = answer.status;
  } catch (cause) {
    throw new DrawbridgeError("DB_CONNECTION", `the bot does not answer on port ${port}`, { cause });
  }
  if (status === 200) return "bot is well";
  throw new DrawbridgeError("DB_CONNECTION", `the bot says that it is not well (${status})`);
}
