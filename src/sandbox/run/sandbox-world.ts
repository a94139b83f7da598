import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { folderStore } from "../../archive/folder-store.ts";
import { Secret } from "../../redact.ts";
import type { Log } from "../../log.ts";
import { type AwsServer, startAws } from "../aws/aws-server.ts";
import type { StartInstance } from "../aws/hosts.ts";
import { type RunningHeroku, startHeroku } from "../heroku/start-heroku.ts";
import { type Source, startSource } from "../postgres/source.ts";
import { type S3Server, startS3 } from "../s3/s3-server.ts";
import type { KeyRing } from "../s3/sigv4.ts";
import { shopCommand, shopProcesses } from "../shop/shop-app.ts";
import { type SlackStandIn, startSlack } from "../slack/server.ts";
import { configText, herokuApp, herokuBucket, ownBucket } from "./config-file.ts";
import { type SandboxJournal, startJournal } from "./journal-server.ts";
import { freePort, type SandboxRedis, startRedis } from "./redis-server.ts";
import { plainEnv, type RoleProcess, startRole } from "./role-process.ts";
import type { RunDirectory } from "./run-directory.ts";

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

const token = () => randomBytes(20).toString("hex");

async function build(spec: WorldSpec, stack: AsyncDisposableStack): Promise<SandboxWorld> {
  const { directory, log } = spec;
  const ring: KeyRing = new Map();
  const ours = addKeys(ring);
  const herokus = addKeys(ring, [`${herokuBucket}/`]);
  const s3 = stack.use(
    await startS3({ root: join(directory.path, "s3"), buckets: [herokuBucket, ownBucket], credentials: ring, log }),
  );
  const [redis, journal, source] = await Promise.all([
    startRedis(directory.path),
    startJournal(spec.sourceBindir, directory.path),
    startSource({
      bindir: spec.sourceBindir,
      directory: join(directory.path, "source"),
      archive: folderStore(join(directory.path, "s3", herokuBucket, "archive")),
      partitionBytes: 32 * 1024 * 1024,
      log,
    }),
  ]);
  stack.defer(() => redis.stop());
  stack.use(journal.cluster);
  stack.use(source);
  const roles: RoleProcess[] = [];
  const aws = stack.use(
    await startAws({
      root: join(directory.path, "aws"),
      credentials: ring,
      startInstance: agentStarter(spec, roles),
      profiles: { "drawbridge-bridge": [`${ownBucket}/drawbridge/`] },
      log,
    }),
  );
  const secrets = { signing: token(), bot: `xoxb-${token()}`, heroku: `HRKU-${token()}`, key: token() + token() };
  const slack = stack.use(await startSlack({ signingSecret: new Secret(secrets.signing), botToken: new Secret(secrets.bot), log }));
  const ledgerFile = join(directory.path, "ledger.jsonl");
  const addon = `postgresql-${["curly", "round", "solid"][randomBytes(1)[0]! % 3]}-${1000 + (randomBytes(2).readUInt16BE() % 9000)}`;
  const heroku = stack.use(
    await startHeroku({
      apps: [
        {
          name: herokuApp,
          processes: shopProcesses({ web: 2, worker: 1 }),
          scheduler: { command: shopCommand("scheduler"), everyMs: 5000 },
          config: {
            SHOP_LEDGER: ledgerFile,
            WALE_S3_PREFIX: `s3://${herokuBucket}/archive`,
            AWS_ACCESS_KEY_ID: herokus.id,
            AWS_SECRET_ACCESS_KEY: herokus.secret,
          },
        },
      ],
      addons: [
        {
          name: addon,
          plan: "heroku-postgresql:standard-0",
          app: herokuApp,
          url: source.url().reveal(),
          attachments: [{ app: herokuApp, name: "DATABASE" }],
        },
      ],
      tokens: [secrets.heroku],
      dynos: { graceMs: 5000, logDirectory: directory.logs },
      log,
    }),
  );
  const configFile = join(directory.path, "drawbridge.yaml");
  const places = {
    herokuUrl: heroku.url,
    appUrl: heroku.routerUrl(herokuApp),
    awsUrl: aws.url,
    s3Url: s3.url,
    slackApiUrl: slack.apiUrl,
    addon,
  };
  writeFileSync(configFile, configText(places, spec.policy));
  const botPort = await freePort();
  const botUrl = `http://127.0.0.1:${botPort}`;
  const startRoles = async (): Promise<void> => {
    const shared = { logs: directory.logs, onChange: spec.onProcesses };
    const worker = startRole({
      ...shared,
      role: "worker",
      args: ["worker", "--config", configFile],
      env: {
        DRAWBRIDGE_JOURNAL_URL: journal.workerUrl,
        DRAWBRIDGE_REDIS_URL: redis.url,
        DRAWBRIDGE_KEY: secrets.key,
        HEROKU_API_TOKEN: secrets.heroku,
        DRAWBRIDGE_AGENT_JOURNAL_URL: journal.agentUrl,
        DRAWBRIDGE_AGENT_REDIS_URL: redis.url,
        AWS_ACCESS_KEY_ID: ours.id,
        AWS_SECRET_ACCESS_KEY: ours.secret,
        DRAWBRIDGE_PG_CLIENT_BINDIR: spec.clientBindir,
        ...spec.workerEnv,
      },
    });
    const bot = startRole({
      ...shared,
      role: "bot",
      args: ["bot", "--config", configFile, "--port", String(botPort), "--host", "127.0.0.1"],
      env: {
        DRAWBRIDGE_JOURNAL_URL: journal.botUrl,
        DRAWBRIDGE_REDIS_URL: redis.url,
        SLACK_SIGNING_SECRET: secrets.signing,
        SLACK_BOT_TOKEN: secrets.bot,
      },
    });
    roles.push(worker, bot);
    await connectSlack(slack, botUrl);
  };
  const owned = stack.move();
  return {
    directory, slack, heroku, aws, s3, redis, journal, source, configFile, ledgerFile, botUrl,
    startRoles,
    roles: () => roles,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(roles.filter(({ role }) => role !== "agent").map((role) => role.stop()));
      await owned.disposeAsync();
    },
  };
}

function addKeys(ring: KeyRing, allowPrefixes?: readonly string[]): { id: string; secret: string } {
  const [id, secret] = [`AKIA${token().slice(0, 16).toUpperCase()}`, token()];
  ring.set(id, { secretAccessKey: secret, ...(allowPrefixes === undefined ? {} : { allowPrefixes }) });
  return { id, secret };
}

/** The bridge's agent: the EC2 stand-in starts it again when it dies. */
function agentStarter(spec: WorldSpec, roles: RoleProcess[]): StartInstance {
  return async (boot) => {
    const role = startRole({
      role: "agent",
      args: ["agent", "--directory", boot.directory, "--host", "127.0.0.1", "--port", "0", "--bindir", spec.sourceBindir],
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

async function connectSlack(slack: SlackStandIn, botUrl: string): Promise<void> {
  const url = `${botUrl}/slack/events`;
  const deadline = Date.now() + 30_000;
  for (;;) {
    const { verified } = await slack.setRequestUrls({ events: url, commands: url, interactivity: url }).catch(() => ({ verified: false }));
    if (verified) return;
    if (Date.now() > deadline) throw new Error(`the bot at ${botUrl} does not answer Slack's url_verification; see logs/bot.log`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
