import { z } from "zod";
import { addReaction, deleteMessage, editMessage, postMessage, removeReaction } from "./acts.ts";
import { sendClick, sendCommand, submitView } from "./approach.ts";
import { actionElements } from "./blocks.ts";
import { act, administrator, done, impossible, type Act, type ControlAnswer } from "./control-act.ts";
import { worldActs } from "./control-world.ts";
import { canReachApp } from "./deliver.ts";
import { emojiName } from "./emoji.ts";
import type { Channel, Message, Person, Workspace } from "./model.ts";
import { escapeMrkdwn } from "./mrkdwn.ts";
import { linkNames, showMessage } from "./shown.ts";
import { findChannel, findMessage, findPerson } from "./workspace.ts";

interface Stage {
  readonly channel: Channel;
  readonly person: Person;
}

/** Who acts where; whoever acts must be there, and not be deactivated. */
function stage(ws: Workspace, input: { readonly channel: string; readonly user: string }): Stage | ControlAnswer {
  const person = findPerson(ws, input.user);
  if (person === undefined) return impossible(`no such user: ${input.user}`, 404);
  const channel = findChannel(ws, input.channel);
  if (channel === undefined) return impossible(`no such channel: ${input.channel}`, 404);
  if (person.deleted) return impossible(`${person.name} is deactivated and cannot act`, 403);
  if (!channel.members.has(person.id)) return impossible(`${person.name} is not in #${channel.name}`, 403);
  if (channel.isArchived) return impossible(`#${channel.name} is archived`, 403);
  return { channel, person };
}

function messageAt(channel: Channel, ts: string): Message | ControlAnswer {
  return findMessage(channel, ts) ?? impossible(`no message ${ts} in #${channel.name}`, 404);
}

const where = { channel: z.string(), user: z.string() };

const command = act(z.strictObject({ ...where, text: z.string() }), async (ws, input) => {
  const at = stage(ws, input);
  if ("status" in at) return at;
  const [name = "", ...rest] = input.text.trim().split(/\s+/);
  if (at.person.isBot) return impossible("bots cannot run slash commands", 403);
  if (at.person.teamId !== ws.team.id)
    return impossible("people of other organisations cannot run slash commands", 403);
  if (!ws.app.commands.includes(name))
    return impossible(`${name} is not a valid command: ${ws.app.commands.join(", ")}`);
  if (!canReachApp(ws)) return impossible("the app has not named its request URLs yet", 409);
  const text = linkNames(ws, escapeMrkdwn(rest.join(" ")));
  const named = text.replace(/<@(\w+)>/g, (_whole, id: string) => `<@${id}|${ws.people.get(id)?.name ?? id}>`);
  return done(await sendCommand(ws, at.channel, at.person, name, named));
});

const message = act(
  z.strictObject({ ...where, text: z.string().min(1).max(40_000), thread_ts: z.string().optional() }),
  (ws, input) => {
    const at = stage(ws, input);
    if ("status" in at) return at;
    const parent = input.thread_ts === undefined ? undefined : messageAt(at.channel, input.thread_ts);
    if (parent !== undefined && "status" in parent) return parent;
    const text = linkNames(ws, escapeMrkdwn(input.text));
    const threadTs = parent?.threadTs ?? parent?.ts;
    const posted = postMessage(ws, at.channel, { user: at.person.id, text, threadTs });
    return done({ ts: posted.ts, channel: at.channel.id });
  },
);

const editOwn = act(z.strictObject({ ...where, ts: z.string(), text: z.string().min(1) }), (ws, input) => {
  const at = stage(ws, input);
  if ("status" in at) return at;
  const found = messageAt(at.channel, input.ts);
  if ("status" in found) return found;
  if (found.user !== at.person.id) return impossible("people can edit their own messages only", 403);
  editMessage(ws, at.channel, found, at.person, { text: linkNames(ws, escapeMrkdwn(input.text)), blocks: undefined });
  return done();
});

const deleteAny = act(
  z.strictObject({ channel: z.string(), ts: z.string(), user: z.string().optional() }),
  (ws, input) => {
    const at = stage(ws, { channel: input.channel, user: input.user ?? administrator(ws)?.id ?? "" });
    if ("status" in at) return at;
    const found = messageAt(at.channel, input.ts);
    if ("status" in found) return found;
    if (found.user !== at.person.id && !at.person.isAdmin) {
      return impossible(`${at.person.name} is no administrator and can delete their own messages only`, 403);
    }
    deleteMessage(ws, at.channel, found);
    return done();
  },
);

const reaction = act(
  z.strictObject({ ...where, ts: z.string(), name: z.string(), present: z.boolean().default(true) }),
  (ws, input) => {
    const at = stage(ws, input);
    if ("status" in at) return at;
    const name = emojiName(input.name);
    if (name === undefined) return impossible(`no such emoji: ${input.name}`);
    const found = messageAt(at.channel, input.ts);
    if ("status" in found) return found;
    if (found.ephemeralTo !== undefined) return impossible("nobody can react to an ephemeral message");
    const changed = (input.present ? addReaction : removeReaction)(ws, at.channel, found, at.person, name);
    return done({ changed, message: showMessage(ws, found) });
  },
);

const click = z.strictObject({ ...where, ts: z.string(), action_id: z.string(), value: z.string().optional() });
const submission = z.strictObject({
  user: z.string(),
  view_id: z.string(),
  values: z.record(z.string(), z.unknown()).default({}),
});

const interact = act(z.union([click, submission]), async (ws, input) => {
  if (!canReachApp(ws)) return impossible("the app has not named its request URLs yet", 409);
  if ("view_id" in input) {
    const view = ws.views.get(input.view_id);
    const person = findPerson(ws, input.user);
    if (view === undefined || person === undefined) return impossible("no such view or user", 404);
    if (view.user !== person.id) return impossible("the view is open for somebody else", 403);
    return done(await submitView(ws, view, person, input.values));
  }
  const at = stage(ws, input);
  if ("status" in at) return at;
  const found = messageAt(at.channel, input.ts);
  if ("status" in found) return found;
  const element = actionElements(found.blocks ?? []).find((each) => each.element.action_id === input.action_id);
  if (element === undefined) return impossible(`the message has no element with action_id ${input.action_id}`, 404);
  return done(await sendClick(ws, at.channel, found, at.person, element, input.value));
});

const closeView = act(z.strictObject({ view_id: z.string() }), (ws, input) => {
  const view = ws.views.get(input.view_id);
  if (view === undefined) return impossible("no such view", 404);
  view.open = false;
  ws.changed({ kind: "view", view });
  return done();
});

/** The acts of `POST /_control/{name}`. */
export const acts: Readonly<Record<string, Act>> = {
  command,
  message,
  "edit-message": editOwn,
  "delete-message": deleteAny,
  reaction,
  interact,
  "close-view": closeView,
  ...worldActs,
};
