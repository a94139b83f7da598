import { getPhaseRun, raiseTry } from "../../journal/phase-runs.ts";
import { phases, windowOf } from "../../journal/phase.ts";
import { plan } from "../plan.ts";
import { type CommandHandler, done, refused } from "./command.ts";
import { ensureDraft } from "./draft.ts";

/** `/migrate plan`: what would be done, in order, and where two people are needed. Changes nothing outside the journal. */
export const planCommand: CommandHandler = async (world, { command, ring }) => {
  const migration = await ensureDraft(world, command.person);
  await ring("preflight");
  const lines = phases.map((phase, at) => {
    const gates = plan[phase].flatMap(({ gate }) => (gate === undefined ? [] : [gate]));
    const window = windowOf(phase);
    const needs =
      gates.length === 0
        ? ""
        : ` — two people approve: ${gates.join(", ")}${window === undefined ? "" : ` (${window})`}`;
    return `${at + 1}. *${phase}*: ${plan[phase].map(({ name }) => name).join(" → ")}${needs}`;
  });
  const head = `Plan for ${migration.id} (configuration ${world.configDigest.slice(0, 8)}). Preflight reads and reports; nothing is touched until \`/migrate start\`.`;
  return done([head, ...lines].join("\n"));
};

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
