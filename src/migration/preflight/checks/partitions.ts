import { type Check, count, listed, note } from "../finding.ts";

/** Number 12. */
export const partitions: Check = {
  name: "partitions",
  judge: ({ source }) => {
    if (!source) return undefined;
    const roots = source.tables.filter(({ kind }) => kind === "partitioned");
    if (roots.length === 0) return [];
    return [
      note(
        `${count(roots.length, "partitioned table")}: ${listed(roots.map(({ schema, name }) => `${schema}.${name}`))}. Each partition is published and copied by itself.`,
        "Create no partitions between the phases `replicate` and `cutover`: new ones would not be replicated. Pause jobs that do.",
      ),
    ];
  },
};
