import { expect, test } from "vitest";
import { restoredText, type RestoreResult } from "../../../src/cli/archive/restored-text.ts";

const result: RestoreResult = {
  backup: "base_000000010000000000000003",
  prefix: "file:///mnt/archive",
  dataDirectory: "/srv/pg/data",
  tablespaces: [],
  mode: "recover-to-end",
  postgresql: 15,
  bindir: "/usr/lib/postgresql/15/bin",
  otherVersions: [],
  serverUser: "postgres",
  isOtherUser: true,
  port: 5432,
  socketDirectory: "/srv/pg/data",
  superuser: "postgres",
  tls: false,
  bytes: 1024,
  seconds: 2,
  leftOut: [],
  start: ["pg_ctl", "start"],
  connect: ["psql"],
};

test("says who comes in from where, with TLS and without", () => {
  expect(restoredText(result)).toMatch(/needs a password, and comes in from localhost only: there is no TLS/);
  const withTls = restoredText({ ...result, tls: true });
  expect(withTls).toMatch(/needs a password: on localhost, and from elsewhere over TLS only\./);
  expect(withTls).not.toMatch(/localhost only/);
});

test("says of keys only where the archive needs some", () => {
  expect(restoredText(result)).not.toMatch(/AWS/);
  expect(restoredText({ ...result, prefix: "s3://bucket" })).toMatch(/AWS keys of the environment/);
});

test("names each symlink that was left out, and what it led to", () => {
  const leftOut = ["postgresql.conf (to /etc/postgresql.conf)", "server.crt (to /etc/ssl/server.crt)"];
  const text = restoredText({ ...result, leftOut });
  for (const one of leftOut)
    expect(text).toContain(`Left out, since it led to a file that is not in the archive: ${one}.`);
  expect(restoredText(result)).not.toMatch(/Left out/);
});
