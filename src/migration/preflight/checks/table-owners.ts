import { blocker, type Check, count, listed } from "../finding.ts";

/** The fence is a lock on every table: who may not take it cannot prove that nobody writes. */
export const tableOwners: Check = {
  name: "table-owners",
  judge: ({ source }) => {
    if (!source) return undefined;
    const { user } = source.identity;
    const beyond = source.tables.filter(({ kind, lockable }) => kind !== "foreign" && !lockable);
    if (beyond.length === 0) return [];
    const owners = [...new Set(beyond.map(({ owner }) => owner))];
    return [
      blocker(
        `${user} may not lock ${count(beyond.length, "table")} that ${beyond.length === 1 ? "belongs" : "belong"} to ${listed(owners)}: ${listed(beyond.map(({ schema, name }) => `${schema}.${name}`))}.`,
        `As ${owners[0] ?? "the owner"}: \`grant select, update on <table> to "${user}";\` for each, or \`alter table <table> owner to "${user}";\`.`,
      ),
    ];
  },
};
