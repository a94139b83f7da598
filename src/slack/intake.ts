import { createHash } from "node:crypto";
import { insertCommand } from "../journal/commands.ts";
import { appendEvent } from "../journal/events.ts";
import { type Delivery, insertInbound, type InboundKind, type InboundStore } from "../journal/inbound.ts";
import type { JsonObject } from "../journal/json.ts";
import type { Journal } from "../journal/open.ts";
import { cleanBody, TooDeep } from "./clean-body.ts";
import { idsOfEvent } from "./event-ids.ts";
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

/** Slack sends events as JSON and everything else as a form. @throws Refused 415 for anything else. */
export function isForm(contentType: unknown): boolean {
  const type = typeof contentType === "string" ? contentType.split(";")[0]?.trim().toLowerCase() : undefined;
  if (type === "application/x-www-form-urlencoded") return true;
  if (type === "application/json") return false;
  throw new Refused(415, "neither JSON nor a form");
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

/** Where deliveries are stored. */
export interface Intake {
  readonly journal: Journal;
  readonly store: InboundStore;
  readonly settings: BotSettings;
}

/**
 * Stores a delivery, and the command in it in the same transaction. Until this returns Slack gets no 200.
 * `fallbackKey` stands for deliveries without an id of their own: the signature, or the envelope's id.
 */
export async function takeIn(intake: Intake, body: Body, fallbackKey: string): Promise<Taken> {
  const kind: InboundKind =
    typeof body["command"] === "string" ? "command" : body["type"] === "event_callback" ? "event" : "interaction";
  const dedupKey = `${kind}:${keyOf(kind, body, fallbackKey)}`;
  const delivery = { dedupKey, kind, body: storable(kind, body) };
  if (kind === "command") return takeCommand(intake, delivery);
  return { dedupKey, kind, isNew: (await intake.store.store(delivery)) === "new" };
}

const ourCommand = "/migrate";

/** Verbs whose answer comes from the journal at once make no row for the worker, and share their commit with what else comes. */
async function takeCommand(intake: Intake, delivery: Delivery): Promise<Taken> {
  const { dedupKey, kind, body } = delivery;
  // the app may have other commands one day; none of them is this one
  if (body["command"] !== ourCommand) throw new Refused(404, "another command");
  const parsed = parseCommand(textOf(body["text"]) ?? "");
  const allowed = parsed.ok && may(intake.settings, textOf(body["user_id"]) ?? "", parsed.verb);
  if (parsed.ok && allowed && !readOnly.has(parsed.verb)) return storeWork(intake, delivery, parsed);
  const isNew = (await intake.store.store(delivery)) === "new";
  if (!isNew) return { dedupKey, kind, isNew };
  return parsed.ok ? { dedupKey, kind, isNew, parsed, allowed } : { dedupKey, kind, isNew, parsed };
}

/** The delivery and the worker's row: both or none. */
async function storeWork(
  { journal, settings }: Intake,
  delivery: Delivery,
  parsed: Extract<Parsed, { ok: true }>,
): Promise<Taken> {
  const { dedupKey, kind, body } = delivery;
  const slackUser = textOf(body["user_id"]) ?? "";
  const channel = textOf(body["channel_id"]) ?? "";
  const { verb, args } = parsed;
  return journal.db.transaction(
    async (tx) => {
      if ((await insertInbound(tx, delivery)) === "seen") return { dedupKey, kind, isNew: false };
      const taken = { dedupKey, kind, isNew: true, parsed, allowed: true };
      const person = personOf(settings, slackUser);
      const migrationId = settings.migration;
      const commandId = await insertCommand(tx, { dedupKey, migrationId, verb, args, person, slackUser, channel });
      // last: other writers of the log wait until we commit
      await appendEvent(tx, { migrationId, kind: "command", actor: person, facts: { verb, ...args } });
      return { ...taken, ...(commandId === undefined ? {} : { commandId }) };
    },
    { statementTimeoutMs: 2_000, lockTimeoutMs: 1_500 },
  );
}

function keyOf(kind: InboundKind, body: Body, fallbackKey: string): string {
  const own = kind === "event" ? textOf(body["event_id"]) : textOf(body["trigger_id"]);
  if (kind === "event" && own === undefined) throw new Refused(400, "an event without an id");
  return createHash("sha256")
    .update(own ?? fallbackKey)
    .digest("hex");
}

/** What would let its reader act as us or answer for us is not stored. */
const bearers: ReadonlySet<string> = new Set(["token", "response_url", "trigger_id", "response_urls"]);

function storable(kind: InboundKind, body: Body): JsonObject {
  try {
    const clean = cleanBody(body, bearers);
    return kind === "event" ? idsOfEvent(clean) : clean;
  } catch (error) {
    if (error instanceof TooDeep) throw new Refused(400, error.message);
    throw error;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function recordOf(value: unknown): Body {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
