import { z } from "zod";

const rate = z.union([z.boolean().transform(Number), z.number().min(0).max(1)]).default(0);

/** What can be made to go wrong, on demand. Rates are between 0 and 1; `true` means always. */
export const faultsSchema = z.strictObject({
  /** Part of the events that are never sent, and never repeated. */
  dropEvents: rate,
  /** Each event waits between 0 and this many milliseconds. */
  delayEventsMs: z.number().min(0).max(600_000).default(0),
  /** Part of the events that are sent twice with one event_id. */
  repeatEvents: rate,
  /** Part of the events that are held back until the next one was sent (two seconds at most). */
  reorderEvents: rate,
  /** Part of the bot's Web API calls that are answered 429, undone. */
  http429Rate: rate,
  /** Part of the bot's Web API calls that are answered 503, undone. */
  http5xxRate: rate,
  /** Part of the bot's Web API calls whose connection is cut after they were done. */
  loseResponses: rate,
  /** `reactions.get` without `full` lists at most this many people per emoji; the count stays whole. */
  truncateUsers: z.number().int().min(0).optional(),
  /** Part of the `reactions.get` calls whose people are cut although `full` was asked for (one per emoji, unless told above). */
  truncateFull: rate,
  /** Part of the bot's messages that an administrator deletes, within two seconds of their posting. */
  deleteMessages: rate,
  /** Part of the deliveries over a socket that cut it, before or after the app had them. */
  cutSockets: rate,
  /** The bot's calls of a method are refused with Slack's word for it: all of them, or those that carry blocks. */
  refuse: z
    .array(z.strictObject({ method: z.string(), error: z.string(), onlyWithBlocks: z.boolean().default(false) }))
    .default([]),
  /** Repeats a run's faults. */
  seed: z.number().int().default(1),
});

export type FaultSettings = z.infer<typeof faultsSchema>;

/** Everything that goes wrong in a part of the cases. */
type Rated = {
  [Name in keyof FaultSettings]-?: Name extends "delayEventsMs" | "seed"
    ? never
    : FaultSettings[Name] extends number
      ? Name
      : never;
}[keyof FaultSettings];

/** The settings and their dice. */
export interface Faults {
  readonly settings: FaultSettings;
  /** True in `rate` of the cases; every kind of fault has dice of its own. */
  happens(kind: Rated): boolean;
  /** A whole number from 0 up to `max`. */
  upTo(max: number): number;
}

/** Faults that repeat with their seed. */
export function rollFaults(settings: FaultSettings): Faults {
  const dice = new Map<string, () => number>();
  const roll = (kind: string): number => {
    const known =
      dice.get(kind) ?? mulberry32(settings.seed + Buffer.from(kind).reduce((sum, byte) => sum * 31 + byte, 7));
    dice.set(kind, known);
    return known();
  };
  return {
    settings,
    happens: (kind) => settings[kind] > 0 && roll(kind) < settings[kind],
    upTo: (max) => Math.floor(roll("delay") * (max + 1)),
  };
}

/** Everything that Slack can do to us, at rates with which a whole run still ends well. */
export const modestFaults: Readonly<Partial<FaultSettings>> = {
  dropEvents: 0.1,
  delayEventsMs: 800,
  repeatEvents: 0.1,
  reorderEvents: 0.1,
  http429Rate: 0.04,
  http5xxRate: 0.04,
  loseResponses: 0.04,
  truncateFull: 0.03,
  deleteMessages: 0.02,
};

/** Nothing goes wrong. */
export function noFaults(): Faults {
  return rollFaults(faultsSchema.parse({}));
}

/** A small seeded generator (Tommy Ettinger's mulberry32), numbers in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
