import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../log.ts";
import { openDatabase } from "../../postgres/connect.ts";
import { quoteIdent, quoteLiteral } from "../../postgres/identifier.ts";
import { Secret } from "../../redact.ts";
import type { SandboxCluster } from "../postgres/cluster.ts";
import { installEmbeddedPostgres } from "../postgres/pg-binaries.ts";
import { serverOwner } from "../postgres/server-owner.ts";
import { settingsFor, startTarget } from "../postgres/target.ts";
import type { FaultBox } from "./faults.ts";
import { type MetricsRecorder, recordMetrics } from "./metrics-recorder.ts";
import type { ParameterGroup } from "./parameter-group-world.ts";
import type { Tags } from "./query-api.ts";

/** An RDS instance of the stand-in. */
export interface DatabaseInstance {
  readonly identifier: string;
  readonly instanceClass: string;
  readonly engineVersion: string;
  readonly storageGb: number;
  readonly masterUser: string;
  readonly databaseName: string | undefined;
  readonly parameterGroup: string;
  readonly securityGroupIds: readonly string[];
  readonly tags: Tags;
  readonly created: Date;
  masterPassword: Secret;
  isProtected: boolean;
  isPubliclyAccessible: boolean;
  /** `creating`, `available`, `rebooting`, `deleting`, `failed`, `incompatible-parameters`. */
  status: string;
  parametersApply: "in-sync" | "pending-reboot";
  cluster: SandboxCluster | undefined;
  metrics: MetricsRecorder | undefined;
}

/** What databases need from the stand-in around them. */
export interface DatabaseOptions {
  /** Each database is a folder below it; servers run as another user and must be able to pass. */
  readonly root: string;
  readonly creationMs: number;
  /** How often each database is measured. */
  readonly measureEveryMs: number;
  readonly faults: FaultBox;
  readonly log: Log;
}

/** From `creating` to `available`: then the instance is a PostgreSQL 17. */
export async function bringUp(
  database: DatabaseInstance,
  group: ParameterGroup | undefined,
  options: DatabaseOptions,
  signal: AbortSignal,
): Promise<void> {
  const { faults, log } = options;
  await delay(options.creationMs + (faults.get().slowCreation?.ms ?? 0), undefined, { signal }).catch(() => undefined);
  if (database.status !== "creating") return;
  if (faults.get().creationFails?.kind === "database") {
    database.status = "failed";
    return;
  }
  const { masterUser, masterPassword, databaseName } = database;
  try {
    const bindir = await installEmbeddedPostgres(join(options.root, "pg17"), serverOwner());
    const parameters = Object.fromEntries(group?.values ?? []);
    const directory = join(options.root, database.identifier);
    database.cluster = await startTarget({ bindir, directory, masterUser, masterPassword, databaseName, parameters });
    database.metrics = recordMetrics(database.cluster, options.measureEveryMs);
    // a deletion may have come while the server was made
    if (database.status === "creating") database.status = "available";
  } catch (error) {
    log.warn({ database: database.identifier, error: String(error) }, "the database does not start");
    if (database.status === "creating") database.status = "incompatible-parameters";
  }
}

/** Ends the server and removes its data. */
export async function takeDown(database: DatabaseInstance, root: string): Promise<void> {
  await database.metrics?.stop();
  await database.cluster?.[Symbol.asyncDispose]();
  database.cluster = undefined;
  await rm(join(root, database.identifier), { recursive: true, force: true, maxRetries: 5 });
}

/** Dynamic parameters count at once. */
export async function applyNow(database: DatabaseInstance, values: Readonly<Record<string, string>>): Promise<void> {
  if (database.cluster === undefined || Object.keys(values).length === 0) return;
  const own = Object.fromEntries(Object.entries(values).filter(([name]) => !name.startsWith("rds.")));
  await database.cluster.configure(own);
  await using admin = openDatabase(database.cluster.adminUrl(), { applicationName: "rdsadmin", max: 1 });
  await admin.query("select pg_reload_conf()");
}

/** A restart, with everything in the group counting. */
export async function reboot(database: DatabaseInstance, group: ParameterGroup | undefined): Promise<void> {
  if (database.cluster === undefined) return;
  await database.cluster.stop("fast");
  await database.cluster.configure(settingsFor(Object.fromEntries(group?.values ?? [])));
  try {
    await database.cluster.start();
    database.parametersApply = "in-sync";
    database.status = "available";
  } catch {
    database.status = "incompatible-parameters";
  }
}

/** A new master password, as `ModifyDBInstance` sets it. */
export async function changePassword(database: DatabaseInstance, password: string): Promise<void> {
  database.masterPassword = new Secret(password);
  if (database.cluster === undefined) return;
  await using admin = openDatabase(database.cluster.adminUrl(), { applicationName: "rdsadmin", max: 1 });
  await admin.query(`alter role ${quoteIdent(database.masterUser)} password ${quoteLiteral(password)}`);
}
