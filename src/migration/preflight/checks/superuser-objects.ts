import { blocker, type Check, count, listed } from "../finding.ts";

/** Number 21, the part that a schema dump cannot carry: types, operators and functions that only a superuser can make. */
export const superuserObjects: Check = {
  name: "superuser-objects",
  judge: ({ source }) => {
    if (!source) return undefined;
    const names = source.superuserObjects;
    if (names.length === 0) return [];
    return [
      blocker(
        `${count(names.length, "object")} outside any extension can only be made by a superuser, which nobody is on RDS: ${listed(names)}.`,
        "Replace them (SQL or PL/pgSQL functions, domains or composite types, an extension that RDS supports) or drop them, then `/migrate check`.",
      ),
    ];
  },
};
