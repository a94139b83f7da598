import { blocker, type Check, count } from "../finding.ts";

/** Number 17: logical replication does not carry large objects. */
export const largeObjects: Check = {
  name: "large-objects",
  judge: ({ source }) => {
    if (!source) return undefined;
    if (source.largeObjects === 0) return [];
    return [
      blocker(
        `The database holds ${count(source.largeObjects, "large object")}; logical replication does not carry them to RDS.`,
        "Move them into bytea columns (`update <table> set <bytea column> = lo_get(<oid column>);`) or to S3, then remove them: `vacuumlo` takes away those that no oid column refers to, `select lo_unlink(oid) from pg_largeobject_metadata;` all of them.",
      ),
    ];
  },
};
