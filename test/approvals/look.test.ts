import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { evaluate } from "../../src/approvals/evaluate.ts";
import type { Verdict } from "../../src/approvals/policy.ts";
import { silentLog } from "../../src/log.ts";
import { Secret } from "../../src/redact.ts";
import { addReaction, deleteMessage, leaveChannel, postMessage, removeReaction } from "../../src/sandbox/slack/acts.ts";
import * as cast from "../../src/sandbox/slack/cast.ts";
import type { Channel, Message, Person } from "../../src/sandbox/slack/model.ts";
import { type SlackStandIn, startSlack } from "../../src/sandbox/slack/server.ts";
import { openClients, type SlackClients } from "../../src/slack/client.ts";
import { lookAt } from "../../src/slack/look.ts";
import { settings as base } from "../slack/settings.ts";

const { ids } = cast;
const group = "S0APPROVERS";
const botToken = new Secret("xoxb-test-token");

let slack: SlackStandIn;
let clients: SlackClients;
let channel: Channel;
let card: Message;

beforeAll(async () => {
  slack = await startSlack({ signingSecret: new Secret("s"), botToken, rates: generous });
  clients = openClients(settingsWith(), botToken, silentLog);
  channel = slack.channels.get("C0MIGRATION") ?? fail();
});
afterAll(() => slack.stop());
beforeEach(() => {
  card = postMessage(slack.workspace, channel, { user: ids.drawbridge, text: "a gate" });
  for (const emoji of ["white_check_mark", "no_entry"])
    addReaction(slack.workspace, channel, card, who(ids.drawbridge), emoji);
});

const generous = {
  postsPerSecondPerChannel: 100,
  postBurst: 100,
  perMinute: { tier2: 6_000, tier3: 6_000, tier4: 6_000, special: 6_000 },
};

function fail(): never {
  throw new Error("the cast has changed");
}

function who(id: string): Person {
  return slack.people.get(id) ?? fail();
}

function settingsWith(userGroup?: string) {
  const approvers = [ids.ann, ids.bob, ids.cyn, ids.guest, ids.external, ids.otherBot].map((id) => ({
    person: id,
    slack: [id],
  }));
  const team = cast.team.id;
  return {
    ...base,
    slack: { ...base.slack, team, apiUrl: slack.apiUrl },
    approvals: { ...base.approvals, approvers, ...(userGroup === undefined ? {} : { userGroup }) },
  };
}

/** What the bot and the worker would say of the card, asked over HTTP. */
async function verdict(userGroup?: string, vetoed: readonly string[] = []): Promise<Verdict> {
  const settings = settingsWith(userGroup);
  const look = await lookAt(clients.votes, settings, { id: "a", channel: channel.id, messageTs: card.ts }, vetoed);
  const { required, approveEmoji, vetoEmoji, approvers } = settings.approvals;
  return evaluate({
    policy: { required, approveEmoji, vetoEmoji, team: settings.slack.team, userGroup },
    request: {
      id: "a",
      digest: "d",
      requesters: ["greg"],
      createdAt: new Date(0),
      expiresAt: new Date(8e15),
      state: "PENDING",
    },
    approvers,
    currentDigest: "d",
    ...look,
    now: new Date(),
  });
}

const react = (id: string, emoji = "white_check_mark") => addReaction(slack.workspace, channel, card, who(id), emoji);
const reasonOf = (said: Verdict, id: string) => said.ignored.find(({ slackUser }) => slackUser === id)?.reason;

describe("Slack is asked over HTTP, and", () => {
  it("two full members of the channel open a gate; guests, externals and bots of the list do not", async () => {
    for (const id of [ids.guest, ids.external, ids.otherBot, ids.ann]) react(id);
    const one = await verdict();
    expect(one).toMatchObject({ state: "waiting", missing: 1 });
    expect([ids.guest, ids.external, ids.otherBot].map((id) => reasonOf(one, id))).toEqual([
      "guest",
      "external",
      "bot",
    ]);
    react(ids.bob);
    expect((await verdict()).state).toBe("open");
  });

  it("only people of the list who are in the user group as well count, as the group is now", async () => {
    react(ids.ann);
    react(ids.cyn);
    expect((await verdict(group)).state).toBe("open");
    const members = slack.workspace.userGroups.get(group) ?? fail();
    const before = members.users;
    members.users = [ids.ann, ids.bob, ids.dana];
    const without = await verdict(group);
    members.users = before;
    expect(without).toMatchObject({ state: "waiting", missing: 1 });
    expect(reasonOf(without, ids.cyn)).toBe("not-in-group");
  });

  it("who left the channel or was deactivated no longer counts", async () => {
    react(ids.ann);
    react(ids.bob);
    who(ids.ann).deleted = true;
    const deactivated = await verdict();
    who(ids.ann).deleted = false;
    expect(reasonOf(deactivated, ids.ann)).toBe("deactivated");
    leaveChannel(slack.workspace, channel, who(ids.bob));
    const left = await verdict();
    channel.members.add(ids.bob);
    expect(reasonOf(left, ids.bob)).toBe("not-in-channel");
  });

  it("a veto that reached us earlier stands although its reaction is gone", async () => {
    react(ids.ann);
    react(ids.bob);
    react(ids.cyn, "no_entry");
    removeReaction(slack.workspace, channel, card, who(ids.cyn), "no_entry");
    expect((await verdict()).state).toBe("open");
    expect((await verdict(undefined, [ids.cyn])).state).toBe("denied");
    expect((await verdict(undefined, [ids.dana])).state).toBe("open");
  });

  it("a deleted message, a shared channel and a channel that the app was removed from void the request", async () => {
    react(ids.ann);
    react(ids.bob);
    channel.isExtShared = true;
    expect((await verdict()).state).toBe("voided");
    channel.isExtShared = false;
    leaveChannel(slack.workspace, channel, who(ids.drawbridge));
    expect((await verdict()).state).toBe("voided");
    channel.members.add(ids.drawbridge);
    expect((await verdict()).state).toBe("open");
    deleteMessage(slack.workspace, channel, card);
    expect((await verdict()).state).toBe("voided");
  });
});
