import type { Json, JsonObject } from "../journal/json.ts";

/** Values that name things or moments. What people wrote, and what they are called, is in none of them. */
const idKeys = ["type", "subtype", "ts", "deleted_ts", "event_ts", "channel_type", "reaction", "item_user"] as const;
/** Things that events carry as their id or whole, with a profile or a text. */
const things = ["user", "channel", "item", "message", "previous_message", "subteam"] as const;
const thingKeys = ["type", "id", "ts", "channel", "user"] as const;
const outerKeys = ["type", "team_id", "enterprise_id", "api_app_id", "event_id", "event_time"] as const;

/** An `event_callback` with its ids only: what the journal keeps of it. Nobody needs the rest once the event was handed on. */
export function idsOfEvent(body: JsonObject): JsonObject {
  const event = objectOf(body["event"]) ?? {};
  return { ...plain(body, outerKeys), event: { ...plain(event, idKeys), ...plain(event, things), ...whole(event) } };
}

function plain(from: JsonObject, keys: readonly string[]): JsonObject {
  const isPlain = (value: Json): boolean => typeof value === "string" || typeof value === "number";
  return Object.fromEntries(keys.filter((key) => isPlain(from[key])).map((key) => [key, from[key]]));
}

function whole(event: JsonObject): JsonObject {
  return Object.fromEntries(
    things.flatMap((key) => {
      const thing = objectOf(event[key]);
      return thing === undefined ? [] : [[key, plain(thing, thingKeys)]];
    }),
  );
}

function objectOf(value: Json): JsonObject | undefined {
  return typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : undefined;
}
