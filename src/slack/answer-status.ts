import { type Phase, windowOf } from "../journal/phase.ts";
import type { Snapshot } from "../report/snapshot.ts";
import { gateLines, renderCard } from "./render/card.ts";
import { allOf, anyOf, clockTime, duration, plainName } from "./render/text.ts";
import { phaseWords, windowWords } from "./render/words.ts";
import type { BotSettings } from "./settings.ts";

/** Where it stands, in the card's words, with what each gate lacks and what happens then. Slack text. */
export function status(settings: BotSettings, snapshot: Snapshot): string {
  return [
    renderCard(snapshot, settings).message.text,
    ...gateLines(snapshot),
    `*What comes next*: ${then(snapshot)}`,
  ].join("\n");
}

/** Who is still needed, and what happens when they have done it. */
function then(snapshot: Snapshot): string {
  const { waiting } = snapshot;
  switch (waiting.kind) {
    case "approvals":
      return `${anyOf(waiting.people)} react${waiting.people.length === 1 ? "s" : ""} ✅ on the gates (${waiting.missing || "no"} more needed, until ${clockTime(waiting.until)}); then a driver types \`/migrate go\`. Nothing stops before that; if it runs out, nothing happens and the window is asked for again.`;
    case "go":
      return `${plainName(snapshot.driver)} types \`/migrate go\` until ${clockTime(waiting.until)}; then ${windowWords[waiting.window]} opens at once${stopsFor(snapshot)}.`;
    case "window":
      return `${plainName(snapshot.driver)} types \`/migrate window\`, and two approvers are asked for ${windowWords[waiting.window]}. Until then everything runs on as it is.`;
    case "start":
      return `${plainName(snapshot.driver)} types \`/migrate start\`; it then runs by itself up to window 1.`;
    case "resume":
      return "`/migrate resume` goes on where it stopped; until then nothing new begins.";
    case "mend":
      return `${plainName(snapshot.driver)} mends what is named above and types \`/migrate retry\`; what was done is not done again.`;
    case "nothing":
      return runsOn(snapshot);
  }
}

function stopsFor({ window }: Snapshot): string {
  if (window === undefined || window.name === "retire") return "";
  return `, and writes stop for about ${duration(window.forecastMs)}`;
}

function runsOn(snapshot: Snapshot): string {
  if (snapshot.state === "completed") return "nothing; the migration is finished.";
  if (snapshot.state === "aborted") return "nothing; the migration was stopped.";
  const voted = snapshot.window?.state === "open" ? snapshot.approvals.flatMap((gate) => gate.voters) : [];
  if (voted.length > 0)
    return `the window runs by itself on the word of ${allOf([...new Set(voted.map((vote) => vote.person))])}.`;
  const at = snapshot.phases.findIndex((phase) => phase.name === snapshot.phase);
  const following = snapshot.phases[at + 1];
  return following === undefined
    ? "it ends by itself."
    : `nobody is needed; after ${phaseWords[snapshot.phase].name} comes ${phaseWords[following.name].name}${isGated(following.name) ? ", which waits for people" : ""}.`;
}

function isGated(phase: Phase): boolean {
  return windowOf(phase) !== undefined;
}
