import { createHash } from "node:crypto";
import { insertCommand } from "../journal/commands.ts";
import { appendEvent } from "../journal/events.ts";
import { insertInbound, type InboundKind } from "../journal/inbound.ts";
import type { JsonObject } from "../journal/json.ts";
import type { Journal } from "../journal/open.ts";
import { parseCommand, type Parsed } from "./parse.ts";
import { may, readOnly } from "./permission.ts";
import { type BotSettings, personOf } from "./settings.ts";

/** A request that is refused, with the HTTP status that says so. Never carries what was sent. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A body as Bolt parsed it, after its signature was checked. */
export type Body = Readonly<Record<string, unknown>>;

/** What was stored of a delivery before Slack gets its answer. */
export interface Taken {
  readonly dedupKey: string;
  readonly kind: InboundKind;
  /** False when the same delivery was stored before. */
  readonly isNew: boolean;
  readonly parsed?: Parsed;
  /** Whether the person may use the verb. */
  readonly allowed?: boolean;
  /** The command's row, where it is one for the worker. */
  readonly commandId?: number;
}

/** Both sides: a request from the future could be sent again for as long as it stays there. */
const windowSeconds = 300;

/** Refuses what is too old or from the future. Bolt itself looks at the past only. */
export function checkTimestamp(header: unknown, now: Date): void {
  const at = Number(header);
  if (!Number.isFinite(at) || Math.abs(now.getTime() / 1000 - at) > windowSeconds) {
    throw new Refused(401, "the request's time is more than five minutes off");
  }
}

/** Refuses other workspaces, organisations and apps: a signature alone does not say who it was meant for. */
export function checkOrigin(body: Body, settings: BotSettings): void {
  const team = textOf(body["team_id"]) ?? textOf(recordOf(body["team"])["id"]);
  const enterprise = textOf(body["enterprise_id"]) ?? textOf(recordOf(body["enterprise"])["id"]);
  const app = textOf(body["api_app_id"]);
  if (team !== settings.slack.team) throw new Refused(403, "another workspace");
  if (app !== settings.slack.app) throw new Refused(403, "another app");
  if (enterprise !== settings.slack.enterprise) throw new Refused(403, "another organisation");
}

/** Stores a delivery, and the command in it, in one transaction. Until this returns Slack gets no 200. */
export async function takeIn(journal: Journal, settings: BotSettings, body: Body, signature: string): Promise<Taken> {
  const kind: InboundKind =
    typeof body["command"] === "string" ? "command" : body["type"] === "event_callback" ? "event" : "interaction";
  const dedupKey = `${kind}:${keyOf(kind, body, signature)}`;
  return journal.db.transaction(
    async (tx) => {
      const isNew = (await insertInbound(tx, { dedupKey, kind, body: withoutBearers(body) })) === "new";
      if (kind !== "command" || !isNew) return { dedupKey, kind, isNew };
      const slackUser = textOf(body["user_id"]) ?? "";
      const parsed = parseCommand(textOf(body["text"]) ?? "");
      if (!parsed.ok) return { dedupKey, kind, isNew, parsed };
      const allowed = may(settings, slackUser, parsed.verb);
      if (!allowed || readOnly.has(parsed.verb)) return { dedupKey, kind, isNew, parsed, allowed };
      const person = personOf(settings, slackUser);
      const { verb, args } = parsed;
      const channel = textOf(body["channel_id"]) ?? "";
      const migrationId = settings.migration;
      const commandId = await insertCommand(tx, { dedupKey, migrationId, verb, args, person, slackUser, channel });
      await appendEvent(tx, { migrationId, kind: "command", actor: person, facts: { verb, ...args } });
      return commandId === undefined
        ? { dedupKey, kind, isNew, parsed, allowed }
        : { dedupKey, kind, isNew, parsed, allowed, commandId };
    },
    { statementTimeoutMs: 2_000, lockTimeoutMs: 1_500 },
  );
}

function keyOf(kind: InboundKind, body: Body, signature: string): string {
  const own = kind === "event" ? textOf(body["event_id"]) : textOf(body["trigger_id"]);
  if (kind === "event" && own === undefined) throw new Refused(400, "an event without an id");
  return createHash("sha256")
    .update(own ?? signature)
    .digest("hex");
}

/** What would let its reader act as us or answer for us is not stored. */
function withoutBearers(body: Body): JsonObject {
  const { token: _token, response_url: _url, trigger_id: _trigger, response_urls: _urls, ...rest } = body;
  const stored: JsonObject = JSON.parse(JSON.stringify(rest));
  return stored;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function recordOf(value: unknown): Body {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
