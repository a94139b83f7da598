import { z } from "zod";

const messagesSchema = z.object({
  messages: z.array(z.object({ ts: z.string(), text: z.string(), ephemeralTo: z.string().optional() })),
});

/** A message as `GET /_control/messages` shows it; more is in it. */
export type ShownMessage = z.infer<typeof messagesSchema>["messages"][number];

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

/** People who act through `control` (`…/_control`). */
export function slackPeople(control: string): SlackPeople {
  const post = async (act: string, body: object, alsoFine?: number): Promise<void> => {
    const answer = await fetch(`${control}/${act}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    if (!answer.ok && answer.status !== alsoFine)
      throw new Error(`_control/${act}: ${answer.status} ${await answer.text()}`);
  };
  return {
    command: (user, text) => post("command", { channel: migrationChannel, user, text }),
    react: async (user, ts, name, present = true) => {
      // nobody can react to what was deleted a moment ago
      await post("reaction", { channel: migrationChannel, ts, user, name, present }, 404);
    },
    messages: async (channel = migrationChannel) => {
      const answer = await fetch(`${control}/messages?channel=${channel}`, { signal: AbortSignal.timeout(15_000) });
      return messagesSchema.parse(await answer.json()).messages;
    },
    hint: (text) => post("hint", { text }),
  };
}
