import { blocker, type Check, listed } from "../finding.ts";

/**
 * Number 43, as far as the configuration tells: enough people who may vote when any driver has asked. Whether they are
 * awake and full members of the workspace is seen by the bot when it opens a gate.
 */
export const approvers: Check = {
  name: "approvers",
  judge: ({ people }) => {
    const drivers = new Set(people.drivers);
    const eligible = people.approvers.filter((person) => !drivers.has(person));
    if (eligible.length >= people.required) return [];
    return [
      blocker(
        `${people.required} approvers are needed who drive nothing themselves; the configuration lists ${eligible.length === 0 ? "none" : `only ${listed(eligible)}`}.`,
        "Add people to `approvals.approvers` who are not among `approvals.drivers`: whoever asks for a step cannot approve it.",
      ),
    ];
  },
};
