import { systemClock } from "../clock.ts";
import { loadConfig } from "../config/load.ts";
import { readNamedSecrets } from "../config/secrets.ts";
import { openHeroku } from "../heroku/heroku.ts";
import { openLog } from "../log.ts";
import { checkWorld } from "../migration/preflight/check-world.ts";
import { openArchive } from "./build-world.ts";
import { findClientBindir } from "./client-bindir.ts";
import { environment } from "./environment.ts";

const signs = { blocker: "✕", warning: "▲", note: "·" } as const;

/** `drawbridge check`: preflight without Slack, journal and Redis. Exit status 1 when something blocks. */
export async function runCheck(options: { readonly config: string; readonly json?: boolean }): Promise<void> {
  const config = loadConfig(options.config);
  const { HEROKU_API_TOKEN } = readNamedSecrets("check", ["HEROKU_API_TOKEN"], environment());
  const log = openLog("check", "warn");
  const heroku = openHeroku({ apiUrl: config.heroku.apiUrl ?? "https://api.heroku.com", token: HEROKU_API_TOKEN, log });
  const result = await checkWorld({
    config,
    heroku,
    openArchive: () => openArchive(config, heroku, log),
    clientBindir: findClientBindir(),
    clock: systemClock,
    log,
  });
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  } else {
    for (const { severity, check, message, fix } of result.findings) {
      process.stdout.write(`${signs[severity]} ${severity} ${check}: ${message}\n    fix: ${fix}\n`);
    }
    process.stdout.write(`${result.passed.length} checks passed, ${result.findings.length} findings\n`);
  }
  if (result.findings.some(({ severity }) => severity === "blocker")) process.exitCode = 1;
}
