import { type Check, count, listed, note } from "../finding.ts";

/** Number 13. */
export const generatedColumns: Check = {
  name: "generated-columns",
  judge: ({ source }) => {
    if (!source) return undefined;
    if (source.generatedColumns.length === 0) return [];
    return [
      note(
        `${count(source.generatedColumns.length, "generated column")}: ${listed(source.generatedColumns)}. The target computes them itself; verification compares the results.`,
        "Nothing to do.",
      ),
    ];
  },
};
