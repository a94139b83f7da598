import type { BotSettings } from "../../src/slack/settings.ts";

/** A small team: Greg drives; Ann, Bob and Cyn approve. */
export const settings: BotSettings = {
  migration: "shop-production",
  heroku: { app: "shop-production" },
  slack: { team: "T0001", app: "A0001", channel: "CMAIN", commsChannel: "CCOMMS" },
  approvals: {
    required: 2,
    approvers: [
      { person: "ann", slack: ["UANN", "UANN2"] },
      { person: "bob", slack: ["UBOB"] },
      { person: "cyn", slack: ["UCYN"] },
    ],
    drivers: [{ person: "greg", slack: ["UGREG"] }],
    approveEmoji: "white_check_mark",
    vetoEmoji: "no_entry",
  },
};
