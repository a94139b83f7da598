import { openCloudWatch } from "../aws/cloudwatch.ts";
import { openEc2 } from "../aws/ec2.ts";
import { listTagged } from "../aws/inventory.ts";
import { openRds } from "../aws/rds.ts";
import { openS3Store } from "../aws/s3-store.ts";
import { systemClock } from "../clock.ts";
import { configDigest } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Secrets } from "../config/secrets.ts";
import { DrawbridgeError } from "../errors.ts";
import { type Heroku, openHeroku } from "../heroku/heroku.ts";
import type { Journal } from "../journal/open.ts";
import type { Log } from "../log.ts";
import { databasesOf } from "../migration/databases.ts";
import type { World } from "../migration/world.ts";
import { type Secret } from "../redact.ts";
import { parsePrefix } from "./archive/prefix.ts";
import { faultPoints } from "./fault-points.ts";

/** What {@link buildWorld} is made of. */
export interface WorldParts {
  readonly config: Config;
  readonly secrets: Secrets<"worker">;
  readonly journal: Journal;
  readonly log: Log;
  /** Where pg_dump, pg_restore and psql are. */
  readonly clientBindir: string;
}

/** Builds the world of one migration out of real clients; only the configured endpoints tell sandbox and production apart. */
export function buildWorld(parts: WorldParts): World {
  const { config, secrets, journal, log } = parts;
  const access = { region: config.aws.region, endpoint: config.aws.endpoint, log };
  const heroku = openHeroku({
    apiUrl: config.heroku.apiUrl ?? "https://api.heroku.com",
    token: secrets.HEROKU_API_TOKEN,
    log,
  });
  const bucket = openS3Store({
    bucket: config.aws.bucket,
    prefix: "",
    region: config.aws.region,
    endpoint: config.aws.s3Endpoint,
    log,
  });
  return {
    migrationId: config.migration,
    config,
    configDigest: configDigest(config),
    journal,
    clock: systemClock,
    log,
    fault: faultPoints(log),
    heroku,
    ec2: openEc2(access),
    rds: openRds(access),
    cloudwatch: openCloudWatch(access),
    inventory: (migrationId) => listTagged(access, migrationId),
    bucket,
    openArchive: () => openArchive(config, heroku, log),
    databases: databasesOf({
      migrationId: config.migration,
      addon: config.heroku.addon,
      heroku,
      journal: journal.db,
      key: secrets.DRAWBRIDGE_KEY,
    }),
    agentLinks: { journal: secrets.DRAWBRIDGE_AGENT_JOURNAL_URL, redis: secrets.DRAWBRIDGE_AGENT_REDIS_URL },
    clientBindir: parts.clientBindir,
    key: secrets.DRAWBRIDGE_KEY,
  };
}

/** Opens Heroku's archive with the keys that stand in the app's config vars, read anew since they may be renewed. */
export async function openArchive(config: Config, heroku: Heroku, log: Log) {
  const { archive } = config;
  const keys = async () => {
    const vars = await heroku.configVars(config.heroku.app);
    const need = (name: string): Secret => {
      const value = vars.get(name);
      if (value) return value;
      throw new DrawbridgeError(
        "DB_ARCHIVE_ACCESS",
        `${config.heroku.app} has no config var ${name} with the archive's keys`,
      );
    };
    return {
      accessKeyId: need(archive.accessKeyIdVar).reveal(),
      secretAccessKey: need(archive.secretAccessKeyVar),
      ...(archive.sessionTokenVar === undefined ? {} : { sessionToken: need(archive.sessionTokenVar) }),
    };
  };
  const prefixVar = (await heroku.configVars(config.heroku.app)).get(archive.prefixVar)?.reveal();
  const place = parsePrefix(archive.prefix ?? prefixVar, archive.prefixVar);
  return openS3Store({ ...place, region: archive.region, endpoint: archive.endpoint, credentials: keys, log });
}
