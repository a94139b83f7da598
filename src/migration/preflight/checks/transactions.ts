import { blocker, type Check, count, listed, type Remark, span, warning } from "../finding.ts";

const longMs = 300_000;
const idleMs = 60_000;

/** Number 26: prepared transactions travel to the bridge and make slots hang; long ones hold up the fence. */
export const transactions: Check = {
  name: "transactions",
  judge: ({ source }) => {
    if (!source) return undefined;
    const remarks: Remark[] = [];
    const { prepared } = source;
    if (prepared.length > 0) {
      const [first] = prepared;
      remarks.push(
        blocker(
          `${count(prepared.length, "prepared transaction")}: ${listed(prepared.map(({ gid, database, owner }) => `${gid} (${owner} in ${database})`))}. They come over to the bridge, where no replication slot can be made while they stand.`,
          `Connect to ${first?.database ?? "the database"} as ${first?.owner ?? "their owner"} and \`commit prepared '${first?.gid ?? "gid"}';\` or \`rollback prepared\`, and have the application stop using two-phase commit.`,
        ),
      );
    }
    const slow = source.oldTransactions.filter(
      ({ ageMs, state }) => ageMs > longMs || ((state ?? "").startsWith("idle in transaction") && ageMs > idleMs),
    );
    if (slow.length > 0) {
      const shown = slow.map(
        ({ pid, user, applicationName, state, ageMs }) =>
          `pid ${pid} (${user ?? "?"}, ${applicationName === "" ? "no application name" : applicationName}, ${state ?? "?"}, ${span(ageMs)})`,
      );
      remarks.push(
        warning(
          `${count(slow.length, "transaction")} open for long: ${listed(shown)}. In a window the fence ends them; before, they hold up slots and locks.`,
          "Find out what they are; `heroku pg:kill <pid>` ends one. Pause such jobs before a window.",
        ),
      );
    }
    return remarks;
  },
};
