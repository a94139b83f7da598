import { type Check, count, listed, warning } from "../finding.ts";

/** Number 21, domains and constraints: the target applies a CHECK to every row that comes, also to old ones that break it. */
export const unprovenChecks: Check = {
  name: "unproven-checks",
  judge: ({ source }) => {
    if (!source) return undefined;
    const found = source.unprovenChecks;
    if (found.length === 0) return [];
    const fixes = found
      .slice(0, 3)
      .map(({ on, owner, name }) => `\`alter ${on} ${owner} validate constraint "${name}";\``);
    return [
      warning(
        `${count(found.length, "CHECK constraint")} NOT VALID: ${listed(found.map(({ owner, name }) => `${owner}.${name}`))}. A row that breaks one stops the copy to the target.`,
        `${fixes.join(" ")}${found.length > 3 ? " and so on" : ""} — where that fails, correct the rows or drop the constraint.`,
      ),
    ];
  },
};
