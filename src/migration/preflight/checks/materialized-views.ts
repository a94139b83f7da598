import { type Check, count, listed, note } from "../finding.ts";

/** Number 16. */
export const materializedViews: Check = {
  name: "materialized-views",
  judge: ({ source }) => {
    if (!source) return undefined;
    const views = source.special.materializedViews.map(({ schema, name }) => `${schema}.${name}`);
    if (views.length === 0) return [];
    return [
      note(
        `${count(views.length, "materialized view")}: ${listed(views)}. Drawbridge refreshes ${views.length === 1 ? "it" : "them"} on the target after the copy.`,
        "Refresh again after window 2 where fresh rows matter.",
      ),
    ];
  },
};
