import { type Case, failing } from "./case.ts";
import { healthy, withSource } from "./healthy.ts";
import { collations, identity, old, prepared } from "./worlds.ts";

const { source } = healthy;

/** Servers that cannot be migrated as they stand. */
export const ofServer: readonly Case[] = [
  failing(2, "a source older than 14", identity({ version: 13, fullVersion: "13.20" }), [
    "versions",
    "blocker",
    /13\.20/,
  ]),
  failing(2, "a target older than the source", identity({ version: 18 }), [
    "versions",
    "blocker",
    /older than the source/,
  ]),
  failing(2, "a follower for a source", identity({ inRecovery: true }), ["versions", "blocker", /follower/]),
  failing(2, "a target before 16", { ...healthy, wish: { ...healthy.wish, targetMajor: 15 } }, [
    "versions",
    "warning",
    /15/,
  ]),
  failing(
    8,
    "a limit whose double is too much",
    withSource({ limits: { ...source.limits, max_connections: 200_000 } }),
    ["standby-limits", "blocker", /max_connections is 200000/],
  ),
  failing(8, "a limit that nobody tells", withSource({ limits: { max_connections: 100 } }), [
    "standby-limits",
    "blocker",
    /max_wal_senders/,
  ]),
  failing(8, "a limit that rises at the next restart", withSource({ pendingLimits: ["max_connections"] }), [
    "standby-limits",
    "warning",
    /max_connections will change/,
  ]),
  failing(undefined, "an old pg_dump", { ...healthy, client: { bindir: "/x", pgDumpMajor: 14 } }, [
    "client-version",
    "blocker",
    /pg_dump in \/x is of PostgreSQL 14/,
  ]),
  failing(undefined, "no pg_dump", { ...healthy, client: { bindir: "/x", pgDumpMajor: undefined } }, [
    "client-version",
    "blocker",
    /no working pg_dump in \/x/,
  ]),
  failing(
    undefined,
    "an owner that may not end sessions",
    withSource({ rights: { monitor: true, signalBackend: false } }),
    ["owner-rights", "blocker", /pg_signal_backend/],
  ),
  failing(22, "a collation library that changed", collations({ recordedVersion: "2.31", actualVersion: "2.35" }), [
    "collation",
    "warning",
    /2\.31.*2\.35/,
  ]),
  failing(22, "user collations that are out of date", collations({ outdated: ["public.german"] }), [
    "collation",
    "warning",
    /public\.german/,
  ]),
  failing(22, "SQL_ASCII", collations({ encoding: "SQL_ASCII" }), ["collation", "warning", /SQL_ASCII/]),
  failing(22, "a locale of glibc", collations({ collate: "en_US.UTF-8" }), ["collation", "note", /en_US\.UTF-8/]),
  failing(26, "a prepared transaction", withSource({ prepared: [prepared()] }), [
    "transactions",
    "blocker",
    /tx-1 \(app in d1\)/,
  ]),
  failing(26, "a long transaction", withSource({ oldTransactions: [old({ ageMs: 3_000_000 })] }), [
    "transactions",
    "warning",
    /pid 4711 \(app, nightly report, active, 50 min\)/,
  ]),
  failing(
    26,
    "idle in transaction",
    withSource({ oldTransactions: [old({ state: "idle in transaction", ageMs: 90_000 })] }),
    ["transactions", "warning", /idle in transaction, 90 s/],
  ),
  failing(33, "another database", withSource({ otherDatabases: ["reports"] }), ["other-databases", "note", /reports/]),
  failing(37, "too small a bridge", { ...healthy, wish: { ...healthy.wish, bridgeVolumeGb: 1 } }, [
    "disk-space",
    "blocker",
    /bridge gets 1 GB/,
  ]),
];
