import { blocker, type Check, note, type Remark, warning } from "../finding.ts";

/** Number 2: majors that we support, and a target that is not older. The bridge always has the source's major: it is its copy. */
export const versions: Check = {
  name: "versions",
  judge: ({ source, wish }) => {
    if (!source) return undefined;
    const { version, fullVersion, inRecovery } = source.identity;
    const remarks: Remark[] = [];
    if (inRecovery) {
      remarks.push(
        blocker(
          `${wish.addon} is in recovery: it is a follower, not the primary.`,
          "Set `heroku.addon` in the configuration to the add-on that the app writes to.",
        ),
      );
    }
    if (version < 14 || version > 18) {
      remarks.push(
        blocker(
          `The source runs PostgreSQL ${fullVersion}; Drawbridge moves 14 to 18.`,
          version < 14
            ? "Upgrade the Heroku database first (`heroku pg:upgrade`), then `/migrate check`."
            : "Wait for a Drawbridge that knows this version.",
        ),
      );
    }
    if (wish.targetMajor < version) {
      remarks.push(
        blocker(
          `The target is to run PostgreSQL ${wish.targetMajor}, older than the source's ${version}: a schema does not load backwards.`,
          `Set \`aws.target.engineVersion\` to "${version}" or newer.`,
        ),
      );
    } else if (wish.targetMajor < 16) {
      remarks.push(
        warning(
          `On PostgreSQL ${wish.targetMajor} only RDS's own changes let its master create subscriptions.`,
          'Prefer `aws.target.engineVersion: "17"`; 16 and later allow it by themselves.',
        ),
      );
    } else if (wish.targetMajor > version) {
      remarks.push(
        note(
          `The migration is an upgrade as well: PostgreSQL ${version} to ${wish.targetMajor}.`,
          `Run the application's tests against PostgreSQL ${wish.targetMajor} before window 2.`,
        ),
      );
    }
    return remarks;
  },
};
