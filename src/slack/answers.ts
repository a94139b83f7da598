import { readEvents } from "../journal/events.ts";
import type { Journal } from "../journal/open.ts";
import { lastOutbox } from "../journal/outbox.ts";
import { type Phase, windowOf } from "../journal/phase.ts";
import { type Snapshot, takeSnapshot } from "../report/snapshot.ts";
import type { Taken } from "./intake.ts";
import { limits, cut } from "./limits.ts";
import { type Verb, verbs } from "./parse.ts";
import { may, verbsFor, whoMay } from "./permission.ts";
import { gateLines, renderCard } from "./render/card.ts";
import { approversOf, renderIntent } from "./render/intent.ts";
import { lagAnswer } from "./render/lag-words.ts";
import { allOf, anyOf, clockTime, code, duration, glyph, mention, plainName } from "./render/text.ts";
import { renderTimeline } from "./render/timeline.ts";
import { phaseWords, windowWords } from "./render/words.ts";
import { whyNot } from "./sense.ts";
import { type BotSettings, personOf, rolesOf, slackOf } from "./settings.ts";
import { shareReads } from "./share-reads.ts";

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

const willHappen: Partial<Record<Verb, string>> = {
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

/** The answer to a command, within Slack's three seconds: what was asked, or what will happen now. Slack text. */
export async function answerFor(
  journal: Journal,
  settings: BotSettings,
  slackUser: string,
  taken: Taken,
): Promise<string> {
  const { parsed } = taken;
  if (parsed === undefined) return "This was taken already.";
  if (!parsed.ok) {
    const meant =
      parsed.suggestion === undefined
        ? "`/migrate help` lists them"
        : `did you mean \`/migrate ${parsed.suggestion}\`?`;
    return `${glyph.failed} Not done: ${parsed.problem}; ${meant}`;
  }
  if (taken.allowed === false) {
    const { verb } = parsed;
    return notAllowed(settings, verb);
  }
  return cut(await readOnlyAnswer(journal, settings, slackUser, parsed), limits.text);
}

/** Who may, by a name that can be clicked, and what to write to them. */
function notAllowed(settings: BotSettings, verb: Verb): string {
  const people = whoMay(settings, verb);
  const names = people.map((person) => mention(slackOf(settings, person) ?? person));
  const ask = `${names.length === 1 ? "Ask" : "Ask one of"} ${names.join(", ")} here, for instance: "please type \`/migrate ${verb}\`, because …".`;
  return `${glyph.failed} Not done: \`/migrate ${verb}\` is for ${anyOf(people)}. ${ask} \`/migrate whoami\` shows what you may do.`;
}

async function readOnlyAnswer(
  journal: Journal,
  settings: BotSettings,
  slackUser: string,
  { verb, args }: { readonly verb: Verb; readonly args: Readonly<Record<string, string>> },
): Promise<string> {
  switch (verb) {
    case "help": {
      const of = verbs.find((each) => each === args["of"]);
      const snapshot = await snapshotNow(journal, settings);
      return of === undefined ? help(settings, slackUser, snapshot) : helpFor(of, settings, slackUser, snapshot);
    }
    case "comms":
      return commsAnswer(journal, settings);
    case "whoami":
      return whoami(settings, slackUser);
    case "status":
      return status(settings, await snapshotNow(journal, settings));
    case "lag":
      return lagAnswer(await snapshotNow(journal, settings));
    case "timeline": {
      const events = await readEvents(journal.db, settings.migration);
      return events.length === 0 ? noMigration : renderTimeline(events, 30);
    }
    case "plan":
    case "check":
    case "start":
    case "window":
    case "go":
    case "hold":
    case "resume":
    case "retry":
    case "abort":
      return taken(verb, await snapshotNow(journal, settings));
  }
}

const noMigration = "There is no migration yet. A driver begins with `/migrate check`.";

/** One way of reading for each journal: in a hurry many people ask the same. */
const snapshots = new WeakMap<Journal, () => Promise<Snapshot | undefined>>();

async function snapshotNow(journal: Journal, settings: BotSettings): Promise<Snapshot | undefined> {
  const read =
    snapshots.get(journal) ?? shareReads(() => takeSnapshot(journal.db, settings.migration, approversOf(settings)));
  snapshots.set(journal, read);
  return read();
}

function taken(verb: Verb, snapshot: Snapshot | undefined): string {
  const objection = whyNot(verb, snapshot);
  const but = objection === undefined ? "" : ` As things stand it will be refused: ${objection}.`;
  return `${glyph.running} \`/migrate ${verb}\` is taken: ${willHappen[verb] ?? "the answer comes here"}.${but}`;
}

/** What comes next; what this person can type that makes sense now; the rest, with why not. */
function help(settings: BotSettings, slackUser: string, snapshot: Snapshot | undefined): string {
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
function helpFor(verb: Verb, settings: BotSettings, slackUser: string, snapshot: Snapshot | undefined): string {
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

/** What the customers' channel was told last, as a draft to copy, and how things stand for customers now. */
async function commsAnswer(journal: Journal, settings: BotSettings): Promise<string> {
  const row = await lastOutbox(journal.db, "comms", settings.migration);
  const draft = row && (await renderIntent(journal.db, row, settings))?.message.text;
  if (row === undefined || draft === undefined) {
    return "Nothing has been announced to customers. The first draft comes with `/migrate window`.";
  }
  const where = row.messageTs === undefined ? "not in the customers' channel yet" : "posted in the customers' channel";
  return `Last word for customers (${clockTime(row.createdAt)}, ${where}):\n${draft}\nCopy it as it stands; the comms team decides what is published.`;
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

function whoami(settings: BotSettings, slackUser: string): string {
  const roles = rolesOf(settings, slackUser).filter((role) => role !== "anyone");
  const own = verbsFor(settings, slackUser)
    .map((verb) => code(verb))
    .join(" ");
  const vote = roles.includes("approver")
    ? " You may approve and stop gates, except in a migration where you asked for something."
    : "";
  return `You are ${plainName(personOf(settings, slackUser))}, ${roles.length === 0 ? "reading along" : roles.join(" and ")}. You may type ${own}.${vote}`;
}

function status(settings: BotSettings, snapshot: Snapshot | undefined): string {
  if (snapshot === undefined) return noMigration;
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
