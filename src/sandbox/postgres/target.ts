import { openDatabase } from "../../postgres/connect.ts";
import { quoteIdent, quoteLiteral } from "../../postgres/identifier.ts";
import type { Secret } from "../../redact.ts";
import { createCluster, type SandboxCluster } from "./cluster.ts";

/** What an RDS-like server should be. */
export interface TargetSpec {
  /** Programs of PostgreSQL 17. */
  readonly bindir: string;
  readonly directory: string;
  readonly masterUser: string;
  readonly masterPassword: Secret;
  readonly databaseName?: string | undefined;
  /** Values of its parameter group, RDS's own included. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** RDS's defaults for PostgreSQL 17 that matter to a migration. */
const rdsDefaults = {
  wal_level: "replica",
  max_replication_slots: "20",
  max_wal_senders: "35",
  max_worker_processes: "16",
} as const;

/** The server settings that a parameter group stands for. `rds.*` are RDS's own words and no server knows them. */
export function settingsFor(parameters: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.entries(parameters).filter(([name]) => !name.startsWith("rds."));
  const logical = parameters["rds.logical_replication"] === "1" ? { wal_level: "logical" } : {};
  return { ...rdsDefaults, ...Object.fromEntries(own), ...logical };
}

/**
 * Starts a PostgreSQL 17 as RDS gives it: `rdsadmin` is the superuser and comes in only from its own host; the master may make
 * roles, databases and subscriptions, is a member of `rds_superuser`, and is no superuser. Unlike on RDS the master carries
 * REPLICATION itself: stock PostgreSQL has no role that could lend it. There is no TLS.
 * @throws DrawbridgeError `DB_CONFIG` when the server refuses its parameters.
 */
export async function startTarget(spec: TargetSpec): Promise<SandboxCluster> {
  const { bindir, directory } = spec;
  const cluster = await createCluster({
    bindir,
    directory,
    superuser: "rdsadmin",
    settings: settingsFor(spec.parameters),
  });
  try {
    await cluster.start();
    await makeMaster(cluster, spec);
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** What `rds_superuser` lends its members on RDS, as far as stock PostgreSQL has it. */
const lent = [
  "pg_monitor",
  "pg_signal_backend",
  "pg_create_subscription",
  "pg_checkpoint",
  "pg_read_all_data",
  "pg_write_all_data",
];

async function makeMaster(cluster: SandboxCluster, spec: TargetSpec): Promise<void> {
  await using admin = openDatabase(cluster.adminUrl(), { applicationName: "rdsadmin", max: 1 });
  const master = quoteIdent(spec.masterUser);
  await admin.query("create role rds_superuser nologin");
  for (const role of lent) await admin.query(`grant ${role} to rds_superuser with admin option`);
  await admin.query(
    `create role ${master} login createrole createdb replication password ${quoteLiteral(spec.masterPassword.reveal())}`,
  );
  await admin.query(`grant rds_superuser to ${master} with admin option`);
  await admin.query(`alter database postgres owner to ${master}`);
  if (spec.databaseName !== undefined && spec.databaseName !== "postgres") {
    await admin.query(`create database ${quoteIdent(spec.databaseName)} owner ${master}`);
  }
}
