import { blocker, type Check, listed } from "../finding.ts";

/** Our only trace on the source is schema `drawbridge`; one that somebody else made would be dropped at the end. */
export const markerSchema: Check = {
  name: "marker-schema",
  judge: ({ source }) => {
    if (!source) return undefined;
    const there = source.markerSchema;
    if (!there || (there.ownedByUs && there.strangers.length === 0)) return [];
    const why = there.ownedByUs ? `it holds ${listed(there.strangers)}` : `it belongs to ${there.owner}`;
    return [
      blocker(
        `There is a schema drawbridge on the source that is not Drawbridge's: ${why}. It would not be migrated, and would be dropped at the end.`,
        "Rename it: `alter schema drawbridge rename to <another name>;`.",
      ),
    ];
  },
};
