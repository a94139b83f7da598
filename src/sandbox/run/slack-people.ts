import { setTimeout as delay } from "node:timers/promises";

/** A message as `GET /_control/messages` shows it. */
export interface ShownMessage {
  readonly ts: string;
  readonly user: string;
  readonly text: string;
  readonly rendered?: string;
  readonly threadTs?: string;
  readonly ephemeralTo?: string;
  readonly reactions: ReadonlyArray<{ readonly name: string; readonly users: readonly string[] }>;
  readonly metadata?: { readonly event_payload?: Readonly<Record<string, unknown>> };
  readonly replies?: readonly ShownMessage[];
}

/** What the people of the sandbox can do, all of it through Slack's control interface, as a browser would. */
export interface SlackPeople {
  /** Types a command into the migration's channel. */
  command(user: string, text: string): Promise<void>;
  /** Reacts to a message, or takes the reaction back. */
  react(user: string, ts: string, name: string, present?: boolean): Promise<void>;
  messages(channel?: string): Promise<readonly ShownMessage[]>;
  /** Sets the banner that shows the next command. */
  hint(text: string): Promise<void>;
}

export const migrationChannel = "C0MIGRATION";
export const commsChannel = "C0COMMS0000";

/** People who act through `control` (`…/_control`). */
export function slackPeople(control: string): SlackPeople {
  const post = async (act: string, body: object): Promise<void> => {
    const answer = await fetch(`${control}/${act}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    if (!answer.ok) throw new Error(`_control/${act}: ${answer.status} ${await answer.text()}`);
  };
  return {
    command: (user, text) => post("command", { channel: migrationChannel, user, text }),
    react: (user, ts, name, present = true) => post("reaction", { channel: migrationChannel, ts, user, name, present }),
    messages: async (channel = migrationChannel) => {
      const answer = await fetch(`${control}/messages?channel=${channel}`, { signal: AbortSignal.timeout(15_000) });
      const body = (await answer.json()) as { messages: ShownMessage[] };
      return body.messages;
    },
    hint: (text) => post("hint", { text }),
  };
}

/** A short human pause; people do not react in the same millisecond. */
export async function think(seed: { next: () => number }, signal: AbortSignal): Promise<void> {
  await delay(200 + Math.round(seed.next() * 400), undefined, { signal });
}
