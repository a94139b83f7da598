import { systemClock } from "../clock.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { readSecrets } from "../config/secrets.ts";
import { DrawbridgeError } from "../errors.ts";
import { openJournal } from "../journal/open.ts";
import { demandSchema } from "../journal/schema-version.ts";
import { openLog } from "../log.ts";
import { openDoorbell } from "../queue/doorbell.ts";
import { startBot } from "../slack/bot.ts";
import { environment, stopSignal } from "./environment.ts";

/** `drawbridge bot`: receives Slack's requests and sends what the journal wants to exist, until told to stop. */
export async function runBot(options: {
  readonly config: string;
  readonly port: string;
  readonly host: string;
}): Promise<void> {
  const config = loadConfig(options.config);
  const { journalUrl, redisUrl, slack } = botSecrets(config.slack.mode);
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new DrawbridgeError("DB_BAD_INPUT", `--port ${options.port}: a number from 0 to 65535`);
  }
  const log = openLog("bot");
  const stop = stopSignal();
  await using journal = openJournal(journalUrl, "bot", log);
  await demandSchema(journal.db);
  await using doorbell = openDoorbell({ redisUrl, log });
  const bot = await startBot({
    config,
    secrets: slack,
    journal,
    doorbell,
    log,
    clock: systemClock,
    host: options.host,
    port,
  });
  log.info({ port: bot.port }, "bot is up");
  await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
  await bot.stop();
}

/** What the bot needs, by the way in which Slack reaches it; the other way's secret is not asked for. */
function botSecrets(mode: Config["slack"]["mode"]) {
  const env = environment();
  if (mode === "socket") {
    const found = readSecrets("socket-bot", env);
    const slack = { appToken: found.SLACK_APP_TOKEN, botToken: found.SLACK_BOT_TOKEN };
    return { journalUrl: found.DRAWBRIDGE_JOURNAL_URL, redisUrl: found.DRAWBRIDGE_REDIS_URL, slack };
  }
  const found = readSecrets("bot", env);
  const slack = { signingSecret: found.SLACK_SIGNING_SECRET, botToken: found.SLACK_BOT_TOKEN };
  return { journalUrl: found.DRAWBRIDGE_JOURNAL_URL, redisUrl: found.DRAWBRIDGE_REDIS_URL, slack };
}
