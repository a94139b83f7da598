import { type Check, count, listed, note } from "../finding.ts";

/** Number 33, in part: what else lives in the cluster comes along to the bridge, and not to the target. */
export const otherDatabases: Check = {
  name: "other-databases",
  judge: ({ source }) => {
    if (!source) return undefined;
    const names = source.otherDatabases;
    if (names.length === 0) return [];
    return [
      note(
        `${count(names.length, "other database")} in the same cluster will not be migrated: ${listed(names)}.`,
        "Nothing to do, unless the application uses them.",
      ),
    ];
  },
};
