import type { HerokuFacts } from "../facts.ts";
import { blocker, type Check, listed, note, type Remark, warning } from "../finding.ts";

/** Number 40: who owns `DATABASE_URL`, and who else lives on this database. */
export const databaseUrlCheck: Check = {
  name: "database-url",
  judge: ({ heroku }) => heroku && [...owner(heroku), ...others(heroku), ...copies(heroku)],
};

function owner(heroku: HerokuFacts): Remark[] {
  const { app, addon, databaseUrl } = heroku;
  if (databaseUrl.by === "none") {
    return [
      blocker(
        `${app.name} has no DATABASE_URL: Drawbridge would have nothing to move.`,
        `\`heroku addons:attach ${addon.name} --as DATABASE -a ${app.name}\`, or correct \`heroku.app\`.`,
      ),
    ];
  }
  if (databaseUrl.by === "config") {
    if (databaseUrl.isSource) return [];
    return [
      blocker(
        `DATABASE_URL of ${app.name} is a plain config var and not the URL of ${addon.name}: the app writes to another database.`,
        `Correct \`heroku.addon\`, or attach the database as DATABASE: \`heroku addons:attach ${addon.name} --as DATABASE -a ${app.name}\`.`,
      ),
    ];
  }
  const { attachment } = databaseUrl;
  if (attachment.addonId !== addon.id) {
    return [
      blocker(
        `DATABASE on ${app.name} is ${attachment.addonName}, not ${addon.name}.`,
        `Set \`heroku.addon: ${attachment.addonName}\`, or promote the right one: \`heroku pg:promote ${addon.name} -a ${app.name}\`.`,
      ),
    ];
  }
  if (attachment.namespace === undefined) return [];
  return [
    warning(
      `DATABASE_URL of ${app.name} goes through ${attachment.namespace} of ${addon.name}; after window 1 it is the database's owner, directly.`,
      "Check that the application works so (pool sizes, rights), or attach the default credential before: `heroku addons:attach … --as DATABASE`.",
    ),
  ];
}

function others({ app, addon, addonAttachments, appAttachments }: HerokuFacts): Remark[] {
  const remarks: Remark[] = [];
  const apps = [...new Set(addonAttachments.map((each) => each.app))].filter((name) => name !== app.name);
  if (apps.length > 0) {
    remarks.push(
      warning(
        `Other apps use ${addon.name} as well: ${listed(apps)}. Drawbridge changes ${app.name} only; the others lose their writes at the fence and keep the old URL.`,
        "Stop them before window 1 and give them the new URL by hand after it, or detach them now.",
      ),
    );
  }
  const own = appAttachments.filter((each) => each.addonId === addon.id && each.namespace === undefined);
  if (own.every((each) => each.name === "DATABASE")) {
    remarks.push(
      note(
        `${addon.name} has no second attachment on ${app.name}; Drawbridge makes one in \`prepare-target\`, which is a release with a restart.`,
        "Nothing to do, if a restart is in order then.",
      ),
    );
  }
  return remarks;
}

function copies({ urlCopies, app }: HerokuFacts): Remark[] {
  if (urlCopies.length === 0) return [];
  return [
    note(
      `${listed(urlCopies)} of ${app.name} hold the same URL as DATABASE_URL and are changed together with it.`,
      "Nothing to do. Copies elsewhere (other services, secrets stores) are yours to change.",
    ),
  ];
}
