/** Settings that a standby must not have below those of the server that writes the WAL; PostgreSQL stops if it does. */
export const limitNames = [
  "max_connections",
  "max_worker_processes",
  "max_wal_senders",
  "max_prepared_transactions",
  "max_locks_per_transaction",
] as const;

/** The text of a `postgresql.conf`. A value may hold anything: PostgreSQL reads it back as it is (`guc-file.l`). Pure. */
export function formatConf(heading: string, settings: Readonly<Record<string, string>>): string {
  const quote = (value: string): string =>
    `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''").replaceAll("\n", "\\n")}'`;
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quote(value)}`);
  return `# ${heading}\n${lines.join("\n")}\n`;
}

/** A role or database in `pg_hba.conf` and `pg_ident.conf` that is meant literally. Pure. */
export function quoteHba(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The `pg_ident.conf` that lets users of this host in as the archive's bootstrap superuser, through `map=drawbridge`. Pure. */
export function pgIdentConf(hostUsers: readonly string[], bootstrapRole: string): string {
  const lines = [...new Set(hostUsers)].map((user) => `drawbridge  ${quoteHba(user)}  ${quoteHba(bootstrapRole)}`);
  return `${lines.join("\n")}\n`;
}

/** The kernel's limit for a socket's path, in bytes, less `/.s.PGSQL.65535`. */
const longestSocketDir = 107 - 15;

/** Whether PostgreSQL's socket may lie in this directory. Pure. */
export function fitsSocket(dir: string): boolean {
  return Buffer.byteLength(dir) <= longestSocketDir;
}
