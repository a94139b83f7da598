import type { ObjectStore } from "../../archive/store/object-store.ts";
import type { Clock } from "../../clock.ts";
import type { Config } from "../../config/schema.ts";
import type { Heroku } from "../../heroku/heroku.ts";
import type { Log } from "../../log.ts";
import type { Secret } from "../../redact.ts";
import type { World } from "../world.ts";

/** What preflight reads: less than a migration's world, so that it also runs without a journal. */
export interface PreflightWorld {
  readonly config: Config;
  readonly heroku: Heroku;
  readonly openArchive: () => Promise<ObjectStore>;
  /** Where `pg_dump` is. */
  readonly clientBindir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly sourceUrl: () => Promise<Secret>;
  /** The target as RDS master. Rejects while there is none. */
  readonly targetUrl: () => Promise<Secret>;
}

/** The part of a migration's world that preflight reads. */
export function preflightWorld(world: World): PreflightWorld {
  const { config, heroku, openArchive, clientBindir, clock, log, databases } = world;
  return {
    config,
    heroku,
    openArchive,
    clientBindir,
    clock,
    log,
    sourceUrl: () => databases.sourceUrl(),
    targetUrl: () => databases.targetUrl("master", "postgres"),
  };
}
