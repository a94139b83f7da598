import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { expect, test } from "vitest";
import { herokuApp, migrationName } from "../../src/sandbox/run/config-file.ts";
import { runOnce } from "../../src/sandbox/run/role-process.ts";
import { migrationChannel } from "../../src/sandbox/run/slack-people.ts";
import {
  type AbortStage,
  awaitWaiting,
  lastWindow,
  migrationNow,
  openAbortStage,
  openWindow,
  startMigration,
  timesHeld,
  until,
} from "./abort-stage.ts";
import { actIn } from "./channel.ts";
import { allLogs, allOfSlack, type SecretWatch, watchSecrets } from "./secrets.ts";

const commsChannel = "C0COMMS0000";

/** Passwords as people set them: unescaped in URLs, so that parsers choke on them and libraries print what they choked on. */
const canaries = {
  journal: "canary@jour/nal#7Q",
  admin: "canary adm:in@8R?x",
  redis: "canary-redis@9S%zz",
  heroku: "HRKU-canary0123456789abcdef",
  signing: "canarysigning0123456789abcdef012",
  bot: "xoxb-canary-0123456789-abcdef",
  key: "canarykey0123456789abcdef0123456789abcdef",
  aws: "canaryAwsSecret0123456789/+abcdefghijkl",
  session: "canarySessionToken0123456789/+abcdefghijkl==",
} as const;

/** The environment of a host on which everything is wrong: wrong passwords, wrong ports, malformed URLs. */
function wrongEnvironment(at: AbortStage): Record<string, string> {
  const { port } = at.stage.world.journal.cluster;
  const agentUrl = `postgres://127.0.0.1:${port}/journal`;
  return {
    DRAWBRIDGE_JOURNAL_URL: `postgres://drawbridge_worker:${encodeURIComponent(canaries.journal)}@127.0.0.1:${port}/journal`,
    DRAWBRIDGE_BOT_JOURNAL_URL: `postgres://drawbridge_bot:${canaries.journal}@127.0.0.1:${port}/journal`,
    DRAWBRIDGE_WORKER_JOURNAL_URL: `postgres://drawbridge_worker:${canaries.journal}@127.0.0.1:${port}/journal`,
    DRAWBRIDGE_ADMIN_JOURNAL_URL: `postgres://journal_admin:${canaries.admin}@127.0.0.1:${port}/journal`,
    DRAWBRIDGE_REDIS_URL: `redis://default:${canaries.redis}@127.0.0.1:1`,
    DRAWBRIDGE_AGENT_JOURNAL_URL: agentUrl,
    DRAWBRIDGE_AGENT_REDIS_URL: `redis://default:${canaries.redis}@127.0.0.1:1`,
    DRAWBRIDGE_KEY: canaries.key,
    HEROKU_API_TOKEN: canaries.heroku,
    SLACK_SIGNING_SECRET: canaries.signing,
    SLACK_BOT_TOKEN: canaries.bot,
    AWS_ACCESS_KEY_ID: "AKIACANARYCANARY0123",
    AWS_SECRET_ACCESS_KEY: canaries.aws,
    AWS_SESSION_TOKEN: canaries.session,
  };
}

/** Every command of the program on that host; each fails, or is ended. @returns what they printed. */
async function failEverything(at: AbortStage): Promise<string> {
  const env = wrongEnvironment(at);
  const config = ["--config", at.stage.world.configFile];
  const raw = { ...env, DRAWBRIDGE_JOURNAL_URL: env["DRAWBRIDGE_BOT_JOURNAL_URL"] ?? "" };
  const glass = [
    "break-glass",
    "hold",
    ...config,
    "--migration",
    migrationName,
    "--reason",
    "canary",
    "--yes-i-typed",
    migrationName,
  ];
  const runs: readonly (readonly [readonly string[], Record<string, string>])[] = [
    [["report", ...config], env],
    [["report", ...config], raw],
    [["check", ...config], env],
    [["timeline", "verify"], raw],
    [["journal", "init"], env],
    [["bot", ...config, "--port", "0"], env],
    [["worker", ...config], raw],
    [glass, env],
    [glass, raw],
  ];
  const printed: string[] = [];
  for (const [args, given] of runs) {
    const ended = await Promise.race([runOnce(args, given), delay(20_000, undefined)]);
    printed.push(`$ ${args.join(" ")}\n${ended === undefined ? "(goes on)" : ended.stdout + ended.stderr}`);
    if (ended !== undefined) expect(ended.status, args.join(" ")).not.toBe(0);
  }
  return printed.join("\n");
}

/** All variables of the worker, as its host has them. */
function workerEnvironment(at: AbortStage): Record<string, string> {
  const pid = at.stage.world
    .roles()
    .find(({ role }) => role === "worker")
    ?.pid();
  const entries = readFileSync(`/proc/${pid ?? 0}/environ`, "utf8")
    .split("\0")
    .filter((line) => line.includes("="));
  return Object.fromEntries(
    entries.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

/** Bot and worker are gone and do not come back; the worker as `kill -9` leaves it. */
async function killForGood(at: AbortStage): Promise<void> {
  for (const role of at.stage.world.roles().filter((each) => each.role !== "agent")) {
    const pid = role.pid();
    const stopped = role.stop();
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    await stopped;
  }
}

async function watch(at: AbortStage): Promise<SecretWatch> {
  const { world } = at.stage;
  const processes = () => [
    ...world.roles().map((role) => ({ role: role.role, pid: role.pid() ?? 0 })),
    ...world.heroku
      .state()
      .apps.flatMap(({ dynos }) => dynos.map(({ name, pid }) => ({ role: `dyno ${name}`, pid: pid ?? 0 }))),
  ];
  const [source, journal] = [{ url: world.source.url().reveal() }, { url: world.journal.adminUrl.reveal() }];
  return watchSecrets({ processes, source, journal, redis: world.redis }, Object.values(canaries));
}

async function ordersOf(at: AbortStage): Promise<number> {
  const url = at.stage.world.heroku.state().apps.find(({ name }) => name === herokuApp)?.config["DATABASE_URL"] ?? "";
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ n: number }>("select count(*)::int as n from shop.orders");
    return rows[0]?.n ?? 0;
  } finally {
    await client.end();
  }
}

test("with worker and bot dead inside window 1 and Slack down, break-glass lets the shop write again; no failure gives a secret away", async () => {
  await using at = await openAbortStage();
  const { world } = at.stage;
  await using secrets = await watch(at);
  const looking = setInterval(() => void secrets.look(), 100);
  using _stop = { [Symbol.dispose]: () => clearInterval(looking) };
  world.aws.setFault("throttling", { times: 3 });
  world.aws.setFault("lostResponse", { action: "RunInstances", times: 1 });
  world.heroku.setFault("server-error", { times: 2 });
  await startMigration(at);
  const printed = [await failEverything(at)];
  await awaitWaiting(at, "promote");

  // window 1, behind its fence: everything of ours is gone but the host, and Slack with it
  const seen = timesHeld(at, "ran:fence-source");
  at.holdAt("ran:fence-source");
  await openWindow(at, "promote");
  await until("window 1 to have its fence", async () => timesHeld(at, "ran:fence-source") > seen);
  const env = workerEnvironment(at);
  await actIn(world.slack.control, "faults", { http5xxRate: 1, dropEvents: 1 });
  await killForGood(at);
  const app = () => world.heroku.state().apps.find(({ name }) => name === herokuApp);
  expect(app()).toMatchObject({ maintenance: true });
  const before = await ordersOf(at);

  const glass = [
    "break-glass",
    "return-writes",
    "--config",
    world.configFile,
    "--migration",
    migrationName,
    "--reason",
    "worker dead, Slack down",
  ];
  const mistyped = await runOnce([...glass, "--yes-i-typed", "shop"], env);
  expect([mistyped.status, app()?.maintenance]).toEqual([1, true]);
  const { DRAWBRIDGE_REDIS_URL: _redis, ...withoutRedis } = env;
  const done = await runOnce([...glass, "--yes-i-typed", migrationName], withoutRedis);
  printed.push(mistyped.stdout, mistyped.stderr, done.stdout, done.stderr);
  expect(done.status, done.stdout + done.stderr).toBe(0);
  expect(done.stdout).toMatch(
    /window-1 is open, its point of no return not passed[^]*done: window-1 was put back: writes go to Heroku Postgres/,
  );
  expect(app()).toMatchObject({ maintenance: false, formation: { web: 2, worker: 1 }, databaseUrlOwner: "attachment" });
  await until("the shop to take orders again", async () => (await ordersOf(at)) > before + 5);
  expect(await lastWindow(at)).toMatchObject({ state: "put-back" });

  // Slack is back: the channel and customers hear of it, and a migration on hold stays where it is
  await actIn(world.slack.control, "faults", {});
  await world.startRoles();
  await until("the channel to be told", async () =>
    (await at.people.messages(migrationChannel)).some(
      ({ text }) => /Break-glass: return-writes/.test(text) && /put back/.test(text),
    ),
  );
  await until("customers to be told", async () =>
    (await at.people.messages(commsChannel)).some(({ text }) => /By hand/.test(text)),
  );
  await until("the card to mark it", async () =>
    (await at.people.messages(migrationChannel)).some(({ text }) =>
      /moves to RDS[^]*break-glass return-writes/.test(text),
    ),
  );
  expect(await migrationNow(at)).toMatchObject({ state: "active", intent: "hold" });
  const report = await runOnce(["report", "--config", world.configFile, "--json"], env);
  expect(JSON.parse(report.stdout)).toMatchObject({
    breakGlass: [{ verb: "return-writes", outcome: "done", reason: "worker dead, Slack down" }],
  });
  const text = await runOnce(["report", "--config", world.configFile], env);
  expect(text.stdout).toContain("BREAK-GLASS");
  const verified = await runOnce(
    ["timeline", "verify", "--head", String(/event log (\d+:[0-9a-f]{64})/.exec(text.stdout)?.[1])],
    env,
  );
  expect([verified.status, verified.stdout]).toEqual([0, expect.stringContaining("agrees with the end")]);

  await secrets.takeJournal();
  expect(secrets.count()).toBeGreaterThan(15);
  const sinks = {
    logs: allLogs(world.directory.path),
    slack: await allOfSlack(world.slack.control),
    printed: printed.join("\n"),
    report: report.stdout + text.stdout,
  };
  expect(sinks.slack).toContain("Break-glass");
  expect(sinks.printed.match(/DB_[A-Z_]+: /g)?.length).toBeGreaterThan(5);
  expect(secrets.leaks(sinks)).toEqual([]);
  // and the search would have found one
  for (const planted of Object.values(canaries)) expect(secrets.leaks({ planted: `…${planted}…` })).not.toEqual([]);
});
