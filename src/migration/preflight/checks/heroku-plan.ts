import { blocker, type Check, type Remark } from "../finding.ts";

// Classic tiers have a WAL archive that support can give access to; the others have none (reference/heroku-and-aws.md 1.6).
const classic = /^heroku-postgresql:(standard|premium|private|shield|enterprise)/;

/** The plan decides whether there is a WAL archive at all. */
export const herokuPlan: Check = {
  name: "heroku-plan",
  judge: ({ heroku }) => {
    if (!heroku) return undefined;
    const { name, plan, state } = heroku.addon;
    const remarks: Remark[] = [];
    if (!plan.startsWith("heroku-postgresql:")) {
      remarks.push(
        blocker(`${name} is ${plan}, no Heroku Postgres database.`, "Set `heroku.addon` to the database's add-on."),
      );
    } else if (!classic.test(plan)) {
      remarks.push(
        blocker(
          `${name} is on ${plan}: Essential and Advanced plans have no WAL archive that a bridge could be restored from.`,
          "Move the database to a Standard or Premium plan first (`heroku pg:upgrade` or `heroku addons:create`), or dump and restore it in a long window without Drawbridge.",
        ),
      );
    }
    if (state !== "provisioned") {
      remarks.push(
        blocker(
          `Heroku says that ${name} is ${state}, not provisioned.`,
          "Wait until it is (`heroku addons:info`), then `/migrate check`.",
        ),
      );
    }
    return remarks;
  },
};
