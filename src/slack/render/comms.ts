import { dateOf, numberOf, textOf } from "../../report/facts.ts";
import type { StoredFacts } from "../../report/rows.ts";
import { type Message, message } from "../limits.ts";
import { clockTime, dayAndTime } from "./text.ts";

/** States that customers hear of, in their words. */
export const commsStates = ["scheduled", "in-progress", "delayed", "verifying", "completed", "put-back"] as const;
export type CommsState = (typeof commsStates)[number];

/**
 * A text for customers, ready to copy: no word of ours in it. Facts: `state`; ISO moments `at`, `startsAt`, `endsAt`,
 * `nextUpdateAt`; `expectedSeconds`, `unavailableSeconds`. Whatever is not known is not said.
 */
export function renderComms(facts: StoredFacts, sentAt: Date): Message | undefined {
  const state = commsStates.find((each) => each === textOf(facts, "state"));
  if (state === undefined) return undefined;
  const next = dateOf(facts, "nextUpdateAt");
  const small = [
    next === undefined ? "" : `next update by ${clockTime(next)}`,
    "to copy as it stands; the comms team decides what is published",
  ];
  return message([
    { body: body(state, facts, dateOf(facts, "at") ?? sentAt) },
    { small: small.filter((text) => text !== "").join(" · ") },
  ]);
}

function body(state: CommsState, facts: StoredFacts, at: Date): string {
  const time = clockTime(at);
  const expected = about(numberOf(facts, "expectedSeconds"));
  const was = exactly(numberOf(facts, "unavailableSeconds"));
  const starts = dateOf(facts, "startsAt");
  const ends = dateOf(facts, "endsAt");
  switch (state) {
    case "scheduled": {
      const when =
        starts === undefined
          ? "soon"
          : ends === undefined
            ? `at ${dayAndTime(starts)}`
            : `between ${dayAndTime(starts)} and ${clockTime(ends)}`;
      return `*Scheduled* · Short maintenance ${when}. The site will be unavailable for ${expected ?? "a short time"}. No data is affected.`;
    }
    case "in-progress":
      return `*In progress* · Maintenance has started (${time}).${expected === undefined ? "" : ` We expect to be back within ${expected.replace("about ", "")}.`}`;
    case "delayed":
      return `*Delayed* · This is taking longer than planned${ends === undefined ? "" : `; we now expect to be back at ${clockTime(ends)}`}. Your data is safe.`;
    case "verifying":
      return `*Verifying* · The site is back since ${time}. We are checking everything before we close the maintenance.`;
    case "completed":
      return `*Completed* · Back to normal at ${time}.${was === undefined ? "" : ` The site was unavailable for ${was}.`} Thank you for your patience.`;
    case "put-back":
      return `*Put back* · We stopped the maintenance and everything works as before since ${time}.${was === undefined ? "" : ` The site was unavailable for ${was}.`} Data is safe. We will announce a new time.`;
  }
}

/** Rounded up, so that people are not kept waiting longer than was said. */
function about(seconds: number | undefined): string | undefined {
  if (seconds === undefined) return undefined;
  if (seconds <= 60) return "about a minute";
  return `about ${Math.ceil(seconds / 60)} minutes`;
}

function exactly(seconds: number | undefined): string | undefined {
  if (seconds === undefined) return undefined;
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} ${Math.round(seconds) <= 1 ? "second" : "seconds"}`;
  return `${Math.round(seconds / 60)} minutes`;
}
