import { dateOf, numberOf, textOf } from "../../report/facts.ts";
import type { StoredFacts } from "../../report/rows.ts";
import type { WindowView } from "../../report/windows.ts";
import { type Message, message } from "../limits.ts";
import { clockTime } from "./text.ts";

/** States that customers hear of, in their words. */
export const commsStates = [
  "scheduled",
  "in-progress",
  "delayed",
  "verifying",
  "completed",
  "put-back",
  "by-hand",
] as const;
export type CommsState = (typeof commsStates)[number];

/** Between two updates while the site is down. */
const updateEveryMs = 5 * 60_000;

/**
 * A text for customers, ready to copy: no word of ours in it. Facts: `state`, `windowId`; ISO moments `at`, `endsAt`,
 * `nextUpdateAt`, `expiresAt` (nobody can open the window after it); `expectedSeconds`, `unavailableSeconds`. What the facts leave out is taken from the window;
 * whatever is not known is not said.
 */
export function renderComms(given: StoredFacts, sentAt: Date, window?: WindowView, now?: Date): Message | undefined {
  const state = commsStates.find((each) => each === textOf(given, "state"));
  if (state === undefined) return undefined;
  const facts = { ...fromWindow(state, window, sentAt), ...given };
  if (state === "scheduled" && isOff(facts, window, now ?? sentAt)) return postponed();
  const next = dateOf(facts, "nextUpdateAt");
  const small = [
    next !== undefined
      ? `next update by ${clockTime(next)}`
      : state === "scheduled"
        ? "next update when it starts"
        : "no further update unless something changes",
    "a draft to copy as it stands; the comms team decides what is published",
  ];
  return message([{ body: body(state, facts, dateOf(facts, "at") ?? sentAt) }, { small: small.join(" · ") }]);
}

/** What the window itself knows: expected and measured times. */
function fromWindow(state: CommsState, window: WindowView | undefined, sentAt: Date): StoredFacts {
  if (window === undefined) return {};
  const expectedMs = expectedDownMs(window);
  const from = window.siteDownAt ?? window.openedAt ?? sentAt;
  const end = new Date(from.getTime() + expectedMs);
  const iso = (at: Date): string => at.toISOString();
  switch (state) {
    case "scheduled":
    case "by-hand":
      return {};
    case "in-progress":
      return { expectedSeconds: expectedMs / 1000, endsAt: iso(end), nextUpdateAt: iso(end) };
    case "delayed":
      return { nextUpdateAt: iso(new Date(sentAt.getTime() + updateEveryMs)) };
    case "verifying":
      return {
        at: window.siteBackAt && iso(window.siteBackAt),
        nextUpdateAt: iso(new Date(sentAt.getTime() + updateEveryMs)),
      };
    case "completed":
    case "put-back": {
      const back = window.siteBackAt ?? sentAt;
      const known =
        window.siteDownAt === undefined ? {} : { unavailableSeconds: (back.getTime() - from.getTime()) / 1000 };
      return { at: iso(back), ...known };
    }
  }
}

/** How long customers are told to wait: twice the forecast, in whole minutes; being back early annoys nobody. */
export function expectedDownMs(window: Pick<WindowView, "forecastMs">): number {
  return Math.max(1, Math.ceil((2 * window.forecastMs) / 60_000)) * 60_000;
}

/** Nothing came of it: given up, or nobody opened it in time. */
function isOff(facts: StoredFacts, window: WindowView | undefined, now: Date): boolean {
  const expires = dateOf(facts, "expiresAt");
  if (window?.state === "cancelled") return true;
  return window?.state === "asking" && expires !== undefined && now > expires;
}

function postponed(): Message {
  return message([
    {
      body: `*Postponed* · The announced maintenance does not take place. Everything works as usual. We will announce a new time.`,
    },
    { small: "a draft to copy as it stands; the comms team decides what is published" },
  ]);
}

function body(state: CommsState, facts: StoredFacts, at: Date): string {
  const time = clockTime(at);
  const expected = about(numberOf(facts, "expectedSeconds"));
  const was = exactly(numberOf(facts, "unavailableSeconds"));
  const ends = dateOf(facts, "endsAt");
  switch (state) {
    case "scheduled":
      // people open the window when they are ready: until when they may is no time that customers could plan with
      return `*Scheduled* · Short maintenance soon${isToday(facts, at) ? ", today" : ""}. The site will be unavailable for ${expected ?? "a short time"}. We will say when it starts. No data is affected.`;
    case "in-progress": {
      const by = ends === undefined ? "" : `, by ${clockTime(ends)}`;
      return `*In progress* · Maintenance has started (${time}).${expected === undefined ? "" : ` We expect to be back within ${expected.replace("about ", "")}${by}.`} Your data is safe.`;
    }
    case "delayed":
      return `*Delayed* · This is taking longer than planned${ends === undefined ? "" : `; we now expect to be back at ${clockTime(ends)}`}. Your data is safe.`;
    case "verifying":
      return `*Verifying* · The site is back since ${time}. We are checking everything before we close the maintenance.`;
    case "completed":
      return `*Completed* · Back to normal at ${time}.${was === undefined ? "" : ` The site was unavailable for ${was}.`} Thank you for your patience.`;
    case "put-back":
      return `*Put back* · We stopped the maintenance; everything works as before since ${time}.${was === undefined ? "" : ` The site was unavailable for ${was}.`} Your data is safe. We will announce a new time.`;
    case "by-hand":
      return `*By hand* · Our engineers stepped in at ${time} to keep the site safe. Your data is safe. We will say how it goes on.`;
  }
}

/** Whether it can still begin on the day on which it was announced (UTC) only. */
function isToday(facts: StoredFacts, at: Date): boolean {
  const expires = dateOf(facts, "expiresAt");
  return expires !== undefined && expires.toISOString().slice(0, 10) === at.toISOString().slice(0, 10);
}

/** Rounded up, so that people are not kept waiting longer than was said. */
function about(seconds: number | undefined): string | undefined {
  if (seconds === undefined) return undefined;
  if (seconds <= 50) return `about ${Math.max(1, Math.ceil(seconds / 10)) * 10} seconds`;
  if (seconds <= 60) return "about a minute";
  return `about ${Math.ceil(seconds / 60)} minutes`;
}

/** "41 seconds", "2 minutes and 5 seconds". */
function exactly(seconds: number | undefined): string | undefined {
  if (seconds === undefined) return undefined;
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 90) return counted(whole, "second");
  const rest = whole % 60;
  return `${counted(Math.floor(whole / 60), "minute")}${rest === 0 ? "" : ` and ${counted(rest, "second")}`}`;
}

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
