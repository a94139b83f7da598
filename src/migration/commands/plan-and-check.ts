import { getPhaseRun, raiseTry } from "../../journal/phase-runs.ts";
import { type Phase, phases } from "../../journal/phase.ts";
import { plan } from "../plan.ts";
import type { World } from "../world.ts";
import { type CommandHandler, done, refused } from "./command.ts";
import { ensureDraft } from "./draft.ts";

/** `/migrate plan`: what would be done, in order, and where two people are needed. Changes nothing outside the journal. */
export const planCommand: CommandHandler = async (world, { command, ring }) => {
  await ensureDraft(world, command.person);
  await ring("preflight");
  return done(planText(world));
};

const purpose: Readonly<Record<Phase, string>> = {
  preflight: "reads and reports what would break; touches nothing",
  provision: "starts the bridge (EC2) and the target (RDS)",
  "prepare-target":
    "roles, database and a trial load of the schema on RDS; on the source only a small schema of our own",
  "restore-bridge": "restores Heroku's backup and WAL on the bridge, while the app goes on",
  follow: "waits until the bridge keeps up",
  promote: "WINDOW 1: writes stop for seconds, the bridge takes over from Heroku Postgres",
  replicate: "copies every table to RDS and keeps it current, while the app goes on",
  cutover: "WINDOW 2: writes stop for seconds, every row is compared, RDS takes over from the bridge",
  soak: "watches RDS; the bridge is kept current as a way back",
  retire: "ends the way back, terminates the bridge, lists what is left",
};

function planText(world: World): string {
  const lines = phases.map((phase, at) => {
    const gates = plan[phase].flatMap(({ gate }) => (gate === undefined ? [] : [gate]));
    const asks = gates.length === 0 ? "" : `\n▲ two people approve: ${gates.join(", ")}`;
    return `${at + 1}. ${phase} (${plan[phase].length} ${plan[phase].length === 1 ? "step" : "steps"}): ${purpose[phase]}${asks}`;
  });
  const { app } = world.config.heroku;
  return [
    `How ${app} would move to RDS: ten phases, two windows without writes, nothing gated without two people.`,
    ...lines,
    `Nothing is touched until \`/migrate start\`. Preflight runs now; its findings come in the card's thread. Each gate's thread names every step before anybody votes. Configuration ${world.configDigest.slice(0, 8)}.`,
  ].join("\n");
}

/** `/migrate check`: preflight again. */
export const checkCommand: CommandHandler = async (world, { command, ring }) => {
  const migration = await ensureDraft(world, command.person);
  if (migration.phase !== "preflight") {
    return refused(
      `${migration.id} is past preflight (now: ${migration.phase}); \`/migrate status\` shows where it is.`,
    );
  }
  const run = await getPhaseRun(world.journal.db, migration.id, "preflight");
  if (run !== undefined && run.state !== "waiting" && run.state !== "running") {
    await raiseTry(world.journal.db, migration.id, "preflight");
  }
  await ring("preflight");
  return done("Preflight runs now and only reads. Its findings come in the thread of the card.");
};
