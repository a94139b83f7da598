import { describe, expect, test } from "vitest";
import { type StandaloneServer, socketDirOf, standaloneFiles } from "../../../src/archive/standalone/server-files.ts";

const limits = {
  max_connections: 137,
  max_worker_processes: 9,
  max_wal_senders: 11,
  max_prepared_transactions: 3,
  max_locks_per_transaction: 65,
};

const server: StandaloneServer = {
  pgMajor: 15,
  dataDir: "/srv/pg/data",
  port: 5433,
  mode: "recover-to-end",
  restoreCommand: `'/a b/it'\\''s' "%f"`,
  control: { limits, walLevel: "logical" },
  hostUsers: ["root", "postgres", "root"],
  bootstrapRole: 'the "boss"',
  tls: undefined,
};

function lines(file: string, other: Partial<StandaloneServer> = {}): string[] {
  return (standaloneFiles({ ...server, ...other })[file] ?? "").split("\n");
}

describe("the configuration of a cluster restored by hand", () => {
  test("has the limits of the server that wrote the WAL, and never archives", () => {
    const conf = lines("postgresql.conf");
    for (const [name, value] of Object.entries(limits)) expect(conf).toContain(`${name} = '${value}'`);
    expect(conf).toContain("archive_mode = 'off'");
    expect(conf).toContain("ssl = 'off'");
    expect(conf).toContain("listen_addresses = 'localhost'");
    expect(conf).toContain(`restore_command = '''/a b/it''\\\\''''s'' "%f"'`);
  });

  test("says how recovery ends by exactly one file", () => {
    const names = (mode: StandaloneServer["mode"]): string[] =>
      Object.keys(standaloneFiles({ ...server, mode })).filter((name) => name.endsWith(".signal"));
    expect(names("standby")).toEqual(["standby.signal"]);
    expect(names("recover-to-end")).toEqual(["recovery.signal"]);
  });

  test("lets the mapped superuser in on the socket, everyone else with a password, nobody from elsewhere", () => {
    const doors = lines("pg_hba.conf").filter((line) => /^(local|host)/.test(line));
    expect(doors).toEqual([
      'local  all          "the ""boss"""  peer map=drawbridge',
      'local  replication  "the ""boss"""  peer map=drawbridge',
      "local  all  all  md5",
      "host   all  all  127.0.0.0/8  md5",
      "host   all  all  ::1/128      md5",
    ]);
    expect(lines("pg_ident.conf").filter((line) => line.startsWith("drawbridge"))).toEqual([
      'drawbridge  "root"  "the ""boss"""',
      'drawbridge  "postgres"  "the ""boss"""',
    ]);
  });

  test("with a certificate: from elsewhere over TLS only", () => {
    const tls = { certificate: "/c.crt", key: "/c.key" };
    expect(lines("pg_hba.conf", { tls })).toContain("hostssl  all  all  all  md5");
    expect(lines("postgresql.conf", { tls })).toEqual(expect.arrayContaining(["ssl = 'on'", "listen_addresses = '*'"]));
  });

  test("the socket lies in the data directory where its path is short enough for the kernel", () => {
    expect(socketDirOf("/srv/pg/data")).toBe("/srv/pg/data");
    expect(socketDirOf(`/srv/${"ü".repeat(44)}`)).toBe("/tmp");
    // unix_socket_directories is a list
    expect(socketDirOf("/srv/a,b")).toBe("/tmp");
  });
});
