import type { App } from "@slack/bolt";
import type { WebClient } from "@slack/web-api";
import { isLookAlike, plainEmoji } from "../approvals/emoji.ts";
import type { Journal } from "../journal/open.ts";
import type { Log } from "../log.ts";
import { redact } from "../redact.ts";
import { takeSnapshot } from "../report/snapshot.ts";
import { answerFor } from "./answers.ts";
import type { ApprovalsLoop } from "./approvals-loop.ts";
import type { Sender } from "./outbox-sender.ts";
import { takenOf } from "./persist-first.ts";
import type { BotSettings } from "./settings.ts";
import { uploadLagChart } from "./upload-chart.ts";

/** Rings for work; see the queue room's doorbell, which fits. */
export interface Bell {
  ring(migrationId: string, phase: string, queue?: "phases" | "commands" | "agent"): Promise<unknown>;
}

/** What the listeners need. */
export interface ListenerDeps {
  readonly journal: Journal;
  readonly settings: BotSettings;
  readonly bell: Bell;
  readonly approvals: ApprovalsLoop;
  readonly sender: Sender;
  readonly log: Log;
}

/** Slack waits three seconds; people less. */
const answerWithinMs = 450;

/** Tells Bolt what to do with what came in. By then it is stored; nothing here decides anything. */
export function addListeners(app: App, deps: ListenerDeps): void {
  const { journal, log, settings } = deps;
  const drawing = atMostEvery(pictureEveryMs, (client: WebClient) => drawLag(deps, client));
  app.command("/migrate", async ({ ack, body, client, context }) => {
    const taken = takenOf(context);
    if (taken === undefined) return;
    const answer = answerFor(journal, settings, body.user_id, taken);
    const late = "Taken; the answer takes a moment. `/migrate status` shows where it stands.";
    await ack({ response_type: "ephemeral", text: await within(answer, late, log) });
    if (taken.commandId !== undefined) await deps.bell.ring(settings.migration, "commands", "commands");
    if (taken.isNew && taken.parsed?.ok === true && taken.parsed.verb === "lag") await drawing(client);
  });
  addEvents(app, deps);
  // buttons only open views or fill in what could be typed; until there are any, a click is only acknowledged
  app.action(/.*/, ({ ack }) => ack());
  app.error((error) => {
    log.error({ error: error.message }, "a listener failed");
    return Promise.resolve();
  });
}

/** Drawing takes a tenth of a second in which the bot does nothing else; a second picture a moment later shows nothing new. */
const pictureEveryMs = 15_000;

function atMostEvery<T>(ms: number, act: (given: T) => Promise<void>): (given: T) => Promise<void> {
  let freeAt = Number.NEGATIVE_INFINITY;
  return async (given) => {
    if (performance.now() < freeAt) return;
    freeAt = performance.now() + ms;
    await act(given);
  };
}

/** The picture follows the answer; without it the answer still says every number. */
async function drawLag({ journal, settings, log }: ListenerDeps, client: WebClient): Promise<void> {
  try {
    const lag = (await takeSnapshot(journal.db, settings.migration))?.lag;
    if (lag !== undefined) await uploadLagChart(client, journal, settings.migration, lag);
  } catch (error) {
    log.warn({ error: redact(String(error)) }, "the chart of lag could not be shown");
  }
}

/** Events only say where to look again. */
function addEvents(app: App, { approvals, settings, sender }: ListenerDeps): void {
  for (const name of ["reaction_added", "reaction_removed"] as const) {
    app.event(name, async ({ event: { item, reaction } }) => {
      if (item.type === "message" && concernsVotes(settings, reaction))
        await approvals.messageTouched(item.channel, item.ts);
    });
  }
  app.event("message", async ({ event }) => {
    const ts =
      event.subtype === "message_deleted"
        ? event.deleted_ts
        : event.subtype === "message_changed"
          ? event.message.ts
          : undefined;
    if (ts !== undefined) await approvals.messageTouched(event.channel, ts);
    if (event.subtype === "message_deleted") await sender.messageGone(event.channel, event.deleted_ts);
  });
  app.event("user_change", async ({ event }) => {
    // in a large workspace somebody changes their status every second
    if (settings.approvals.approvers.some(({ slack }) => slack.includes(event.user.id))) approvals.lookAtAll();
  });
  const everything = [
    "subteam_members_changed",
    "subteam_updated",
    "channel_shared",
    "channel_unshared",
    "channel_archive",
    "channel_left",
  ];
  for (const name of everything) app.event(name, async () => approvals.lookAtAll());
}

/** Emoji that mean nothing here are no reason to ask Slack anything: people celebrate on gates as well. */
function concernsVotes({ approvals }: BotSettings, reaction: string): boolean {
  const plain = plainEmoji(reaction);
  return [approvals.approveEmoji, approvals.vetoEmoji].some((meant) => plain === meant || isLookAlike(plain, meant));
}

/** The answer, or `late` when it is not there in time. */
async function within(answer: Promise<string>, late: string, log: Log): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(late), answerWithinMs);
  });
  const said = answer.catch((error: unknown) => {
    log.warn({ error: String(error) }, "an answer could not be computed");
    return late;
  });
  try {
    return await Promise.race([said, waited]);
  } finally {
    clearTimeout(timer);
  }
}
