import { blocker, type Check, count, listed, type Remark, warning } from "../finding.ts";

/** Numbers 24 and 25: triggers that would fire a second time on the target, and event triggers, which stay behind. */
export const applyTriggers: Check = {
  name: "apply-triggers",
  judge: ({ source }) => {
    if (!source) return undefined;
    const { applyTriggers: always, eventTriggers } = source.special;
    const remarks: Remark[] = [];
    if (always.length > 0) {
      remarks.push(
        blocker(
          `${count(always.length, "trigger")} ENABLE ALWAYS or REPLICA: ${listed(always)}. They would fire again for every replicated row, and the databases would differ.`,
          "`alter table <table> enable trigger <trigger>;` on Heroku (which makes it an ordinary one), or drop it.",
        ),
      );
    }
    if (eventTriggers.length > 0) {
      remarks.push(
        warning(
          `${count(eventTriggers.length, "event trigger")} will not be carried over: ${listed(eventTriggers)}.`,
          "Create what is needed on the target after window 2, as the RDS master.",
        ),
      );
    }
    return remarks;
  },
};
