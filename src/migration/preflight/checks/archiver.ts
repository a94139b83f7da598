import { blocker, type Check, span, warning } from "../finding.ts";

/** Older than this and nothing archived: on an idle server `archive_timeout` still archives whatever our heartbeat wrote. */
const staleMs = 3_600_000;

/** Number 32, the source's side: does the server archive its WAL, and lately? */
export const archiver: Check = {
  name: "archiver",
  judge: ({ source }) => {
    if (!source) return undefined;
    const { archiveMode, lastArchived, lastArchivedAgeMs, lastFailed, lastFailedAgeMs } = source.archiver;
    if (archiveMode === "off") {
      return [
        blocker(
          "The source has archive_mode = off: it archives no WAL.",
          "Ask Heroku support to turn WAL archiving on.",
        ),
      ];
    }
    if (lastFailedAgeMs !== undefined && (lastArchivedAgeMs === undefined || lastFailedAgeMs < lastArchivedAgeMs)) {
      return [
        blocker(
          `The source's archiver is failing: ${lastFailed ?? "a segment"} could not be archived ${span(lastFailedAgeMs)} ago, and nothing since.`,
          "Ask Heroku support to repair WAL archiving of this database, then `/migrate check`.",
        ),
      ];
    }
    if (lastArchivedAgeMs === undefined) {
      return [
        warning(
          "The source has not archived any WAL since its statistics began.",
          "Write something, wait for archive_timeout, then `/migrate check`; if it stays so, ask Heroku support.",
        ),
      ];
    }
    if (lastArchivedAgeMs <= staleMs) return [];
    return [
      warning(
        `The last WAL segment (${lastArchived}) was archived ${span(lastArchivedAgeMs)} ago.`,
        "On a database without writes this is in order; otherwise ask Heroku support.",
      ),
    ];
  },
};
