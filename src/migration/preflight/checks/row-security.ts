import { blocker, type Check, count, listed, type Remark } from "../finding.ts";

/** Number 23: policies hide rows from whoever copies without BYPASSRLS, silently; FORCE hides them from the owner too. */
export const rowSecurity: Check = {
  name: "row-security",
  judge: ({ source }) => {
    if (!source) return undefined;
    const guarded = source.tables.filter((table) => table.rowSecurity);
    const forced = guarded.filter((table) => table.forcedRowSecurity);
    const enabled = guarded.filter((table) => !table.forcedRowSecurity);
    const named = (tables: typeof guarded): string => listed(tables.map(({ schema, name }) => `${schema}.${name}`));
    const remarks: Remark[] = [];
    if (forced.length > 0) {
      remarks.push(
        blocker(
          `${count(forced.length, "table")} with FORCE ROW LEVEL SECURITY: ${named(forced)}. The target's apply process refuses to write to them.`,
          "`alter table <table> no force row level security;` for the time of the migration, if the application does not connect as the tables' owner.",
        ),
      );
    }
    if (enabled.length > 0) {
      remarks.push(
        blocker(
          `${count(enabled.length, "table")} with row level security: ${named(enabled)}. A copy by a role without BYPASSRLS would silently leave rows out.`,
          "`alter table <table> disable row level security;` for the time of the migration, where the application can do without it; otherwise these tables cannot be migrated yet.",
        ),
      );
    }
    return remarks;
  },
};
