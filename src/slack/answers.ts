import { lastEvents } from "../journal/events.ts";
import type { Journal } from "../journal/open.ts";
import { lastOutbox } from "../journal/outbox.ts";
import { type Snapshot, takeSnapshot } from "../report/snapshot.ts";
import { help, helpFor, willHappen } from "./answer-help.ts";
import { status } from "./answer-status.ts";
import type { Taken } from "./intake.ts";
import { limits, cut } from "./limits.ts";
import { type Verb, verbs } from "./parse.ts";
import { verbsFor, whoMay } from "./permission.ts";
import { approversOf, renderIntent } from "./render/intent.ts";
import { lagAnswer } from "./render/lag-words.ts";
import { anyOf, clockTime, code, glyph, mention, plainName } from "./render/text.ts";
import { renderTimeline } from "./render/timeline.ts";
import { whyNot } from "./sense.ts";
import { type BotSettings, personOf, rolesOf, slackOf } from "./settings.ts";
import { shareReads } from "./share-reads.ts";

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
      return statusAnswer(await snapshotNow(journal, settings), settings);
    case "lag":
      return lagAnswer(await snapshotNow(journal, settings));
    case "timeline":
      return readsOf(journal, settings).timeline();
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

/** In a hurry many people ask the same: everything is read and rendered so often, and no more. */
const readEveryMs = 150;

/** What answers are made of, for one journal. */
interface Reads {
  readonly snapshot: () => Promise<Snapshot | undefined>;
  readonly timeline: () => Promise<string>;
}

const reads = new WeakMap<Journal, Reads>();

function readsOf(journal: Journal, settings: BotSettings): Reads {
  const { db } = journal;
  const known = reads.get(journal) ?? {
    snapshot: shareReads(() => takeSnapshot(db, settings.migration, approversOf(settings)), readEveryMs),
    timeline: shareReads(async () => {
      const events = await lastEvents(db, settings.migration, 1_000);
      return events.length === 0 ? noMigration : renderTimeline(events, { lines: 30, characters: limits.text });
    }, readEveryMs),
  };
  reads.set(journal, known);
  return known;
}

function snapshotNow(journal: Journal, settings: BotSettings): Promise<Snapshot | undefined> {
  return readsOf(journal, settings).snapshot();
}

function statusAnswer(snapshot: Snapshot | undefined, settings: BotSettings): string {
  return snapshot === undefined ? noMigration : status(settings, snapshot);
}

function taken(verb: Verb, snapshot: Snapshot | undefined): string {
  const objection = whyNot(verb, snapshot);
  const but = objection === undefined ? "" : ` As things stand it may be refused: ${objection}.`;
  return `${glyph.running} \`/migrate ${verb}\` is taken: ${willHappen[verb] ?? "the answer comes here"}.${but}`;
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
