import { blocker, type Check, count, listed, note, type Remark } from "../finding.ts";

/** Number 23: policies hide rows from whoever copies without BYPASSRLS, silently (ours has it); FORCE hides them from the owner too. */
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
        note(
          `${count(enabled.length, "table")} with row level security: ${named(enabled)}. Drawbridge copies them with BYPASSRLS, so that no policy hides a row; the policies go along.`,
          "Nothing to do.",
        ),
      );
    }
    return remarks;
  },
};
