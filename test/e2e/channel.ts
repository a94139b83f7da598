import { z } from "zod";

const messageSchema = z.object({
  ts: z.string(),
  text: z.string(),
  plain: z.string(),
  user: z.string(),
  edits: z.number(),
  ephemeralTo: z.string().optional(),
});
const channelSchema = z.object({ messages: z.array(messageSchema.extend({ replies: z.array(messageSchema) })) });

/** A message with its replies, as the control interface shows it. */
export type ChannelMessage = z.infer<typeof channelSchema>["messages"][number];

/** Everything that stands in a channel. */
export async function readChannel(control: string, channel: string): Promise<readonly ChannelMessage[]> {
  const answer = await fetch(`${control}/messages?channel=${channel}`, { signal: AbortSignal.timeout(10_000) });
  return channelSchema.parse(await answer.json()).messages;
}

/** Does something as a person of the sandbox. */
export async function actIn(control: string, act: string, body: object): Promise<void> {
  const answer = await fetch(`${control}/${act}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(`_control/${act}: ${answer.status} ${await answer.text()}`);
}

/** When a message changed, in milliseconds since 1970. */
export interface ChangeLog {
  readonly note: (text: string | undefined) => void;
  /** The longest stretch within the given one in which nothing changed. */
  readonly longestQuietMs: (fromMs: number, toMs: number) => number;
}

/** Keeps the moments at which a text that is looked at again and again was another one. */
export function changeLog(): ChangeLog {
  const moments: number[] = [];
  let last: string | undefined;
  return {
    note: (text) => {
      if (text === undefined || text === last) return;
      last = text;
      moments.push(Date.now());
    },
    longestQuietMs: (fromMs, toMs) => {
      const inside = [fromMs, ...moments.filter((at) => at > fromMs && at < toMs), toMs];
      return Math.max(...inside.slice(1).map((at, index) => at - (inside[index] ?? at)));
    },
  };
}
