import { execFileSync } from "node:child_process";
import { openHeroku, type Heroku } from "../../../src/heroku/heroku.ts";
import { silentLog } from "../../../src/log.ts";
import { Secret } from "../../../src/redact.ts";
import { type HerokuSettings, type RunningHeroku, startHeroku } from "../../../src/sandbox/heroku/start-heroku.ts";

export const token = "HRKU-0123456789abcdef";
export const addonUrl = "postgres://owner:hunter2@127.0.0.1:5999/shop";

/** A stand-in with the app `shop`, its database and a second app that shares it; and our client for it. */
export interface TestWorld extends AsyncDisposable {
  readonly stand: RunningHeroku;
  readonly heroku: Heroku;
}

export const plainApp = {
  name: "shop",
  processes: { web: { command: "sleep 600", quantity: 0 }, worker: { command: "sleep 600", quantity: 0 } },
  config: { LANG: "C" },
} as const;

export async function startWorld(changes: Partial<HerokuSettings> = {}): Promise<TestWorld> {
  const stand = await startHeroku({
    apps: [plainApp, { name: "reports", processes: {} }],
    addons: [
      {
        name: "postgresql-curved-1",
        plan: "heroku-postgresql:standard-0",
        app: "shop",
        url: addonUrl,
        attachments: [{ app: "shop", name: "DATABASE" }],
      },
    ],
    tokens: [token],
    dynos: { graceMs: 500, crashBackoffMs: 100, prebootMs: 300 },
    log: silentLog,
    ...changes,
  });
  return { stand, heroku: clientOf(stand), [Symbol.asyncDispose]: () => stand.stop() };
}

export const clientOf = (stand: RunningHeroku, requestTimeoutMs = 5_000): Heroku =>
  openHeroku({ apiUrl: stand.url, token: new Secret(token), log: silentLog, requestTimeoutMs });

/** Whether a process still runs (a zombie does not). */
export function runs(pid: number): boolean {
  try {
    return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)])
      .toString()
      .startsWith("Z");
  } catch {
    return false;
  }
}
