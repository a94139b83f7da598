import type { ArchiveFacts, PreflightFacts } from "../facts.ts";
import { blocker, type Check, listed, note, type Remark, span, warning } from "../finding.ts";

const dayMs = 86_400_000;
const askForBackup =
  'Ask Heroku support: "please capture a base backup of this database to S3 and give us access to its base backups and current WAL files; we are moving our data out".';

/** Number 32, the bucket's side: a base backup that can be read, of this cluster, and WAL without a gap from its start. */
export const archiveCheck: Check = {
  name: "archive",
  judge: ({ archive, source }) => {
    if (!archive) return undefined;
    if (archive.backups.length === 0) {
      return [blocker("The archive holds no completed base backup (no `_backup_stop_sentinel.json`).", askForBackup)];
    }
    if (!archive.chosen) {
      return [
        blocker(
          `No base backup of the archive can be restored: ${archive.refusal ?? "none fits"}`,
          `${askForBackup} It has to be a full backup, not a delta. If \`archive.backup\` names one, LATEST may do.`,
        ),
      ];
    }
    return [
      ...ofBackup(archive.chosen),
      ...ofPassedOver(archive, archive.chosen),
      ...ofWal(archive, archive.chosen),
      ...ofCluster(archive, source),
    ];
  },
};

type Chosen = NonNullable<ArchiveFacts["chosen"]>;

function ofBackup(chosen: Chosen): Remark[] {
  const remarks: Remark[] = [];
  if (chosen.unreadable !== undefined) {
    remarks.push(
      blocker(
        `Base backup ${chosen.name} cannot be read: ${chosen.unreadable}`,
        `${askForBackup} It must be neither encrypted nor incomplete.`,
      ),
    );
  }
  if (chosen.completedAgeMs > 14 * dayMs) {
    remarks.push(
      warning(
        `The newest usable base backup (${chosen.name}) is ${span(chosen.completedAgeMs)} old: the bridge replays all WAL since then.`,
        "Ask Heroku support for a newer base backup, or allow the `follow` phase more time.",
      ),
    );
  }
  return remarks;
}

function ofPassedOver({ passedOver }: ArchiveFacts, { name }: Chosen): Remark[] {
  return passedOver.map((why) =>
    warning(
      `A base backup newer than ${name} is passed over, since its sentinel cannot be read: ${why}.`,
      "The bridge takes the older one, and replays more WAL for it. Should the newer one be meant, ask Heroku support for a new base backup.",
    ),
  );
}

function ofWal(archive: ArchiveFacts, chosen: Chosen): Remark[] {
  if (archive.missingSegments.length > 0) {
    return [
      blocker(
        `WAL is missing between base backup ${chosen.name} and the newest segment ${archive.newestSegment ?? "?"}: ${listed(archive.missingSegments)}.`,
        `The bridge could not follow over this gap. ${askForBackup} It has to start after the gap.`,
      ),
    ];
  }
  return [
    note(
      `The bridge will be restored from ${chosen.name} (${span(chosen.completedAgeMs)} old); WAL reaches to ${archive.newestSegment ?? "its end"} without a gap.`,
      "Nothing to do.",
    ),
  ];
}

function ofCluster(archive: ArchiveFacts, source: PreflightFacts["source"]): Remark[] {
  if (!source) return [];
  const remarks: Remark[] = [];
  const ours = source.identity.systemIdentifier;
  if (archive.systemIdentifier !== undefined && archive.systemIdentifier !== ours) {
    remarks.push(
      blocker(
        `The archive is of another cluster (system identifier ${archive.systemIdentifier}; the source has ${ours}).`,
        "Correct `archive.prefix` or the config var that `archive.prefixVar` names: each database has a prefix of its own, which changes with a failover or `pg:promote`.",
      ),
    );
  }
  const { pgVersionNum } = archive.chosen ?? {};
  if (pgVersionNum !== undefined && Math.trunc(pgVersionNum / 10_000) !== source.identity.version) {
    remarks.push(
      blocker(
        `Base backup ${archive.chosen?.name ?? ""} is of PostgreSQL ${Math.trunc(pgVersionNum / 10_000)}, the source runs ${source.identity.version}.`,
        askForBackup,
      ),
    );
  }
  const last = source.archiver.lastArchived;
  const newest = archive.newestSegment;
  if (
    last !== undefined &&
    newest !== undefined &&
    last.slice(0, 8) === newest.slice(0, 8) &&
    last.slice(0, 24) > newest
  ) {
    remarks.push(
      warning(
        `The source says that it archived ${last}, the newest segment that we can see is ${newest}.`,
        "If it stays so at the next `/migrate check`, the prefix is an old one: correct `archive.prefix`.",
      ),
    );
  }
  return remarks;
}
