import { type Check, count, listed, type Remark, warning } from "../finding.ts";

/** Number 11: tables whose rows are in no WAL. Temporary ones die with their sessions anyway. */
export const unreplicatedTables: Check = {
  name: "unreplicated-tables",
  judge: ({ source }) => {
    if (!source) return undefined;
    const { tables } = source;
    const named = (kept: typeof tables): string[] => kept.map(({ schema, name }) => `${schema}.${name}`);
    const foreign = named(tables.filter(({ kind }) => kind === "foreign"));
    const unlogged = named(tables.filter(({ persistence, kind }) => persistence === "unlogged" && kind !== "foreign"));
    const remarks: Remark[] = [];
    if (unlogged.length > 0) {
      remarks.push(
        warning(
          `${count(unlogged.length, "unlogged table")} will arrive empty, already on the bridge: ${listed(unlogged)}.`,
          "If the rows matter: `alter table <table> set logged;` on Heroku before `/migrate start`. Otherwise have the application fill them again.",
        ),
      );
    }
    if (foreign.length > 0) {
      remarks.push(
        warning(
          `${count(foreign.length, "foreign table")}: ${listed(foreign)}. The definitions travel, the rows stay where they are, and RDS has to reach that server itself.`,
          "Open the way from RDS to the foreign server, or `drop foreign table <table>;` where it is not needed.",
        ),
      );
    }
    return remarks;
  },
};
