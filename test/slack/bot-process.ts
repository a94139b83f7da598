import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../src/clock.ts";
import { Secret } from "../../src/redact.ts";
import { configText } from "../../src/sandbox/run/config-file.ts";
import { freePort } from "../../src/sandbox/run/redis-server.ts";
import { type RoleProcess, startRole } from "../../src/sandbox/run/role-process.ts";
import { type SlackOptions, type SlackStandIn, startSlack } from "../../src/sandbox/slack/server.ts";
import type { TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";
import { startRedis } from "../support/redis.ts";

/** The bot as a process of its own, started again when it dies, with journal, Redis and Slack's stand-in. */
export interface BotProcess extends AsyncDisposable {
  readonly slack: SlackStandIn;
  readonly journal: TestJournal;
  readonly url: string;
  readonly signingSecret: Secret;
  pid(): number;
  /** Resident memory, in bytes. */
  rss(): number;
  /** Ends it as a crash does, and waits until the next one answers. */
  kill(): Promise<void>;
  log(): string;
  act(name: string, body: object): Promise<Readonly<Record<string, unknown>>>;
}

/** Starts everything; `await using` stops it. */
export async function startBotProcess(cluster: TestCluster, how: Partial<SlackOptions> = {}): Promise<BotProcess> {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-bot-"));
  const journal = await makeJournal(cluster);
  const redis = await startRedis();
  const signingSecret = new Secret("signing-secret-of-the-bot-process");
  const botToken = new Secret("xoxb-bot-process");
  const slack = await startSlack({ signingSecret, botToken, ...how });
  const elsewhere = { herokuUrl: slack.url, appUrl: slack.url, awsUrl: slack.url, s3Url: slack.url, addon: "addon" };
  const config = join(folder, "drawbridge.yaml");
  writeFileSync(config, configText({ ...elsewhere, slackApiUrl: slack.apiUrl, slackMode: "http" }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const bot = startRole({
    role: "bot",
    args: ["bot", "--config", config, "--port", String(port), "--host", "127.0.0.1"],
    env: {
      DRAWBRIDGE_JOURNAL_URL: journal.urls.bot.reveal(),
      DRAWBRIDGE_REDIS_URL: redis.url,
      SLACK_SIGNING_SECRET: signingSecret.reveal(),
      SLACK_BOT_TOKEN: botToken.reveal(),
    },
    logs: folder,
  });
  const isUp = (): Promise<boolean> =>
    fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  const up = { what: "the bot process to answer", deadlineMs: 60_000, everyMs: 100 };
  await waitFor(isUp, up);
  await slack.setRequestUrls({
    events: `${url}/slack/events`,
    commands: `${url}/slack/events`,
    interactivity: `${url}/slack/events`,
  });
  const pid = (): number => bot.pid() ?? 0;
  return {
    slack,
    journal,
    url,
    signingSecret,
    pid,
    rss: () => residentBytes(pid()),
    kill: async () => {
      await killHard(bot);
      await waitFor(isUp, up);
    },
    log: () => readFileSync(join(folder, "bot.log"), "utf8"),
    act: async (name, body) => {
      const response = await fetch(`${slack.control}/${name}`, { method: "POST", body: JSON.stringify(body) });
      const answer: Record<string, unknown> = JSON.parse(await response.text());
      if (!response.ok) throw new Error(`${name}: ${JSON.stringify(answer)}`);
      return answer;
    },
    [Symbol.asyncDispose]: async () => {
      await bot.stop();
      await slack.stop();
      await redis[Symbol.asyncDispose]();
      await journal[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function killHard(bot: RoleProcess): Promise<void> {
  const pid = bot.pid();
  if (pid === undefined) return;
  const ended = bot.exited();
  process.kill(pid, "SIGKILL");
  await ended;
}

function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}
