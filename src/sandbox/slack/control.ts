import { z } from "zod";
import {
  addReaction,
  deleteMessage,
  editMessage,
  joinChannel,
  leaveChannel,
  postMessage,
  removeReaction,
} from "./acts.ts";
import { sendClick, sendCommand, submitView } from "./approach.ts";
import { actionElements } from "./blocks.ts";
import { emojiName } from "./emoji.ts";
import { faultsSchema, rollFaults } from "./faults.ts";
import type { Channel, Message, Person, Workspace } from "./model.ts";
import { escapeMrkdwn } from "./mrkdwn.ts";
import { linkNames, showMessage, showPerson } from "./shown.ts";
import { personOnWire } from "./wire.ts";
import { findChannel, findMessage, findPerson, nextTs } from "./workspace.ts";

/** What a control request came to: an HTTP status and a body with `ok`. */
export interface ControlAnswer {
  readonly status: number;
  readonly body: { readonly ok: boolean; readonly [key: string]: unknown };
}

/** An act that is not possible, in a sentence for whoever wrote the script. */
export function impossible(error: string, status = 400): ControlAnswer {
  return { status, body: { ok: false, error } };
}

function done(facts: object = {}): ControlAnswer {
  return { status: 200, body: { ok: true, ...facts } };
}

type Act = (ws: Workspace, input: unknown) => ControlAnswer | Promise<ControlAnswer>;

/** Binds an act to the shape of its input; a wrong shape is explained field by field. */
function act<T>(schema: z.ZodType<T>, run: (ws: Workspace, input: T) => ControlAnswer | Promise<ControlAnswer>): Act {
  return (ws, input) => {
    const parsed = schema.safeParse(input);
    return parsed.success ? run(ws, parsed.data) : impossible(z.prettifyError(parsed.error));
  };
}

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
  if (ws.urls === undefined) return impossible("the app has not named its request URLs yet", 409);
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
    const at = stage(ws, { channel: input.channel, user: input.user ?? administrator(ws) });
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

function administrator(ws: Workspace): string {
  return [...ws.people.values()].find((each) => each.isAdmin)?.id ?? "";
}

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
  if (ws.urls === undefined) return impossible("the app has not named its request URLs yet", 409);
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

const personChange = z.strictObject({
  user: z.string(),
  deleted: z.boolean().optional(),
  is_bot: z.boolean().optional(),
  is_restricted: z.boolean().optional(),
  is_ultra_restricted: z.boolean().optional(),
  is_stranger: z.boolean().optional(),
  is_admin: z.boolean().optional(),
  team_id: z.string().optional(),
  real_name: z.string().min(1).optional(),
  email: z.string().optional(),
  tz: z.string().optional(),
});

const person = act(personChange, (ws, input) => {
  const found = findPerson(ws, input.user);
  if (found === undefined) return impossible(`no such user: ${input.user}`, 404);
  found.deleted = input.deleted ?? found.deleted;
  found.isBot = input.is_bot ?? found.isBot;
  found.isRestricted = input.is_restricted ?? found.isRestricted;
  found.isUltraRestricted = input.is_ultra_restricted ?? found.isUltraRestricted;
  found.isStranger = input.is_stranger ?? found.isStranger;
  found.isAdmin = input.is_admin ?? found.isAdmin;
  found.teamId = input.team_id ?? found.teamId;
  found.realName = input.real_name ?? found.realName;
  found.email = input.email ?? found.email;
  found.timeZone = input.tz ?? found.timeZone;
  ws.changed({ kind: "workspace" });
  ws.sendEvent({ type: "user_change", user: personOnWire(found, false), event_ts: nextTs(ws) });
  return done({ person: showPerson(ws, found) });
});

const channelChange = z.strictObject({
  channel: z.string(),
  is_archived: z.boolean().optional(),
  is_ext_shared: z.boolean().optional(),
  add: z.array(z.string()).default([]),
  remove: z.array(z.string()).default([]),
});

const channelAct = act(channelChange, (ws, input) => {
  const channel = findChannel(ws, input.channel);
  if (channel === undefined) return impossible(`no such channel: ${input.channel}`, 404);
  const people = [...input.add, ...input.remove].map((each) => findPerson(ws, each));
  if (people.includes(undefined)) return impossible("one of the users is not known", 404);
  for (const each of input.add) joinChannel(ws, channel, findPerson(ws, each) as Person);
  for (const each of input.remove) leaveChannel(ws, channel, findPerson(ws, each) as Person);
  const facts = { channel: channel.id, event_ts: nextTs(ws) };
  if (input.is_ext_shared !== undefined && input.is_ext_shared !== channel.isExtShared) {
    channel.isExtShared = input.is_ext_shared;
    const type = channel.isExtShared ? "channel_shared" : "channel_unshared";
    ws.sendEvent({ type, connected_team_id: "T0ELSEWHER", ...facts }, channel);
  }
  if (input.is_archived !== undefined && input.is_archived !== channel.isArchived) {
    channel.isArchived = input.is_archived;
    const user = administrator(ws);
    ws.sendEvent({ type: channel.isArchived ? "channel_archive" : "channel_unarchive", user, ...facts }, channel);
  }
  ws.changed({ kind: "workspace" });
  return done();
});

const userGroup = act(z.strictObject({ group: z.string(), users: z.array(z.string()) }), (ws, input) => {
  const group = [...ws.userGroups.values()].find((each) => each.id === input.group || each.handle === input.group);
  const people = input.users.flatMap((each) => findPerson(ws, each)?.id ?? []);
  if (group === undefined || people.length < input.users.length) return impossible("no such group or user", 404);
  group.users = people;
  const facts = { subteam_id: group.id, team_id: ws.team.id, event_ts: nextTs(ws) };
  ws.sendEvent({ type: "subteam_members_changed", ...facts });
  return done();
});

const faults = act(faultsSchema, (ws, input) => {
  ws.faults = rollFaults(input);
  return done({ faults: input });
});

const hint = act(z.strictObject({ text: z.string(), command: z.string().optional() }), (ws, input) => {
  ws.hint = input.text === "" ? undefined : { text: input.text, command: input.command };
  ws.changed({ kind: "hint" });
  return done();
});

const home = act(z.strictObject({ user: z.string(), channel: z.string().optional() }), (ws, input) => {
  const found = findPerson(ws, input.user);
  if (found === undefined) return impossible(`no such user: ${input.user}`, 404);
  const facts = { user: found.id, channel: "D0HOME", tab: "home", event_ts: nextTs(ws) };
  ws.sendEvent({ type: "app_home_opened", ...facts });
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
  person,
  channel: channelAct,
  "user-group": userGroup,
  faults,
  hint,
  home,
};
