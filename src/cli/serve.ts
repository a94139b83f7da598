import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../config/load.ts";
import { readSecrets, type SecretRole, secretNames } from "../config/secrets.ts";
import { openLog } from "../log.ts";
import { environment, stopSignal } from "./environment.ts";

const program = fileURLToPath(new URL("../../bin/main.mjs", import.meta.url));
const roles = ["bot", "worker"] as const;
type Role = (typeof roles)[number];

/**
 * `drawbridge serve`: bot and worker as two child processes, each started again when it ends. Each gets only its own
 * secrets: variables are given to it as `BOT_…` or `WORKER_…` where they differ, for instance the journal's URL.
 */
export async function serve(options: { readonly config: string }): Promise<void> {
  const { slack } = loadConfig(options.config);
  const log = openLog("serve");
  const secretsOf = { bot: slack.mode === "socket" ? "socket-bot" : "bot", worker: "worker" } as const;
  const environments = Object.fromEntries(roles.map((role) => [role, environmentOf(role, secretsOf[role])]));
  for (const role of roles) readSecrets(secretsOf[role], environments[role] ?? {});
  const stop = stopSignal();
  const supervise = async (role: Role): Promise<void> => {
    for (let pauseMs = 500; !stop.aborted; pauseMs = Math.min(pauseMs * 2, 15_000)) {
      const startedMs = Date.now();
      const child = spawn(process.execPath, [program, role, "--config", options.config], {
        env: environments[role],
        stdio: ["ignore", "inherit", "inherit"],
      });
      const status = await ended(child, stop);
      if (stop.aborted) return;
      log.error({ role, status }, "ended; starting it again");
      if (Date.now() - startedMs > 60_000) pauseMs = 500;
      await delay(pauseMs);
    }
  };
  await Promise.all(roles.map(supervise));
}

async function ended(child: ChildProcess, stop: AbortSignal): Promise<string> {
  const end = () => child.kill("SIGTERM");
  stop.addEventListener("abort", end, { once: true });
  const status = await new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? String(code)));
    child.once("error", (error) => resolve(error.message));
  });
  stop.removeEventListener("abort", end);
  return status;
}

/** What one role may see of our environment: nothing of the other role's secrets. `WORKER_NAME` reaches the worker as `NAME`. */
function environmentOf(role: Role, secretsOf: SecretRole): Record<string, string> {
  const all = environment();
  const secrets = new Set<string>(Object.values(secretNames).flat());
  const own = new Set<string>(secretNames[secretsOf]);
  const prefix = `${role.toUpperCase()}_`;
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(all)) {
    if (value === undefined || name.startsWith("BOT_") || name.startsWith("WORKER_")) continue;
    const base = name.replace(/_FILE$/, "");
    const hidden = (secrets.has(base) && !own.has(base)) || (role === "bot" && /^(AWS_|HEROKU_)/.test(name));
    if (!hidden) env[name] = value;
  }
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined && name.startsWith(prefix)) env[name.slice(prefix.length)] = value;
  }
  return env;
}
