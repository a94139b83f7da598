import type { PreflightFacts } from "../../../src/migration/preflight/facts.ts";
import { rdsExtensions } from "../../../src/migration/preflight/rds-extensions.ts";
import type { SourceFacts } from "../../../src/postgres/preflight-facts.ts";
import type { TableFacts } from "../../../src/postgres/tables.ts";

/** A table that replicates without further ado. */
export function table(changes: Partial<TableFacts> = {}): TableFacts {
  return {
    oid: 16_400,
    schema: "public",
    name: "orders",
    kind: "table",
    owner: "app",
    persistence: "permanent",
    replicaIdentity: "default",
    hasPrimaryKey: true,
    identityUsable: true,
    usableUniqueIndex: "orders_pkey",
    columnsWithoutEquality: [],
    estimatedRows: 1000,
    totalBytes: 100_000n,
    updates: 10n,
    deletes: 1n,
    rowSecurity: false,
    forcedRowSecurity: false,
    lockable: true,
    ...changes,
  };
}

/** A table that nothing identifies rows of. */
export const keyless = { hasPrimaryKey: false, identityUsable: false, usableUniqueIndex: undefined } as const;

const source: SourceFacts = {
  identity: {
    systemIdentifier: "7400000000000000001",
    timeline: 1,
    version: 15,
    fullVersion: "15.18",
    inRecovery: false,
    database: "d1",
    user: "app",
    isSuperuser: false,
  },
  blockSize: 8192,
  dataChecksums: true,
  databaseBytes: 1_000_000_000n,
  otherDatabases: [],
  limits: {
    max_connections: 120,
    max_worker_processes: 8,
    max_wal_senders: 10,
    max_prepared_transactions: 0,
    max_locks_per_transaction: 64,
  },
  settings: { wal_level: "replica", archive_mode: "on" },
  tables: [table()],
  special: {
    materializedViews: [],
    eventTriggers: [],
    applyTriggers: [],
    publications: [],
    subscriptions: [],
    logicalSlots: [],
  },
  largeObjects: 0,
  extensions: [{ name: "citext", version: "1.6", schema: "public", hasConfigTables: false }],
  types: [],
  collations: {
    encoding: "UTF8",
    provider: "libc",
    collate: "C.UTF-8",
    ctype: "C.UTF-8",
    recordedVersion: undefined,
    actualVersion: undefined,
    outdated: [],
  },
  bypassesRowSecurity: false,
  prepared: [],
  oldTransactions: [],
  rights: { monitor: true, signalBackend: true },
  pendingLimits: [],
  archiver: {
    archiveMode: "on",
    lastArchived: "000000010000000000000009",
    lastArchivedAgeMs: 30_000,
    lastFailed: undefined,
    lastFailedAgeMs: undefined,
  },
  generatedColumns: [],
  superuserObjects: [],
  unprovenChecks: [],
  path: { functions: [], callable: [], readable: [] },
  markerSchema: undefined,
};

const attachment = {
  id: "at-1",
  name: "DATABASE",
  app: "shop",
  addonId: "ad-1",
  addonName: "postgresql-curved-1",
  billingApp: "shop",
  namespace: undefined,
} as const;

/** A world in which nothing stands in the way. */
export const healthy = {
  source,
  heroku: {
    app: { name: "shop", maintenance: false, space: undefined, generation: undefined },
    addon: { id: "ad-1", name: "postgresql-curved-1", plan: "heroku-postgresql:standard-0", state: "provisioned" },
    addonAttachments: [attachment],
    appAttachments: [attachment, { ...attachment, id: "at-2", name: "HEROKU_POSTGRESQL_LEGACY" }],
    databaseUrl: { by: "attachment", attachment },
    urlCopies: [],
    formation: [{ type: "web", quantity: 1, size: "standard-1x" }],
    preboot: false,
    requestsLeft: 4000,
  },
  archive: {
    backups: ["base_000000010000000000000003_00000040"],
    chosen: {
      name: "base_000000010000000000000003_00000040",
      completedAgeMs: 3_600_000,
      startSegment: "000000010000000000000003",
      timeline: 1,
      pgVersionNum: undefined,
      unreadable: undefined,
    },
    refusal: undefined,
    passedOver: [],
    systemIdentifier: "7400000000000000001",
    missingSegments: [],
    newestSegment: "000000010000000000000009",
  },
  failures: [],
  targetExtensions: { from: "list", available: rdsExtensions },
  client: { bindir: "/usr/lib/postgresql/17/bin", pgDumpMajor: 17 },
  people: { required: 2, approvers: ["ana", "ben", "cem"], drivers: ["dora"] },
  wish: {
    app: "shop",
    addon: "postgresql-curved-1",
    targetMajor: 17,
    targetStorageGb: 100,
    bridgeVolumeGb: 100,
    ignoreExtensions: [],
  },
} as const satisfies PreflightFacts;

/** The healthy world with another source. */
export const withSource = (changes: Partial<SourceFacts>): PreflightFacts => ({
  ...healthy,
  source: { ...source, ...changes },
});

/** The healthy world with another app. */
export const withHeroku = (changes: Partial<NonNullable<PreflightFacts["heroku"]>>): PreflightFacts => ({
  ...healthy,
  heroku: { ...healthy.heroku, ...changes },
});

/** The healthy world with another archive. */
export const withArchive = (changes: Partial<NonNullable<PreflightFacts["archive"]>>): PreflightFacts => ({
  ...healthy,
  archive: { ...healthy.archive, ...changes },
});
