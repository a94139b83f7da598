import { expect, it } from "vitest";
import { idsOfEvent } from "../../src/slack/event-ids.ts";

const outer = { type: "event_callback", team_id: "T1", api_app_id: "A1", event_id: "Ev1", event_time: 7 };
const who = { id: "U1", name: "ann", real_name: "Ann Bell", profile: { email: "ann@shop.example", phone: "555" } };

it("of a message only ids are kept: no text, old or new, no blocks, no files", () => {
  const said = { type: "message", user: "U1", ts: "5.1", text: "the secret", blocks: [{ text: "the secret" }] };
  const event = {
    type: "message",
    subtype: "message_changed",
    channel: "C1",
    ts: "6.1",
    event_ts: "6.1",
    message: { ...said, files: [{ name: "the secret" }] },
    previous_message: said,
    text: "the secret",
    username: "Ann Bell",
  };
  const kept = idsOfEvent({ ...outer, authorizations: [{ user_id: "U9" }], event });
  expect(JSON.stringify(kept)).not.toMatch(/secret|Ann/);
  expect(kept).toEqual({
    ...outer,
    event: {
      type: "message",
      subtype: "message_changed",
      channel: "C1",
      ts: "6.1",
      event_ts: "6.1",
      message: { type: "message", user: "U1", ts: "5.1" },
      previous_message: { type: "message", user: "U1", ts: "5.1" },
    },
  });
});

it("of a changed account, group or channel only its id is kept", () => {
  expect(idsOfEvent({ ...outer, event: { type: "user_change", user: who, event_ts: "1.1" } })).toEqual({
    ...outer,
    event: { type: "user_change", event_ts: "1.1", user: { id: "U1" } },
  });
  const subteam = { id: "S1", name: "approvers", users: ["U1"], description: "who approves" };
  expect(idsOfEvent({ ...outer, event: { type: "subteam_updated", subteam } })).toMatchObject({
    event: { type: "subteam_updated", subteam: { id: "S1" } },
  });
  expect(JSON.stringify(idsOfEvent({ ...outer, event: { type: "subteam_updated", subteam } }))).not.toMatch(/approve/);
});

it("a reaction is kept whole, since a veto is read from it", () => {
  const item = { type: "message", channel: "C1", ts: "5.1" };
  const event = { type: "reaction_added", user: "U1", reaction: "no_entry::skin-tone-2", item, item_user: "U2" };
  const body = { ...outer, event: { ...event, event_ts: "7.000100" } };
  expect(idsOfEvent(body)).toEqual(body);
});

it("an event that is none leaves nothing behind", () => {
  for (const event of ["text", ["text"], 5, undefined])
    expect(idsOfEvent({ ...outer, event })).toEqual({ ...outer, event: {} });
});
