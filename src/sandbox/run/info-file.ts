import { renameSync, writeFileSync } from "node:fs";
import type { SandboxWorld } from "./sandbox-world.ts";

/** Writes addresses and process ids for other programs, whole or not at all; called again whenever a process changes. */
export function writeInfo(file: string, world: SandboxWorld): void {
  const dynos = world.heroku
    .state()
    .apps.flatMap(({ dynos: each }) => each.map(({ name, pid }) => ({ role: `dyno ${name}`, pid })));
  const databases = world.aws.state().databases.map(({ identifier, pid }) => ({ role: `rds ${identifier}`, pid }));
  const processes = [
    ...world.roles().map((role) => ({ role: role.role, pid: role.pid() })),
    { role: "redis", pid: world.redis.pid() },
    { role: "journal", pid: world.journal.cluster.pid() },
    { role: "source", pid: world.source.cluster.pid() },
    ...databases,
    ...dynos,
  ].filter(({ pid }) => pid !== undefined);
  const info = {
    slack: { url: world.slack.url, control: world.slack.control },
    bot: { url: world.botUrl },
    heroku: { url: world.heroku.url },
    aws: { url: world.aws.url },
    s3: { url: world.s3.url },
    redis: { url: world.redis.url },
    journal: { url: world.journal.adminUrl.reveal() },
    source: { url: world.source.url().reveal() },
    processes,
  };
  writeFileSync(`${file}.half`, `${JSON.stringify(info, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.half`, file);
}
