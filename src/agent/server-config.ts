import type { BridgeLogin } from "../journal/agent-rows.ts";

/** What the bridge's `postgresql.conf` depends on. */
export interface ServerConfig {
  readonly pgMajor: number;
  readonly listenHost: string;
  readonly port: number;
  readonly socketDir: string;
  readonly restoreCommand: string;
  readonly archiveCommand: string;
  /** Settings that a standby must not have below the source's, by name: the highest value known. */
  readonly sourceSettings: Readonly<Record<string, number>>;
  /** Further lines, by name; they win. */
  readonly extraSettings: Readonly<Record<string, string>>;
}

/** PostgreSQL compares these five with the primary's; the number is our own least. */
const standbyLimits: Readonly<Record<string, number>> = {
  max_connections: 100,
  max_worker_processes: 24,
  max_wal_senders: 20,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
};

/** Names of the settings that a standby must not have below the source's. */
export const standbyLimitNames: readonly string[] = Object.keys(standbyLimits);

/** The whole `postgresql.conf`. Limits are at least twice the source's, so that raising them there does not stop us. Pure. */
export function postgresqlConf(config: ServerConfig): string {
  const limits = Object.entries(standbyLimits).map(([name, least]) => [
    name,
    String(Math.max(least, 2 * (config.sourceSettings[name] ?? 0))),
  ]);
  const settings: Record<string, string> = {
    listen_addresses: config.listenHost,
    port: String(config.port),
    unix_socket_directories: config.socketDir,
    unix_socket_permissions: "0700",
    ...Object.fromEntries(limits),
    max_replication_slots: "24",
    max_logical_replication_workers: "8",
    wal_level: "logical",
    hot_standby: "on",
    restore_command: config.restoreCommand,
    recovery_target_timeline: "latest",
    wal_retrieve_retry_interval: "200ms",
    // a query on the standby must not hold replay up
    max_standby_archive_delay: "3s",
    // needs a restart to change, and after the first window this is production; it only ships once it is primary
    archive_mode: "on",
    archive_command: config.archiveCommand,
    archive_timeout: "60s",
    max_wal_size: "4GB",
    checkpoint_timeout: "15min",
    shared_preload_libraries: "",
    idle_in_transaction_session_timeout: "0",
    statement_timeout: "0",
    lock_timeout: "0",
    log_destination: "stderr",
    logging_collector: "off",
    log_line_prefix: "%m [%p] %q%u@%d ",
    log_connections: "off",
    lc_messages: "C",
    // what Heroku's servers have; an archive by WAL-E carries no postgresql.conf that would say so
    timezone: "UTC",
    log_timezone: "UTC",
    default_text_search_config: "pg_catalog.english",
    password_encryption: "scram-sha-256",
    ...(config.pgMajor >= 14 ? { recovery_init_sync_method: "syncfs", idle_session_timeout: "0" } : {}),
    ...config.extraSettings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  return `# written by the Drawbridge agent at each start; changes are lost\n${lines.join("\n")}\n`;
}

/** Roles of our own that log in over TCP once the bridge is primary. */
export const adminRole = "drawbridge_admin";
export const replicationRole = "drawbridge_repl";

/** `pg_hba.conf`: the local socket for the mapped superuser, TCP for the named roles only. Pure. */
export function pgHbaConf(logins: readonly BridgeLogin[], database: string | undefined): string {
  const lines = [
    "# written by the Drawbridge agent at each start; changes are lost",
    "local  all  all  peer map=drawbridge",
    `host  all  ${adminRole}  all  scram-sha-256`,
    `host  all  ${replicationRole}  all  scram-sha-256`,
    `host  replication  ${replicationRole}  all  scram-sha-256`,
  ];
  // an md5 line takes SCRAM verifiers as well; a scram line would lock out roles whose password is stored as md5
  for (const { role, method } of logins) {
    lines.push(`host  ${database === undefined ? "all" : quoteHba(database)}  ${quoteHba(role)}  all  ${method}`);
  }
  return `${lines.join("\n")}\n`;
}

/** `pg_ident.conf`: which users of this host are the archive's bootstrap superuser on the local socket. Pure. */
export function pgIdentConf(hostUsers: readonly string[], bootstrapRole: string): string {
  const lines = [...new Set(hostUsers)].map((user) => `drawbridge  ${quoteHba(user)}  ${quoteHba(bootstrapRole)}`);
  return `${lines.join("\n")}\n`;
}

function quoteHba(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
