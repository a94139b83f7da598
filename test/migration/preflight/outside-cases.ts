import { type Case, failing } from "./case.ts";
import { healthy, withArchive, withHeroku } from "./healthy.ts";
import { archiver, attached, database, people, plan } from "./worlds.ts";

const { heroku, archive } = healthy;

/** Archives that no bridge can be restored from. */
export const ofArchive: readonly Case[] = [
  failing(32, "no base backup", withArchive({ backups: [], chosen: undefined }), [
    "archive",
    "blocker",
    /no completed base backup/,
  ]),
  failing(32, "a delta only", withArchive({ chosen: undefined, refusal: "base_1: it is a delta on base_0" }), [
    "archive",
    "blocker",
    /it is a delta/,
  ]),
  failing(32, "a gap in the WAL", withArchive({ missingSegments: ["000000010000000000000005"] }), [
    "archive",
    "blocker",
    /000000010000000000000005/,
  ]),
  failing(32, "a newer backup whose sentinel is damaged", withArchive({ passedOver: ["base_2: it is not JSON"] }), [
    "archive",
    "warning",
    /newer than base_.*passed over.*base_2: it is not JSON/,
  ]),
  failing(
    32,
    "an encrypted backup",
    withArchive({ chosen: { ...archive.chosen, unreadable: "part is encrypted with OpenPGP" } }),
    ["archive", "blocker", /OpenPGP/],
  ),
  failing(32, "another cluster's archive", withArchive({ systemIdentifier: "1" }), [
    "archive",
    "blocker",
    /another cluster/,
  ]),
  failing(32, "another major", withArchive({ chosen: { ...archive.chosen, pgVersionNum: 140_010 } }), [
    "archive",
    "blocker",
    /PostgreSQL 14/,
  ]),
  failing(32, "an old prefix", withArchive({ newestSegment: "000000010000000000000004" }), [
    "archive",
    "warning",
    /newest segment/,
  ]),
  failing(32, "an old backup", withArchive({ chosen: { ...archive.chosen, completedAgeMs: 30 * 86_400_000 } }), [
    "archive",
    "warning",
    /30 days old/,
  ]),
  failing(32, "an archiver that fails", archiver({ lastFailed: "00000001000000000000000A", lastFailedAgeMs: 1000 }), [
    "archiver",
    "blocker",
    /00000001000000000000000A/,
  ]),
  failing(32, "no archiving at all", archiver({ archiveMode: "off" }), ["archiver", "blocker", /archive_mode = off/]),
  failing(
    32,
    "an archive without keys",
    { ...healthy, archive: undefined, failures: [{ part: "archive", message: "no keys", remedy: "Renew." }] },
    ["read-archive", "blocker", /no keys/],
  ),
];

/** Apps, plans and people that stand in the way. */
export const ofHeroku: readonly Case[] = [
  failing(
    40,
    "a DATABASE that is another add-on",
    withHeroku({ databaseUrl: attached({ addonId: "ad-2", addonName: "pg-2" }) }),
    ["database-url", "blocker", /pg-2, not postgresql-curved-1/],
  ),
  failing(
    40,
    "a DATABASE_URL that is another database",
    withHeroku({ databaseUrl: { by: "config", isSource: false } }),
    ["database-url", "blocker", /another database/],
  ),
  failing(40, "no DATABASE_URL", withHeroku({ databaseUrl: { by: "none" } }), [
    "database-url",
    "blocker",
    /no DATABASE_URL/,
  ]),
  failing(40, "a credential", withHeroku({ databaseUrl: attached({ namespace: "credential:web" }) }), [
    "database-url",
    "warning",
    /credential:web/,
  ]),
  failing(40, "another app on it", withHeroku({ addonAttachments: [database, { ...database, app: "reports" }] }), [
    "database-url",
    "warning",
    /reports/,
  ]),
  failing(40, "a single attachment", withHeroku({ appAttachments: [database] }), [
    "database-url",
    "note",
    /second attachment/,
  ]),
  failing(
    40,
    "a release phase",
    withHeroku({ formation: [...heroku.formation, { type: "release", quantity: 0, size: "s" }] }),
    ["heroku-app", "note", /release phase/],
  ),
  failing(undefined, "an Essential plan", plan("heroku-postgresql:essential-1"), [
    "heroku-plan",
    "blocker",
    /essential-1/,
  ]),
  failing(undefined, "an Advanced plan", plan("heroku-postgresql:advanced-beta"), [
    "heroku-plan",
    "blocker",
    /advanced/,
  ]),
  failing(undefined, "preboot", withHeroku({ preboot: true }), ["heroku-app", "note", /preboot/]),
  failing(
    undefined,
    "the scheduler",
    withHeroku({ appAttachments: [...heroku.appAttachments, { ...database, name: "SCHEDULER" }] }),
    ["heroku-app", "note", /Scheduler/],
  ),
  failing(undefined, "few requests left", withHeroku({ requestsLeft: 500 }), ["heroku-app", "warning", /500/]),
  failing(undefined, "hardly a request left", withHeroku({ requestsLeft: 20 }), ["heroku-app", "blocker", /20/]),
  failing(43, "one approver who drives", people(["ana", "dora"]), ["approvers", "blocker", /only ana/]),
];
