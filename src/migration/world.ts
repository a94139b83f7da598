import type { ObjectStore } from "../archive/store/object-store.ts";
import type { CloudWatch } from "../aws/cloudwatch.ts";
import type { Ec2 } from "../aws/ec2.ts";
import type { AwsObject } from "../aws/inventory.ts";
import type { Rds } from "../aws/rds.ts";
import type { Config } from "../config/schema.ts";
import type { Heroku } from "../heroku/heroku.ts";
import type { Secret } from "../redact.ts";
import type { Databases } from "./databases.ts";
import type { RunnerWorld } from "./runner-world.ts";

/**
 * Everything outside that a step may touch, handed in by the composition root (law 9: production, rehearsal and sandbox
 * differ only in what is behind these interfaces).
 */
export interface World extends RunnerWorld {
  readonly migrationId: string;
  readonly config: Config;
  readonly configDigest: string;
  readonly heroku: Heroku;
  readonly ec2: Ec2;
  readonly rds: Rds;
  readonly cloudwatch: CloudWatch;
  /** Every AWS object that carries the migration's tag. */
  readonly inventory: (migrationId: string) => Promise<readonly AwsObject[]>;
  /** Our own bucket: the agent's bootstrap document and the bridge's backups. */
  readonly bucket: ObjectStore;
  /** Heroku's archive, opened with the keys that stand where the configuration says; read anew at each call. */
  readonly openArchive: () => Promise<ObjectStore>;
  /** Connections to source, bridge and target, with the passwords that belong to them. */
  readonly databases: Databases;
  /** How an agent reaches journal and Redis from the bridge. The journal's URL carries no user. */
  readonly agentLinks: { readonly journal: Secret; readonly redis: Secret };
  /** Where `pg_dump`, `pg_restore` and `psql` are. */
  readonly clientBindir: string;
  /** Under which the passwords that Drawbridge makes are derived (law 8). */
  readonly key: Secret;
}
