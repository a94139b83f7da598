import type { Snapshot } from "../report/snapshot.ts";
import { type Verb, verbs } from "./parse.ts";
import { may, verbsFor, whoMay } from "./permission.ts";
import { anyOf } from "./render/text.ts";
import { windowWords } from "./render/words.ts";
import { whyNot } from "./sense.ts";
import type { BotSettings } from "./settings.ts";

const helpOf: Record<Verb, string> = {
  help: "this list",
  plan: "what would be done, in which order, and where two people are asked",
  check: "runs every check again; nothing is touched",
  start: "starts the migration; the next stop is window 1",
  status: "where it stands, who is still needed, what happens then",
  lag: "how far the copy is behind",
  window: "asks two approvers for the next window",
  go: "opens the window once all its gates are approved",
  hold: "stops after the present step, until `resume`",
  resume: "goes on after `hold`",
  retry: "tries a failed phase again",
  abort: "stops; an open window is put back while that is possible",
  timeline: "what happened when",
  comms: "what customers were told last, ready to copy",
  whoami: "what Drawbridge thinks you may do",
};

/** What a command brings about, for who typed it and for who asks. */
export const willHappen: Partial<Record<Verb, string>> = {
  plan: "Drawbridge works the plan out and answers here",
  check: "all checks run now, nothing is touched; the answer comes here",
  start: "the migration starts as soon as the checks show no blocker; watch the card",
  window: "each gate gets a message of its own that two approvers have to confirm; nothing stops before `/migrate go`",
  go: "Drawbridge looks once more whether every approval stands, then opens the window",
  hold: "the present step ends or stops safely, then everything waits for `/migrate resume`",
  resume: "it goes on where it stopped",
  retry: "the failed phase starts again",
  abort: "Drawbridge stops; an open window is put back if its point of no return has not passed",
};

/** What comes next; what this person can type that makes sense now; the rest, with why not. */
export function help(settings: BotSettings, slackUser: string, snapshot: Snapshot | undefined): string {
  const may = verbsFor(settings, slackUser);
  const now = may.filter((verb) => whyNot(verb, snapshot) === undefined);
  const later = may.filter((verb) => !now.includes(verb));
  const others = verbs.filter((verb) => !may.includes(verb) && whyNot(verb, snapshot) === undefined);
  return [
    `*${next(snapshot)}*`,
    ...now.map((verb) => `\`/migrate ${verb}\` ${helpOf[verb]}`),
    ...(later.length === 0
      ? []
      : [`Not now: ${later.map((verb) => `\`${verb}\` (${whyNot(verb, snapshot)})`).join(" · ")}`]),
    ...(others.length === 0
      ? []
      : [`For others: ${others.map((verb) => `\`${verb}\` (${anyOf(whoMay(settings, verb))})`).join(" · ")}`]),
    "`/migrate help window` says more of one command.",
  ].join("\n");
}

/** One command: what it does, whether it would do it now, and who may. */
export function helpFor(verb: Verb, settings: BotSettings, slackUser: string, snapshot: Snapshot | undefined): string {
  const objection = whyNot(verb, snapshot);
  const people = whoMay(settings, verb);
  return [
    `\`/migrate ${verb}\` ${helpOf[verb]}.`,
    ...(willHappen[verb] === undefined ? [] : [`When it is typed: ${willHappen[verb]}.`]),
    objection === undefined ? "It can be typed now." : `Not now: ${objection}.`,
    people.length === 0
      ? "Everybody here may."
      : `${anyOf(people)} may; ${may(settings, slackUser, verb) ? "so you may" : "you may not"}.`,
  ].join("\n");
}

/** What comes next, for the first line of the help. */
function next(snapshot: Snapshot | undefined): string {
  if (snapshot === undefined) return "Nothing has begun yet: `/migrate check`, then `/migrate start`.";
  const { waiting } = snapshot;
  switch (waiting.kind) {
    case "start":
      return "The checks are done; next comes `/migrate start`.";
    case "window":
      return `Next comes \`/migrate window\`, which asks for the approvals of ${windowWords[waiting.window]}.`;
    case "approvals":
      return `Approvals are missing: ${anyOf(waiting.people)} can react on the gates.`;
    case "go":
      return "All approvals are there; next comes `/migrate go`.";
    case "resume":
      return "It is on hold; `/migrate resume` goes on.";
    case "mend":
      return "Something has to be mended; then `/migrate retry`.";
    case "nothing":
      return snapshot.state === "completed"
        ? "The migration is finished; nothing needs to be typed."
        : snapshot.state === "aborted"
          ? "The migration was stopped; nothing needs to be typed."
          : "It runs by itself; nothing needs to be typed.";
  }
}
