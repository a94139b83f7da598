import { type Check, listed, note, type Remark, warning } from "../finding.ts";

/** Number 22: encoding and collations; an index sorted by another library's rules returns wrong rows. */
export const collation: Check = {
  name: "collation",
  judge: ({ source }) => {
    if (!source) return undefined;
    const { encoding, provider, collate, recordedVersion, actualVersion, outdated } = source.collations;
    const remarks: Remark[] = [];
    if (encoding === "SQL_ASCII") {
      remarks.push(
        warning(
          "The database's encoding is SQL_ASCII: its text is unchecked bytes, and stays so on the target.",
          "Check that the application expects this; converting to UTF8 is a project of its own.",
        ),
      );
    }
    if (recordedVersion !== undefined && actualVersion !== undefined && recordedVersion !== actualVersion) {
      remarks.push(
        warning(
          `The database was made with collation version ${recordedVersion}, the source's library is now ${actualVersion}: indexes on text may be damaged already.`,
          "`reindex database concurrently;` and then `alter database <name> refresh collation version;` on Heroku, before the base backup is taken.",
        ),
      );
    }
    if (outdated.length > 0) {
      remarks.push(
        warning(
          `Collations in use whose library changed since they were made: ${listed(outdated)}.`,
          "Reindex what uses them, then `alter collation <name> refresh version;`.",
        ),
      );
    }
    if (provider === "icu") {
      remarks.push(
        warning(
          `The database sorts with ICU (${collate}); the target's database is made with the libc locale of the same name.`,
          "Compare the order of some sorted text on both sides before window 2.",
        ),
      );
    } else if (!/^(C|POSIX|C\.UTF-?8)$/i.test(collate)) {
      const library = actualVersion === undefined ? "" : ` (glibc ${actualVersion})`;
      remarks.push(
        note(
          `Text is sorted by ${collate}${library}. The bridge reuses the source's indexes as they are, so its glibc must be of the same version; RDS builds its own.`,
          "Choose `aws.bridge.imageId` with the same Ubuntu release as Heroku's servers (`select version();` names it).",
        ),
      );
    }
    return remarks;
  },
};
