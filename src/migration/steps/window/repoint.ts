import { DrawbridgeError } from "../../../errors.ts";
import { copiesOf } from "../../../heroku/database-url.ts";
import type { Secret } from "../../../redact.ts";
import type { Step, StepContext } from "../../step.ts";
import type { World } from "../../world.ts";

/** The step that gives the application the URL of its new primary. Dynos stand at zero, so that nothing restarts yet. */
export function repointTo(place: "bridge" | "target"): Step {
  return {
    name: `repoint-to-${place}`,
    gate: "database-url",
    deadlineMs: 1_200_000,
    // Read before the value is taken away: a crash between detach and PATCH would leave nothing to compare with.
    remember: async (world) => ({ copies: await copiesOfDatabaseUrl(world) }),
    observe: async () => undefined,
    run: async (world, context) => {
      const url = await world.databases.applicationUrl(place);
      const version = await setUrl(world, context, url);
      return { place, release: version };
    },
    undo: "irreversible",
  };
}

async function setUrl(world: World, context: StepContext, url: Secret): Promise<number> {
  const { app, addon } = world.config.heroku;
  const copies = Array.isArray(context.memory["copies"]) ? context.memory["copies"].map(String) : [];
  await context.assertLease();
  const release = await world.heroku.takeDatabaseUrl({ app, addon, url, copies });
  const patience = { deadlineMs: 900_000, signal: context.signal };
  if (release !== undefined && (await world.heroku.waitRelease(app, release.version, patience)) === "succeeded") {
    return release.version;
  }
  // A failed release phase leaves the value set but not deployed: only another release brings it to the dynos.
  const again = await world.heroku.releaseAgain(app);
  if (again !== undefined && (await world.heroku.waitRelease(app, again.version, patience)) === "succeeded") {
    return again.version;
  }
  throw new DrawbridgeError("DB_RELEASE_FAILED", `the release phase of ${app} failed with the new DATABASE_URL`, {
    retryAfterMs: 3000,
  });
}

/** Names of the other config vars that carry the present `DATABASE_URL`; what belongs to attachments is Heroku's own. */
async function copiesOfDatabaseUrl(world: World): Promise<string[]> {
  const vars = await world.heroku.configVars(world.config.heroku.app);
  const current = vars.get("DATABASE_URL");
  return current === undefined ? [] : copiesOf(vars, current).filter((name) => !name.startsWith("HEROKU_POSTGRESQL_"));
}
