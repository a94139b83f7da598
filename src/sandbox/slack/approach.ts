import { randomBytes } from "node:crypto";
import { z } from "zod";
import { deleteMessage, editMessage, postMessage } from "./acts.ts";
import { checkBlocks, type ActionElement } from "./blocks.ts";
import { answerDeadlineMs, callApp, type AppAnswer } from "./deliver.ts";
import type { Channel, Message, Person, View, Workspace } from "./model.ts";
import { messageOnWire } from "./wire.ts";
import { findMessage, note } from "./workspace.ts";

/** What came of a slash command or a click, as the person saw it. */
export interface Approach {
  readonly outcome: "acknowledged" | "operation_timeout" | "dispatch_failed";
  /** HTTP status of the app's answer, when there was one. */
  readonly status: number | undefined;
  /** Time to the acknowledgement, in milliseconds. */
  readonly ms: number;
  readonly response: string;
}

const form = "application/x-www-form-urlencoded";
const responseUrlLifeMs = 30 * 60_000;

/** Sends a slash command to the app as Slack does; the answer's body becomes a message for that person. */
export async function sendCommand(
  ws: Workspace,
  channel: Channel,
  person: Person,
  command: string,
  text: string,
): Promise<Approach> {
  const body = new URLSearchParams({
    team_id: person.teamId,
    team_domain: ws.team.domain,
    channel_id: channel.id,
    channel_name: channel.isIm ? "directmessage" : channel.isPrivate ? "privategroup" : channel.name,
    user_id: person.id,
    user_name: person.name,
    command,
    text,
    api_app_id: ws.app.id,
    is_enterprise_install: "false",
    response_url: openResponseUrl(ws, channel, person, "commands", undefined),
    trigger_id: openTrigger(ws, person),
  }).toString();
  const answer = await callApp(ws, ws.urls?.commands ?? "", body, form);
  const approach = judge(answer);
  note(ws, "command", command, approach.outcome, { user: person.name, text, status: approach.status, ms: approach.ms });
  if (approach.outcome !== "acknowledged") complain(ws, channel, person, command, approach.outcome);
  else applyAnswer(ws, channel, person, approach.response, undefined);
  return approach;
}

/** Sends a click on a message's element to the app. */
export async function sendClick(
  ws: Workspace,
  channel: Channel,
  message: Message,
  person: Person,
  found: { readonly blockId: string; readonly element: ActionElement },
  value: string | undefined,
): Promise<Approach> {
  const { element, blockId } = found;
  const chosen = "options" in element ? element.options.find((each) => each.value === value) : undefined;
  const pressed = "value" in element ? { text: element.text, value: value ?? element.value } : {};
  const ephemeral = message.ephemeralTo !== undefined;
  const payload = {
    type: "block_actions",
    ...sender(ws, person),
    container: { type: "message", message_ts: message.ts, channel_id: channel.id, is_ephemeral: ephemeral },
    channel: { id: channel.id, name: channel.name },
    ...(ephemeral ? {} : { message: messageOnWire(ws, channel, message) }),
    state: { values: {} },
    response_url: openResponseUrl(ws, channel, person, "actions", message.ts),
    actions: [
      {
        type: element.type,
        action_id: element.action_id ?? "",
        block_id: blockId,
        action_ts: message.ts,
        ...pressed,
        ...(chosen === undefined ? {} : { selected_option: chosen }),
      },
    ],
  };
  return sendInteraction(ws, channel, person, payload);
}

/** Sends a modal that was filled in; the app may answer with errors, which keep it open. */
export async function submitView(
  ws: Workspace,
  view: View,
  person: Person,
  values: Readonly<Record<string, unknown>>,
): Promise<Approach> {
  const shown = { ...view.body, id: view.id, team_id: ws.team.id, app_id: ws.app.id, state: { values }, hash: view.id };
  const payload = { type: "view_submission", ...sender(ws, person), view: shown, response_urls: [] };
  const approach = await sendInteraction(ws, undefined, person, payload);
  view.open = approach.outcome !== "acknowledged" || approach.response.includes('"response_action"');
  ws.changed({ kind: "view", view });
  return approach;
}

async function sendInteraction(
  ws: Workspace,
  channel: Channel | undefined,
  person: Person,
  payload: { readonly type: string },
): Promise<Approach> {
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const approach = judge(await callApp(ws, ws.urls?.interactivity ?? "", body, form));
  note(ws, "interaction", payload.type, approach.outcome, {
    user: person.name,
    status: approach.status,
    ms: approach.ms,
  });
  if (approach.outcome !== "acknowledged" && channel !== undefined) {
    complain(ws, channel, person, "That action", approach.outcome);
  }
  return approach;
}

function sender(ws: Workspace, person: Person) {
  return {
    user: { id: person.id, username: person.name, name: person.name, team_id: person.teamId },
    api_app_id: ws.app.id,
    team: { id: ws.team.id, domain: ws.team.domain },
    enterprise: null,
    is_enterprise_install: false,
    trigger_id: openTrigger(ws, person),
  };
}

function judge(answer: AppAnswer): Approach {
  if (answer.kind !== "answered") {
    const outcome = answer.kind === "http_timeout" ? "operation_timeout" : "dispatch_failed";
    return { outcome, status: undefined, ms: answer.ms, response: "" };
  }
  const outcome = answer.status >= 200 && answer.status < 300 ? "acknowledged" : "dispatch_failed";
  return { outcome, status: answer.status, ms: answer.ms, response: answer.text };
}

/** What Slackbot says when the app did not answer. */
function complain(ws: Workspace, channel: Channel, person: Person, what: string, outcome: string): void {
  const text = `${what} failed with the error "${outcome}"`;
  postMessage(ws, channel, { user: "USLACKBOT", text, ephemeralTo: person.id });
}

function openTrigger(ws: Workspace, person: Person): string {
  const id = `${ws.clock.now().getTime()}.${randomBytes(5).toString("hex")}`;
  ws.triggers.set(id, { user: person.id, untilMs: ws.clock.now().getTime() + answerDeadlineMs, used: false });
  return id;
}

function openResponseUrl(
  ws: Workspace,
  channel: Channel,
  person: Person,
  kind: "commands" | "actions",
  originalTs: string | undefined,
): string {
  const path = `/${kind}/${ws.team.id}/${Date.now()}/${randomBytes(12).toString("hex")}`;
  const untilMs = ws.clock.now().getTime() + responseUrlLifeMs;
  ws.responseUrls.set(path, { user: person.id, channelId: channel.id, untilMs, originalTs, usesLeft: 5 });
  return `${ws.baseUrl}${path}`;
}

/** A use of a `response_url`: undefined when it was taken, else Slack's word for the refusal. */
export function useResponseUrl(ws: Workspace, path: string, body: string): string | undefined {
  const known = ws.responseUrls.get(path);
  const channel = ws.channels.get(known?.channelId ?? "");
  const person = ws.people.get(known?.user ?? "");
  if (known === undefined || channel === undefined || person === undefined) return "no_service";
  if (ws.clock.now().getTime() > known.untilMs) return "expired_url";
  if (known.usesLeft <= 0) return "used_url";
  known.usesLeft -= 1;
  return applyAnswer(ws, channel, person, body, known.originalTs);
}

const answerSchema = z.looseObject({
  text: z.string().optional(),
  blocks: z.unknown().optional(),
  response_type: z.enum(["ephemeral", "in_channel"]).default("ephemeral"),
  replace_original: z.boolean().default(false),
  delete_original: z.boolean().default(false),
  thread_ts: z.string().optional(),
});

/** Turns an answer's body, text or JSON, into what it asks for. Empty bodies ask for nothing. */
function applyAnswer(
  ws: Workspace,
  channel: Channel,
  person: Person,
  body: string,
  originalTs: string | undefined,
): string | undefined {
  if (body.trim() === "") return undefined;
  const answer = parseAnswer(body);
  if (answer === undefined) return "invalid_payload";
  const original = originalTs === undefined ? undefined : findMessage(channel, originalTs);
  if (answer.delete_original && original !== undefined) {
    deleteMessage(ws, channel, original);
    return undefined;
  }
  const checked = answer.blocks === undefined ? undefined : checkBlocks(answer.blocks);
  if (checked?.ok === false) return "invalid_blocks";
  const bot = ws.people.get(ws.app.botUserId);
  const text = answer.text ?? "";
  const blocks = checked?.blocks;
  if (text === "" && blocks === undefined) return "no_text";
  if (answer.replace_original && original !== undefined && bot !== undefined) {
    editMessage(ws, channel, original, bot, { text, blocks });
    return undefined;
  }
  const ephemeralTo = answer.response_type === "ephemeral" ? person.id : undefined;
  postMessage(ws, channel, { user: ws.app.botUserId, text, blocks, ephemeralTo, threadTs: answer.thread_ts });
  return undefined;
}

function parseAnswer(body: string): z.infer<typeof answerSchema> | undefined {
  if (!body.trimStart().startsWith("{")) return answerSchema.parse({ text: body });
  try {
    const parsed = answerSchema.safeParse(JSON.parse(body));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
