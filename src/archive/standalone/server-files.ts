import { fitsSocket, formatConf, pgIdentConf, quoteHba } from "../server/conf-files.ts";
import type { ControlLimits } from "../server/control-limits.ts";
import type { RestoreMode } from "../wal/serve-restores.ts";

/** Key and certificate of the server, absolute paths. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

/** What the configuration of a cluster restored by hand depends on. */
export interface StandaloneServer {
  readonly pgMajor: number;
  readonly dataDir: string;
  readonly port: number;
  readonly mode: RestoreMode;
  readonly restoreCommand: string;
  readonly control: ControlLimits;
  /** Users of this host that are the bootstrap superuser on the local socket. */
  readonly hostUsers: readonly string[];
  readonly bootstrapRole: string;
  /** Absent: no TLS, and nobody comes in from elsewhere. */
  readonly tls: TlsFiles | undefined;
}

const heading =
  "written by `drawbridge archive restore`; yours to change. The archive's own file, if any: *.from-archive";

/** The three configuration files, and the empty file that says how recovery ends, by name. Pure. */
export function standaloneFiles(server: StandaloneServer): Readonly<Record<string, string>> {
  return {
    "postgresql.conf": formatConf(heading, settingsOf(server)),
    "pg_hba.conf": pgHbaConf(server),
    "pg_ident.conf": `# ${heading}\n${pgIdentConf(server.hostUsers, server.bootstrapRole)}`,
    // PostgreSQL would read it after postgresql.conf, with what the source's administrators once set
    "postgresql.auto.conf": "",
    [server.mode === "standby" ? "standby.signal" : "recovery.signal"]: "",
  };
}

/** The directory of the local socket: the data directory, or /tmp where that makes the socket's path too long. Pure. */
export function socketDirOf(dataDir: string): string {
  return fitsSocket(dataDir) && !dataDir.includes(",") && !dataDir.includes('"') ? dataDir : "/tmp";
}

function settingsOf(server: StandaloneServer): Record<string, string> {
  const { control, tls } = server;
  return {
    listen_addresses: tls === undefined ? "localhost" : "*",
    port: String(server.port),
    unix_socket_directories: socketDirOf(server.dataDir),
    unix_socket_permissions: "0700",
    ...Object.fromEntries(Object.entries(control.limits).map(([name, value]) => [name, String(value)])),
    wal_level: control.walLevel === "logical" ? "logical" : "replica",
    hot_standby: "on",
    restore_command: server.restoreCommand,
    recovery_target_timeline: "latest",
    ...(server.mode === "standby" ? { wal_retrieve_retry_interval: "1s" } : {}),
    // nothing of this cluster may ever reach the archive that it came from
    archive_mode: "off",
    max_wal_size: "4GB",
    shared_preload_libraries: "",
    log_destination: "stderr",
    logging_collector: "off",
    log_line_prefix: "%m [%p] %q%u@%d ",
    lc_messages: "C",
    timezone: "UTC",
    log_timezone: "UTC",
    password_encryption: "scram-sha-256",
    ...(tls === undefined ? { ssl: "off" } : { ssl: "on", ssl_cert_file: tls.certificate, ssl_key_file: tls.key }),
    ...(server.pgMajor >= 14 ? { recovery_init_sync_method: "syncfs" } : {}),
  };
}

function pgHbaConf({ bootstrapRole, tls }: StandaloneServer): string {
  const lines = [
    `# ${heading}`,
    `local  all          ${quoteHba(bootstrapRole)}  peer map=drawbridge`,
    `local  replication  ${quoteHba(bootstrapRole)}  peer map=drawbridge`,
    // an md5 line asks for SCRAM where a role's password is stored so; a scram line would lock out the others
    "# `md5` asks each role for the kind of password that is stored for it: SCRAM, or md5 where it is an old one",
    "local  all  all  md5",
    "host   all  all  127.0.0.0/8  md5",
    "host   all  all  ::1/128      md5",
    ...(tls === undefined ? [] : ["hostssl  all  all  all  md5"]),
  ];
  return `${lines.join("\n")}\n`;
}
