import { approvalsOf } from "../../journal/approvals-rows.ts";
import { addRequester, getMigration } from "../../journal/migrations.ts";
import { journalNow } from "../../journal/now.ts";
import { windowFacts } from "../../journal/phase.ts";
import { currentWindow } from "../../journal/windows.ts";
import { neededMs, openWindow } from "../open-window.ts";
import { demandPromotable } from "../standby-guard.ts";
import { type CommandHandler, done, refused } from "./command.ts";
import { whatIsMissing } from "./go-missing.ts";

/**
 * `/migrate go`: consumes all gates of the window at once, as a lease on it, and starts. Refused unless every gate is
 * armed and outlives twice the forecast plus a minute, so that no vote runs out inside.
 */
export const goCommand: CommandHandler = async (world, { command, ring }) => {
  const { db } = world.journal;
  const migration = await getMigration(db, world.migrationId);
  const window = await currentWindow(db, world.migrationId);
  if (migration === undefined || window === undefined) {
    return refused("No window waits for you. `/migrate window` asks for approvals first.");
  }
  if (migration.intent !== "run") {
    return refused(
      `${migration.id} is held: the votes would be used up for nothing. \`/migrate resume\`, then \`/migrate go\`.`,
    );
  }
  if (window.state === "open") return refused(`${window.name.replace("-", " ")} is open already.`);
  const approvals = await approvalsOf(db, migration.id, window.id);
  const missing = whatIsMissing(approvals, await journalNow(db), neededMs(window));
  if (missing !== undefined) return refused(missing);
  // the agent may have found only since people voted that the bridge cannot take over: no vote is used up for that
  if (window.name === "window-1") await demandPromotable(world);
  await addRequester(db, migration.id, command, "go");
  await openWindow(world, { windowId: window.id, by: command.person });
  await ring(windowFacts[window.name].phase);
  // retiring takes nothing away from the site, and cannot be put back
  const back = window.name === "retire" ? "" : "; ⛔ by an approver puts it back until the point of no return";
  return done(`${window.name.replace("-", " ")} begins now. Its message shows each step${back}.`);
};
