import { appendFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { waitFor } from "../../src/clock.ts";
import { freshDir, output, ownDir, say, shell } from "./system.ts";

/** Where Debian has the programs of the PostgreSQL that is measured. */
export const bindir = "/usr/lib/postgresql/15/bin";

/** The database that archives are made of. Its WAL is archived as plain files into `walDir`. */
export interface SourceCluster extends AsyncDisposable {
  readonly dataDir: string;
  readonly walDir: string;
  /** `PGHOST` and what else libpq reads. */
  readonly env: Readonly<Record<string, string>>;
  connect(): Promise<Client>;
}

const port = "6999";
const always = {
  port,
  listen_addresses: "''",
  fsync: "off",
  synchronous_commit: "off",
  shared_buffers: "512MB",
  // the server's default, so that full page images come about as often as with most people
  max_wal_size: "1GB",
  log_checkpoints: "off",
};

/** Makes a database of at least `bytes` bytes below `home`, and leaves it running with its WAL archived. */
export async function makeSource(home: string, bytes: number): Promise<SourceCluster> {
  const dataDir = freshDir(join(home, "cluster"));
  const walDir = freshDir(join(home, "wal"));
  const socketDir = ownDir(home);
  const env = { PGHOST: socketDir, PGPORT: port, PGUSER: "postgres", PGDATABASE: "postgres" };
  const initdb = ["-D", dataDir, "-U", "postgres", "--auth=trust", "--locale=C", "--encoding=UTF8", "-k", "--no-sync"];
  await output({ argv: [join(bindir, "initdb"), ...initdb] });
  configure(dataDir, {
    ...always,
    unix_socket_directories: `'${socketDir}'`,
    wal_level: "minimal",
    max_wal_senders: 0,
  });
  const control = (verb: string): Promise<void> =>
    shell(`${bindir}/pg_ctl -D '${dataDir}' -l '${home}/server.log' -m fast -w -t 300 ${verb} >/dev/null`);
  const cluster = {
    dataDir,
    walDir,
    env,
    connect: async () => {
      const client = new Client({ host: socketDir, port: Number(port), user: "postgres", database: "postgres" });
      await client.connect();
      return client;
    },
    [Symbol.asyncDispose]: () => control("stop"),
  };
  await control("start");
  await fill(cluster, bytes);
  await control("stop");
  const archive = { archive_mode: "on", archive_command: `'cp %p ${walDir}/.%f && mv ${walDir}/.%f ${walDir}/%f'` };
  configure(dataDir, { wal_level: "replica", max_wal_senders: 5, ...archive });
  await control("start");
  return cluster;
}

function configure(dataDir: string, settings: Readonly<Record<string, string | number>>): void {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  appendFileSync(join(dataDir, "postgresql.conf"), lines.join(""));
}

/** pgbench's tables (they pack very well) and a table of events (it packs to about a third), so that all pack 3:1. */
async function fill(cluster: SourceCluster, bytes: number): Promise<void> {
  const scale = Math.max(1, Math.round(bytes / 1e8));
  say(`filling the source with pgbench -s ${scale} and events up to ${(bytes / 1e9).toFixed(1)} GB`);
  await shell(`pgbench -i -q -s ${scale}`, cluster.env);
  const clients = [await cluster.connect(), await cluster.connect()] as const;
  const [first] = clients;
  try {
    await first.query(`CREATE TABLE event (id bigint, at timestamptz NOT NULL, account int NOT NULL, kind text NOT NULL,
      token text NOT NULL, detail jsonb NOT NULL)`);
    const chunk = 200_000;
    for (let from = 0; (await sizeOf(first)) < bytes * 0.96; from += 2 * chunk) {
      await Promise.all(clients.map((client, lane) => client.query(insertEvents(from + lane * chunk, chunk))));
    }
    await first.query("ALTER TABLE event ADD PRIMARY KEY (id)");
    await first.query("VACUUM (FREEZE, ANALYZE) event");
  } finally {
    for (const client of clients) await client.end();
  }
}

function insertEvents(after: number, count: number): string {
  return `INSERT INTO event SELECT i, timestamptz '2026-01-01' + i * interval '1 second', (i * 7919) % 400000,
    (array['order.placed', 'order.paid', 'order.shipped', 'mail.sent'])[1 + i % 4], md5('token' || i),
    jsonb_build_object('session', md5(i::text), 'source', 'web', 'amount', (i * 37) % 100000, 'currency', 'USD',
      'page', '/products/' || (i * 31) % 9973)
    FROM generate_series(${after + 1}::bigint, ${after + count}) i`;
}

async function sizeOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>("SELECT pg_database_size('postgres') AS bytes");
  return Number(rows[0]?.bytes);
}

/** Runs pgbench's own transactions until at least `count` segments lie in the WAL archive, and a last one. */
export async function makeWal(cluster: SourceCluster, count: number): Promise<void> {
  while (segmentsOf(cluster).length < count) {
    say(`${segmentsOf(cluster).length} of ${count} WAL segments`);
    await shell("pgbench -n -M prepared -c 8 -j 2 -T 10 >/dev/null", cluster.env);
  }
  const client = await cluster.connect();
  try {
    const { rows } = await client.query<{ last: string }>("SELECT pg_walfile_name(pg_switch_wal()) AS last");
    const last = rows[0]?.last ?? "";
    const probe = (): boolean => segmentsOf(cluster).includes(last);
    await waitFor(probe, { deadlineMs: 60_000, what: `WAL segment ${last} in the archive` });
  } finally {
    await client.end();
  }
}

/** Names of the segments archived so far, oldest first. */
export function segmentsOf(cluster: SourceCluster): string[] {
  return readdirSync(cluster.walDir)
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .toSorted();
}
