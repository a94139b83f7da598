import { applyTriggers } from "./checks/apply-triggers.ts";
import { approvers } from "./checks/approvers.ts";
import { archiveCheck } from "./checks/archive.ts";
import { archiver } from "./checks/archiver.ts";
import { clientVersion } from "./checks/client-version.ts";
import { collation } from "./checks/collation.ts";
import { databaseUrlCheck } from "./checks/database-url.ts";
import { diskSpace } from "./checks/disk-space.ts";
import { extensionsCheck } from "./checks/extensions.ts";
import { generatedColumns } from "./checks/generated-columns.ts";
import { herokuApp } from "./checks/heroku-app.ts";
import { herokuPlan } from "./checks/heroku-plan.ts";
import { largeObjects } from "./checks/large-objects.ts";
import { leftovers } from "./checks/leftovers.ts";
import { markerSchema } from "./checks/marker-schema.ts";
import { materializedViews } from "./checks/materialized-views.ts";
import { otherDatabases } from "./checks/other-databases.ts";
import { ownerRights } from "./checks/owner-rights.ts";
import { partitions } from "./checks/partitions.ts";
import { replicaIdentity } from "./checks/replica-identity.ts";
import { rowSecurity } from "./checks/row-security.ts";
import { searchPath } from "./checks/search-path.ts";
import { standbyLimits } from "./checks/standby-limits.ts";
import { superuserObjects } from "./checks/superuser-objects.ts";
import { tableOwners } from "./checks/table-owners.ts";
import { transactions } from "./checks/transactions.ts";
import { unprovenChecks } from "./checks/unproven-checks.ts";
import { unreplicatedTables } from "./checks/unreplicated-tables.ts";
import { versions } from "./checks/versions.ts";
import type { PartName, PreflightFacts } from "./facts.ts";
import type { Check, Finding } from "./finding.ts";

/** Every check of preflight, in the order in which people read them: what is most likely to stop a migration first. */
export const checks: readonly Check[] = [
  versions,
  clientVersion,
  herokuPlan,
  ownerRights,
  archiver,
  archiveCheck,
  diskSpace,
  standbyLimits,
  tableOwners,
  replicaIdentity,
  unreplicatedTables,
  largeObjects,
  extensionsCheck,
  superuserObjects,
  unprovenChecks,
  searchPath,
  rowSecurity,
  applyTriggers,
  transactions,
  leftovers,
  markerSchema,
  collation,
  generatedColumns,
  partitions,
  materializedViews,
  otherDatabases,
  databaseUrlCheck,
  herokuApp,
  approvers,
];

/** What preflight says: problems with their fixes, what was found in order, and what could not be judged. */
export interface Verdict {
  /** Blockers first, then warnings, then notes. */
  readonly findings: readonly Finding[];
  readonly passed: readonly string[];
  /** Checks that need a part of the world which could not be read. */
  readonly skipped: readonly string[];
}

const severities = ["blocker", "warning", "note"] as const;

/** Runs every check on the facts. Pure. A check with nothing but notes counts as passed. */
export function judge(facts: PreflightFacts, all: readonly Check[] = checks): Verdict {
  const found: Finding[] = facts.failures.map(unreachable);
  const passed: string[] = [];
  const skipped: string[] = [];
  for (const { name, judge: look } of all) {
    const remarks = look(facts);
    if (remarks === undefined) skipped.push(name);
    else if (remarks.every(({ severity }) => severity === "note")) passed.push(name);
    found.push(...(remarks ?? []).map((remark) => ({ check: name, ...remark })));
  }
  const findings = severities.flatMap((severity) => found.filter((finding) => finding.severity === severity));
  return { findings, passed, skipped };
}

const places: Readonly<Record<PartName, string>> = {
  source: "the source database",
  heroku: "Heroku",
  archive: "Heroku's WAL archive",
};

function unreachable({ part, message, remedy }: PreflightFacts["failures"][number]): Finding {
  const ask =
    part === "archive"
      ? " If the app has no keys to the archive, ask Heroku support for access to the base backups and WAL files of this database, to move the data out."
      : "";
  return {
    check: `read-${part}`,
    severity: "blocker",
    message: `${places[part]} could not be read: ${message}`,
    fix: `${remedy}${ask} Then \`/migrate check\`.`,
  };
}
