import { randomUUID } from "node:crypto";
import { DrawbridgeError } from "../../../errors.ts";
import { noteWindow } from "../../../journal/windows.ts";
import { openDatabase } from "../../../postgres/connect.ts";
import { commitMarker } from "../../../postgres/marker.ts";
import type { Step } from "../../step.ts";

/** Logs in with the application's new `DATABASE_URL`, as Heroku gives it out, and commits: the end of the database's outage. */
export const proveWrites: Step = {
  name: "prove-writes",
  deadlineMs: 60_000,
  observe: async () => undefined,
  run: async (world, context) => {
    const url = (await world.heroku.configVars(world.config.heroku.app)).get("DATABASE_URL");
    if (url === undefined) throw new DrawbridgeError("DB_HEROKU", `${world.config.heroku.app} has no DATABASE_URL`);
    await using db = openDatabase(url, { applicationName: "drawbridge-prove", max: 1 });
    await context.assertLease();
    await commitMarker(db, "first-write", randomUUID());
    const firstCommitAt = world.clock.now().toISOString();
    if (context.window !== undefined) await noteWindow(world.journal.db, context.window.id, { firstCommitAt });
    return { firstCommitAt };
  },
  undo: "irreversible",
};
