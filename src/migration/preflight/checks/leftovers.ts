import { blocker, type Check, listed, note, type Remark, warning } from "../finding.ts";

/** Number 27: publications, subscriptions and slots that are there already come over to the bridge with everything else. */
export const leftovers: Check = {
  name: "leftovers",
  judge: ({ source }) => {
    if (!source) return undefined;
    const { publications, subscriptions, logicalSlots } = source.special;
    const remarks: Remark[] = [];
    if (subscriptions.length > 0) {
      remarks.push(
        blocker(
          `The source subscribes to other databases (${listed(subscriptions)}): the promoted bridge would read the same slots.`,
          "`alter subscription <name> disable; drop subscription <name>;` on the source before `/migrate start`.",
        ),
      );
    }
    if (logicalSlots.length > 0) {
      remarks.push(
        warning(
          `Something reads the source's changes through logical slots: ${listed(logicalSlots.map(({ name, active }) => `${name}${active ? " (active)" : ""}`))}. They do not come over.`,
          "Plan how that consumer starts anew after window 2, for instance with a full sync.",
        ),
      );
    }
    if (publications.length > 0) {
      remarks.push(
        note(
          `Publications are not carried to the target: ${listed(publications)}.`,
          "Create them on the target after window 2, if anything still reads them.",
        ),
      );
    }
    return remarks;
  },
};
