import type { Snapshot } from "../report/snapshot.ts";
import type { Verb } from "./parse.ts";
import { anyOf, clockTime } from "./render/text.ts";
import { windowWords } from "./render/words.ts";

/**
 * Why a command would be refused, or do nothing, as things stand; `undefined`: it makes sense now. For help and for the answer
 * of the first moment; the worker judges anew when it carries the command out. Pure. Slack text.
 */
export function whyNot(verb: Verb, snapshot: Snapshot | undefined): string | undefined {
  switch (verb) {
    case "help":
    case "whoami":
    case "plan":
      return undefined;
    case "check":
      if (snapshot === undefined || snapshot.phase === "preflight") return undefined;
      return "preflight is behind us; `/migrate status` shows where it is";
    case "status":
    case "lag":
    case "timeline":
    case "comms":
      return snapshot === undefined ? "there is no migration yet" : undefined;
    case "start":
      if (snapshot === undefined || snapshot.state === "draft") return undefined;
      return snapshot.state === "active" ? "it runs already" : ended(snapshot);
    case "window":
    case "go":
    case "hold":
    case "resume":
    case "retry":
    case "abort":
      if (snapshot === undefined) return "there is no migration yet";
      if (snapshot.state === "completed" || snapshot.state === "aborted") return ended(snapshot);
      return ofRunning(verb, snapshot);
  }
}

function ended({ state }: Snapshot): string {
  return state === "completed" ? "the migration is finished" : "the migration was stopped";
}

function ofRunning(
  verb: "window" | "go" | "hold" | "resume" | "retry" | "abort",
  snapshot: Snapshot,
): string | undefined {
  const { waiting, window, intent } = snapshot;
  switch (verb) {
    case "window":
      if (window?.state === "open") return `${windowWords[window.name]} is open`;
      return window?.state === "asking" || waiting.kind === "window" ? undefined : "no window is next";
    case "go":
      return goObjection(snapshot);
    case "hold":
      return intent === "hold" ? "it is on hold already" : undefined;
    case "resume":
      return intent === "hold" || snapshot.phases.some(({ state }) => state === "paused")
        ? undefined
        : "it is not on hold";
    case "retry":
      return snapshot.fault === undefined ? "nothing has failed" : undefined;
    case "abort":
      if (window?.noReturnAt !== undefined)
        return `${windowWords[window.name]} is past its point of no return; it goes forward`;
      return snapshot.phase === "soak" || snapshot.phase === "retire"
        ? "RDS is the primary; there is nothing to put back"
        : undefined;
  }
}

function goObjection({ window, waiting, approvals, intent }: Snapshot): string | undefined {
  if (window === undefined) return "no window waits; `/migrate window` asks for its approvals first";
  if (window.state === "open") return `${windowWords[window.name]} is open already`;
  if (intent !== "run") return "it is on hold; `/migrate resume` comes first";
  if (waiting.kind === "approvals")
    return `${waiting.missing} more of ${anyOf(waiting.people)} must react ✅ on the gates until ${clockTime(waiting.until)}`;
  const dead = approvals.find(({ undecided, state }) => !undecided && state !== "CONSUMED");
  return dead === undefined
    ? undefined
    : `gate ${dead.gate} is ${dead.state.toLowerCase()}; \`/migrate window\` asks again`;
}
