import { formatConf, quoteHba } from "../archive/server/conf-files.ts";
import type { BridgeLogin } from "../journal/agent-rows.ts";

/** Key and certificate of the bridge's PostgreSQL, and who has to use them. */
export interface ServerTls {
  readonly keyFile: string;
  readonly certificateFile: string;
  /** `away`: whoever does not come from loopback. `everyone`: loopback too. */
  readonly demandedOf: "away" | "everyone";
}

/** What the bridge's `postgresql.conf` depends on. */
export interface ServerConfig {
  readonly pgMajor: number;
  readonly listenHost: string;
  readonly port: number;
  readonly socketDir: string;
  readonly restoreCommand: string;
  readonly archiveCommand: string;
  /** A number, or the newest one in the archive. */
  readonly targetTimeline: number | "latest";
  /** Absent: the server speaks no TLS. */
  readonly tls: ServerTls | undefined;
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
    recovery_target_timeline: String(config.targetTimeline),
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
    ...(config.tls === undefined
      ? { ssl: "off" }
      : { ssl: "on", ssl_cert_file: config.tls.certificateFile, ssl_key_file: config.tls.keyFile }),
    ...(config.pgMajor >= 14 ? { recovery_init_sync_method: "syncfs", idle_session_timeout: "0" } : {}),
    ...config.extraSettings,
  };
  return formatConf("written by the Drawbridge agent at each start; changes are lost", settings);
}

/** Roles of our own that log in over TCP once the bridge is primary. */
export const adminRole = "drawbridge_admin";
export const replicationRole = "drawbridge_repl";

/** What `pg_hba.conf` depends on. */
export interface HbaConfig {
  readonly logins: readonly BridgeLogin[];
  /** The only one that `logins` may enter; every one unless told. */
  readonly database: string | undefined;
  readonly tls: Pick<ServerTls, "demandedOf"> | undefined;
}

/** `pg_hba.conf`: the local socket for the mapped superuser, TCP for the named roles only, unencrypted from loopback only. Pure. */
export function pgHbaConf({ logins, database, tls }: HbaConfig): string {
  const doors = [
    ["all", adminRole, "scram-sha-256"],
    ["all", replicationRole, "scram-sha-256"],
    ["replication", replicationRole, "scram-sha-256"],
    // an md5 line takes SCRAM verifiers as well; a scram line would lock out roles whose password is stored as md5
    ...logins.map(({ role, method }) => [database === undefined ? "all" : quoteHba(database), quoteHba(role), method]),
  ];
  const ways = [
    ...(tls?.demandedOf === "everyone" ? [] : ["host 127.0.0.0/8", "host ::1/128"]),
    ...(tls === undefined ? [] : ["hostssl all"]),
  ].map((way) => way.split(" "));
  const lines = [
    "# written by the Drawbridge agent at each start; changes are lost",
    "local  all  all  peer map=drawbridge",
    ...doors.flatMap(([where, role, method]) =>
      ways.map(([kind, from]) => [kind, where, role, from, method].join("  ")),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** Whether every host of a `listen_addresses` is this machine's loopback. Pure. */
export function isLoopback(hosts: string): boolean {
  return hosts.split(",").every((host) => /^(localhost|::1|127(\.\d+){3})$/.test(host.trim()));
}

/**
 * The server's `listen_addresses`: what was told, else the announced host if that is loopback, else every address, since an
 * instance's public address is none of its own interfaces. Pure.
 */
export function listenHostOf({ host, listenHost }: { host: string; listenHost?: string }): string {
  return listenHost ?? (isLoopback(host) ? host : "*");
}
