import { type Case, failing } from "./case.ts";
import { healthy, keyless, table, withSource } from "./healthy.ts";
import { calling, extension, special } from "./worlds.ts";

/** Schemas that cannot be migrated as they stand. */
export const ofSchema: readonly Case[] = [
  failing(9, "a table without key", withSource({ tables: [table({ ...keyless, name: "log", updates: 7n })] }), [
    "replica-identity",
    "warning",
    /public\.log \(about 1000 rows, 7 updates/,
  ]),
  failing(
    9,
    "a table without key whose rows cannot be compared",
    withSource({ tables: [table({ ...keyless, name: "raw", columnsWithoutEquality: ["body"] })] }),
    ["replica-identity", "blocker", /public\.raw.*body cannot be compared/],
  ),
  failing(
    10,
    "a deferrable primary key",
    withSource({ tables: [table({ ...keyless, hasPrimaryKey: true, columnsWithoutEquality: ["body"] })] }),
    ["replica-identity", "blocker", /deferrable/],
  ),
  failing(
    9,
    "FULL by choice, without a key, over json",
    withSource({
      tables: [table({ hasPrimaryKey: false, replicaIdentity: "full", columnsWithoutEquality: ["body"] })],
    }),
    ["replica-identity", "blocker", /body/],
  ),
  failing(9, "a unique index that serves", withSource({ tables: [table({ ...keyless, usableUniqueIndex: "by_n" })] }), [
    "replica-identity",
    "note",
    /by_n/,
  ]),
  failing(11, "an unlogged table", withSource({ tables: [table({ name: "scratch", persistence: "unlogged" })] }), [
    "unreplicated-tables",
    "warning",
    /public\.scratch/,
  ]),
  failing(11, "a foreign table", withSource({ tables: [table({ name: "far", kind: "foreign" })] }), [
    "unreplicated-tables",
    "warning",
    /public\.far/,
  ]),
  failing(12, "a partitioned table", withSource({ tables: [table({ name: "parts", kind: "partitioned" })] }), [
    "partitions",
    "note",
    /public\.parts/,
  ]),
  failing(13, "a generated column", withSource({ generatedColumns: ["public.orders.total"] }), [
    "generated-columns",
    "note",
    /public\.orders\.total/,
  ]),
  failing(16, "a materialized view", special({ materializedViews: [{ schema: "public", name: "sums" }] }), [
    "materialized-views",
    "note",
    /public\.sums/,
  ]),
  failing(17, "large objects", withSource({ largeObjects: 3 }), ["large-objects", "blocker", /3 large objects/]),
  failing(18, "an extension that RDS lacks", extension("timescaledb"), [
    "extensions",
    "blocker",
    /RDS does not list.*timescaledb/,
  ]),
  failing(
    18,
    "an extension that the target lacks",
    { ...healthy, targetExtensions: { from: "target", available: new Map() } },
    ["extensions", "blocker", /target cannot install.*citext/],
  ),
  failing(
    18,
    "another version on the target",
    { ...healthy, targetExtensions: { from: "target", available: new Map([["citext", { version: "1.7" }]]) } },
    ["extensions", "note", /1\.6.*1\.7/],
  ),
  failing(18, "rows in an extension's tables", extension("postgis", { hasConfigTables: true }), [
    "extensions",
    "warning",
    /postgis/,
  ]),
  failing(18, "Heroku's schema of extensions", extension("hstore", { schema: "heroku_ext" }), [
    "extensions",
    "note",
    /heroku_ext/,
  ]),
  failing(21, "a type that a superuser made", withSource({ superuserObjects: ["type public.complex"] }), [
    "superuser-objects",
    "blocker",
    /type public\.complex/,
  ]),
  failing(
    21,
    "a domain whose check was never proven",
    withSource({ unprovenChecks: [{ on: "domain", owner: "public.positive", name: "above_zero" }] }),
    ["unproven-checks", "warning", /public\.positive\.above_zero/],
  ),
  failing(undefined, "an index over a function that counts on the search_path", calling("select unaccent($1)"), [
    "search-path",
    "blocker",
    /public\.plain finds unaccent .* index by_name/,
  ]),
  failing(undefined, "a check that reads a table by the search_path", calling("select count(*) from limits"), [
    "search-path",
    "blocker",
    /finds limits/,
  ]),
  failing(23, "forced row security", withSource({ tables: [table({ rowSecurity: true, forcedRowSecurity: true })] }), [
    "row-security",
    "blocker",
    /FORCE.*public\.orders/,
  ]),
  failing(23, "row security", withSource({ tables: [table({ rowSecurity: true })] }), [
    "row-security",
    "note",
    /public\.orders/,
  ]),
  failing(24, "a trigger that fires under apply", special({ applyTriggers: ["public.orders.audit"] }), [
    "apply-triggers",
    "blocker",
    /public\.orders\.audit/,
  ]),
  failing(25, "an event trigger", special({ eventTriggers: ["no_drop"] }), ["apply-triggers", "warning", /no_drop/]),
  failing(27, "a subscription", special({ subscriptions: ["from_old"] }), ["leftovers", "blocker", /from_old/]),
  failing(27, "a logical slot", special({ logicalSlots: [{ name: "cdc", active: true }] }), [
    "leftovers",
    "warning",
    /cdc \(active\)/,
  ]),
  failing(
    undefined,
    "a table that the owner cannot lock",
    withSource({ tables: [table({ owner: "dba", lockable: false })] }),
    ["table-owners", "blocker", /belongs to dba: public\.orders/],
  ),
  failing(
    undefined,
    "a schema drawbridge of somebody else",
    withSource({ markerSchema: { owner: "app", ownedByUs: true, strangers: ["bridges"] } }),
    ["marker-schema", "blocker", /it holds bridges/],
  ),
];
