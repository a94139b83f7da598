import type { HerokuFacts } from "../facts.ts";
import { blocker, type Check, note, type Remark, warning } from "../finding.ts";

/** A window asks Heroku some hundred times; below this it might be refused in the middle of one. */
const enoughRequests = 1000;
const fewRequests = 200;

/** What of the app changes how a window goes. */
export const herokuApp: Check = {
  name: "heroku-app",
  judge: ({ heroku }) => heroku && [...state(heroku), ...writers(heroku), ...requests(heroku)],
};

function state({ app, formation }: HerokuFacts): Remark[] {
  const remarks: Remark[] = [];
  if (app.maintenance) {
    remarks.push(
      warning(
        `${app.name} is in maintenance mode now.`,
        `If nobody meant it: \`heroku maintenance:off -a ${app.name}\`. A window turns it off at its end.`,
      ),
    );
  }
  if (app.space !== undefined) {
    remarks.push(
      warning(
        `${app.name} runs in the Private Space ${app.space}; its outgoing addresses and its maintenance mode behave differently.`,
        "Allow the space's outbound addresses in `aws.bridge.ingressCidrs`, and try a window on a staging app first.",
      ),
    );
  }
  if (app.generation === "fir") {
    remarks.push(
      warning(
        `${app.name} is on the Fir generation, on which Drawbridge's windows have not been tried.`,
        "Try a whole migration with a staging app of the same generation first.",
      ),
    );
  }
  if (formation.every(({ quantity }) => quantity === 0)) {
    remarks.push(
      warning(
        `${app.name} runs no dynos: nothing would answer the health probe at the end of a window.`,
        `\`heroku ps:scale web=1 -a ${app.name}\`, if it should run.`,
      ),
    );
  }
  return remarks;
}

function writers({ app, formation, preboot, appAttachments }: HerokuFacts): Remark[] {
  const remarks: Remark[] = [];
  if (formation.some(({ type }) => type === "release")) {
    remarks.push(
      note(
        `${app.name} has a release phase: it runs with each new DATABASE_URL inside the windows, and its time is part of the outage.`,
        "Make sure that it is quick and does not fail when there is nothing to migrate.",
      ),
    );
  }
  if (preboot) {
    remarks.push(
      note(
        `${app.name} has preboot on; Drawbridge turns it off for the time of each window, since old dynos would go on writing.`,
        "Nothing to do.",
      ),
    );
  }
  const scheduler = appAttachments.some(
    ({ name, addonName }) => name.startsWith("SCHEDULER") || addonName.startsWith("scheduler-"),
  );
  if (scheduler) {
    remarks.push(
      note(
        `${app.name} has Heroku Scheduler, which goes on starting one-off dynos in maintenance mode; the fence refuses their writes.`,
        "Move jobs that must not fail out of the windows.",
      ),
    );
  }
  return remarks;
}

function requests({ requestsLeft }: HerokuFacts): Remark[] {
  if (requestsLeft >= enoughRequests) return [];
  const words = `Heroku's API grants this account ${requestsLeft} more requests for now; a window needs some hundred.`;
  const fix = "Find out what else uses this account's token; the allowance of 4500 an hour comes back by itself.";
  return [requestsLeft < fewRequests ? blocker(words, fix) : warning(words, fix)];
}
