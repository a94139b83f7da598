import { z } from "zod";
import { joinChannel, leaveChannel } from "./acts.ts";
import { act, administrator, done, impossible, type Act } from "./control-act.ts";
import { faultsSchema, rollFaults } from "./faults.ts";
import type { Person } from "./model.ts";
import { showPerson } from "./shown.ts";
import { personOnWire } from "./wire.ts";
import { findChannel, findPerson, nextTs } from "./workspace.ts";

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
  const known = (names: readonly string[]): Person[] => names.flatMap((each) => findPerson(ws, each) ?? []);
  const [added, removed] = [known(input.add), known(input.remove)];
  if (added.length < input.add.length || removed.length < input.remove.length) {
    return impossible("one of the users is not known", 404);
  }
  for (const each of added) joinChannel(ws, channel, each);
  for (const each of removed) leaveChannel(ws, channel, each);
  const facts = { channel: channel.id, event_ts: nextTs(ws) };
  if (input.is_ext_shared !== undefined && input.is_ext_shared !== channel.isExtShared) {
    channel.isExtShared = input.is_ext_shared;
    const type = channel.isExtShared ? "channel_shared" : "channel_unshared";
    ws.sendEvent({ type, connected_team_id: "T0ELSEWHER", ...facts }, channel);
  }
  if (input.is_archived !== undefined && input.is_archived !== channel.isArchived) {
    channel.isArchived = input.is_archived;
    const user = administrator(ws)?.id ?? "";
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
  // with its seed, so that a run that went wrong can be repeated
  ws.logger.info({ faults: input }, "Slack stand-in: faults");
  return done({ faults: input });
});

const socket = act(
  z.strictObject({ reason: z.enum(["warning", "refresh_requested", "link_disabled"]).default("refresh_requested") }),
  (ws, { reason }) => {
    if (ws.sockets === undefined || ws.sockets.count() === 0) return impossible("the app has no socket open", 409);
    ws.sockets.disconnect(reason);
    return done({ sockets: ws.sockets.count() });
  },
);

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

/** Acts that change the world around the people: accounts, channels, groups, faults, the page's hint. */
export const worldActs: Readonly<Record<string, Act>> = {
  person,
  channel: channelAct,
  "user-group": userGroup,
  faults,
  "disconnect-sockets": socket,
  hint,
  home,
};
