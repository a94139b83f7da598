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
 * `drawbridge health [role]`: whether bot, worker, or with `serve` both, do their work on this host. Prints one line.
 * @throws DrawbridgeError `DB_CONNECTION` when they do not.
 */
export async function printHealth(role: string, options: HealthOptions): Promise<void> {
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
  readonly file: string | undefined;
  readonly nowMs: number;
}

/** @throws DrawbridgeError `DB_CONNECTION` that says what is wrong, `DB_BAD_INPUT` for another role. */
export async function checkHealth(role: string, place: HealthPlace): Promise<string> {
  if (role === "bot") return botHealth(place.port);
  if (role === "worker") return workerHealth(place);
  if (role === "serve") return `${await botHealth(place.port)}; ${await workerHealth(place)}`;
  throw new DrawbridgeError("DB_BAD_INPUT", `health of ${role}: bot, worker or serve`);
}

async function workerHealth({ file, nowMs }: HealthPlace): Promise<string> {
  const beatMs = file === undefined ? undefined : await lastBeat(file);
  if (beatMs === undefined) {
    const where = file === undefined ? "; DRAWBRIDGE_HEARTBEAT_FILE names no file" : "";
    throw new DrawbridgeError("DB_CONNECTION", `the worker has left no heartbeat${where}`);
  }
  const ageSeconds = Math.round((nowMs - beatMs) / 1000);
  if (nowMs - beatMs <= staleMs) return `worker is well: heartbeat ${ageSeconds} s ago`;
  throw new DrawbridgeError("DB_CONNECTION", `the worker's last heartbeat is ${ageSeconds} s old`);
}

async function lastBeat(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : atMs;
}

async function botHealth(port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}/health`;
  let status: number;
  let body: string;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(requestMs) });
    body = await answer.text();
    status = answer.status;
  } catch (cause) {
    throw new DrawbridgeError("DB_CONNECTION", `the bot does not answer on port ${port}`, { cause });
  }
  if (status === 200) return `bot is well${troublesIn(body)}`;
  throw new DrawbridgeError("DB_CONNECTION", `the bot says that it is not well (${status})`);
}

/** What people have to mend in Slack, as the bot says it: messages wait for it. */
function troublesIn(body: string): string {
  try {
    const { troubles }: { troubles?: readonly { place: string; error: string; since: string }[] } = JSON.parse(body);
    return (troubles ?? [])
      .map(({ place, error, since }) => `, but ${place} takes no messages (${error} since ${since})`)
      .join("");
  } catch {
    return "";
  }
}
