import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { folderStore } from "../../archive/store/folder-store.ts";
import { waitFor } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { Secret } from "../../redact.ts";
import { type AwsServer, startAws } from "../aws/aws-server.ts";
import type { StartInstance } from "../aws/hosts.ts";
import { type RunningHeroku, startHeroku } from "../heroku/start-heroku.ts";
import { type Source, startSource } from "../postgres/source.ts";
import { type S3Server, startS3 } from "../s3/s3-server.ts";
import { type SlackStandIn, startSlack } from "../slack/server.ts";
import { configText, herokuApp, herokuBucket, ownBucket } from "./config-file.ts";
import { addonName, herokuSettings } from "./heroku-settings.ts";
import { type SandboxJournal, startJournal } from "./journal-server.ts";
import { freePort, type SandboxRedis, startRedis } from "./redis-server.ts";
import { plainEnv, type RoleProcess, startRole } from "./role-process.ts";
import type { RunDirectory } from "./run-directory.ts";
import { makeSecrets, type SandboxSecrets } from "./secrets.ts";

/** Everything of one sandbox. Disposing stops all of it, the latest first. */
export interface SandboxWorld extends AsyncDisposable {
  readonly directory: RunDirectory;
  readonly slack: SlackStandIn;
  readonly heroku: RunningHeroku;
  readonly aws: AwsServer;
  readonly s3: S3Server;
  readonly redis: SandboxRedis;
  readonly journal: SandboxJournal;
  readonly source: Source;
  readonly configFile: string;
  readonly ledgerFile: string;
  readonly botUrl: string;
  /** Starts bot and worker and names the bot's address to Slack. */
  startRoles(): Promise<void>;
  roles(): readonly RoleProcess[];
}

/** How the world is to be. */
export interface WorldSpec {
  readonly directory: RunDirectory;
  readonly sourceBindir: string;
  readonly clientBindir: string;
  readonly log: Log;
  /** Overrides of the configuration's policy. */
  readonly policy: Readonly<Record<string, unknown>>;
  /** How Slack reaches the bot. */
  readonly slackMode: "http" | "socket";
  /** Extra environment of the worker, for fault injection. */
  readonly workerEnv: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
  readonly onProcesses: () => void;
}

/** Starts the stand-ins and the servers, with an empty source. Each is stopped again when a later one fails to start. */
export async function openSandboxWorld(spec: WorldSpec): Promise<SandboxWorld> {
  const stack = new AsyncDisposableStack();
  try {
    return await build(spec, stack);
  } catch (thrown) {
    await stack.disposeAsync();
    throw thrown;
  }
}

async function build(spec: WorldSpec, stack: AsyncDisposableStack): Promise<SandboxWorld> {
  const { directory, log } = spec;
  const secrets = makeSecrets();
  const roles: RoleProcess[] = [];
  const buckets = [herokuBucket, ownBucket];
  const s3 = stack.use(await startS3({ root: join(directory.path, "s3"), buckets, credentials: secrets.ring, log }));
  const servers = await startServers(spec, stack);
  const profiles = { "drawbridge-bridge": [`${ownBucket}/drawbridge/`] };
  const starting = {
    root: join(directory.path, "aws"),
    credentials: secrets.ring,
    startInstance: agentStarter(spec, roles),
  };
  const aws = stack.use(await startAws({ ...starting, profiles, log }));
  const slack = stack.use(await startSlack({ ...slackSecrets(secrets), log }));
  const ledgerFile = join(directory.path, "ledger.jsonl");
  const addon = addonName();
  const heroku = stack.use(await startHeroku(herokuSettings(spec, servers.source, secrets, { ledgerFile, addon })));
  const configFile = join(directory.path, "drawbridge.yaml");
  const places = { herokuUrl: heroku.url, appUrl: heroku.routerUrl(herokuApp), awsUrl: aws.url, s3Url: s3.url };
  writeFileSync(
    configFile,
    configText({ ...places, slackApiUrl: slack.apiUrl, addon, slackMode: spec.slackMode }, spec.policy),
  );
  const botUrl = `http://127.0.0.1:${await freePort()}`;
  const owned = stack.move();
  const standIns = { slack, heroku, aws, s3 };
  const files = { directory, configFile, ledgerFile };
  return {
    ...standIns,
    ...servers,
    ...files,
    botUrl,
    startRoles: async () => {
      roles.push(...startBotAndWorker(spec, servers, secrets, { configFile, botUrl }));
      await (spec.slackMode === "socket" ? untilSockets(slack) : connectSlack(slack, botUrl));
    },
    roles: () => roles,
    [Symbol.asyncDispose]: async () => {
      // the agent belongs to its instance, which the EC2 stand-in switches off
      await Promise.all(roles.filter(({ role }) => role !== "agent").map((role) => role.stop()));
      await owned.disposeAsync();
    },
  };
}

function slackSecrets({ signing, bot, app }: SandboxSecrets) {
  return { signingSecret: new Secret(signing), botToken: new Secret(bot), appToken: new Secret(app) };
}

interface Servers {
  readonly redis: SandboxRedis;
  readonly journal: SandboxJournal;
  readonly source: Source;
}

async function startServers(spec: WorldSpec, stack: AsyncDisposableStack): Promise<Servers> {
  const { directory, log, sourceBindir } = spec;
  // each is owned as soon as it runs: one that fails to start must not leave the others behind
  const starting = [
    startRedis(directory.path).then((redis) => (stack.defer(() => redis.stop()), redis)),
    startJournal(sourceBindir, directory.path).then((journal) => (stack.use(journal.cluster), journal)),
    startSource({
      bindir: sourceBindir,
      directory: join(directory.path, "source"),
      archive: folderStore(join(directory.path, "s3", herokuBucket, "archive")),
      partitionBytes: 32 * 1024 * 1024,
      log,
    }).then((source) => stack.use(source)),
  ] as const;
  await Promise.allSettled(starting);
  const [redis, journal, source] = await Promise.all(starting);
  return { redis, journal, source };
}

function startBotAndWorker(
  spec: WorldSpec,
  servers: Servers,
  secrets: SandboxSecrets,
  at: { readonly configFile: string; readonly botUrl: string },
): RoleProcess[] {
  const { redis, journal } = servers;
  const shared = { logs: spec.directory.logs, onChange: spec.onProcesses };
  const worker = startRole({
    ...shared,
    role: "worker",
    args: ["worker", "--config", at.configFile],
    env: {
      DRAWBRIDGE_JOURNAL_URL: journal.workerUrl,
      DRAWBRIDGE_REDIS_URL: redis.url,
      DRAWBRIDGE_KEY: secrets.key,
      HEROKU_API_TOKEN: secrets.heroku,
      DRAWBRIDGE_AGENT_JOURNAL_URL: journal.agentUrl,
      DRAWBRIDGE_AGENT_REDIS_URL: redis.url,
      AWS_ACCESS_KEY_ID: secrets.ours.id,
      AWS_SECRET_ACCESS_KEY: secrets.ours.secret,
      DRAWBRIDGE_PG_CLIENT_BINDIR: spec.clientBindir,
      ...spec.workerEnv,
    },
  });
  const bot = startRole({
    ...shared,
    role: "bot",
    args: ["bot", "--config", at.configFile, "--port", new URL(at.botUrl).port, "--host", "127.0.0.1"],
    env: {
      DRAWBRIDGE_JOURNAL_URL: journal.botUrl,
      DRAWBRIDGE_REDIS_URL: redis.url,
      ...(spec.slackMode === "socket" ? { SLACK_APP_TOKEN: secrets.app } : { SLACK_SIGNING_SECRET: secrets.signing }),
      SLACK_BOT_TOKEN: secrets.bot,
    },
  });
  return [worker, bot];
}

/** The bridge's agent: the EC2 stand-in starts it again when it dies. */
function agentStarter(spec: WorldSpec, roles: RoleProcess[]): StartInstance {
  return async (boot) => {
    const role = startRole({
      role: "agent",
      args: ["agent", "--directory", boot.directory, "--port", "0", "--bindir", spec.sourceBindir],
      env: { ...plainEnv(), AWS_EC2_METADATA_SERVICE_ENDPOINT: boot.imdsUrl },
      logs: spec.directory.logs,
      restart: false,
      onChange: spec.onProcesses,
    });
    const old = roles.findIndex(({ role: name }) => name === "agent");
    if (old >= 0) roles.splice(old, 1);
    roles.push(role);
    spec.onProcesses();
    return { pid: role.pid(), exited: role.exited(), stop: () => role.stop() };
  };
}

async function untilSockets({ workspace }: SlackStandIn): Promise<void> {
  const isOpen = (): boolean => (workspace.sockets?.count() ?? 0) > 0;
  await waitFor(isOpen, { what: "the bot's first socket; see logs/bot.log", deadlineMs: 90_000, everyMs: 100 });
}

async function connectSlack(slack: SlackStandIn, botUrl: string): Promise<void> {
  const url = `${botUrl}/slack/events`;
  // a cold start on a loaded machine with two cores
  const deadline = Date.now() + 90_000;
  for (;;) {
    const { verified } = await slack
      .setRequestUrls({ events: url, commands: url, interactivity: url })
      .catch(() => ({ verified: false }));
    if (verified) return;
    if (Date.now() > deadline)
      throw new Error(`the bot at ${botUrl} does not answer Slack's url_verification; see logs/bot.log`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
