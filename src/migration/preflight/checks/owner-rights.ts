import { blocker, type Check, note, type Remark } from "../finding.ts";

/** The role of `DATABASE_URL` has to see everything and to end the sessions of others: both make the fence. */
export const ownerRights: Check = {
  name: "owner-rights",
  judge: ({ source }) => {
    if (!source) return undefined;
    const { user, isSuperuser } = source.identity;
    const lacking = [
      ...(source.rights.monitor ? [] : ["pg_monitor"]),
      ...(source.rights.signalBackend ? [] : ["pg_signal_backend"]),
    ];
    const remarks: Remark[] = [];
    if (lacking.length > 0) {
      remarks.push(
        blocker(
          `${user} is no member of ${lacking.join(" and ")}: Drawbridge could neither see nor end every session that writes.`,
          "Use the database's default credential (`heroku pg:credentials:url DATABASE`); if that one lacks them, ask Heroku support.",
        ),
      );
    }
    if (isSuperuser) {
      remarks.push(
        note(
          `${user} is a superuser, which a Heroku owner never is; it gets no superuser on RDS.`,
          "Check that the application does nothing that needs a superuser.",
        ),
      );
    }
    return remarks;
  },
};
