import type { Clock } from "../clock.ts";
import type { Journal } from "../journal/open.ts";
import { intend } from "../journal/outbox.ts";
import type { Log } from "../log.ts";
import type { BotSettings } from "./settings.ts";

/** Something that only people can mend: a channel that takes nothing, a token that is no longer good. */
export interface Trouble {
  /** A channel's id, or `Slack` where nothing goes at all. */
  readonly place: string;
  /** Slack's own word. */
  readonly error: string;
  readonly since: Date;
}

/** What stands in the way of messages just now, said once where people see it: log, another place in Slack, `health`. */
export interface Troubles {
  /** Slack refuses whatever is sent there. @returns how long to leave it alone, in milliseconds. */
  found(place: string, error: string): Promise<number>;
  /** Something went through. */
  went(channel: string): void;
  list(): readonly Trouble[];
}

/** Everything, as a place. */
export const allOfSlack = "Slack";

/** The first look again comes soon (somebody may just be inviting us), later ones not more often than this. */
const firstPauseMs = 5_000;
const longestPauseMs = 30_000;

/** Opens the list of one process. */
export function openTroubles(deps: {
  readonly journal: Journal;
  readonly settings: BotSettings;
  readonly clock: Clock;
  readonly log: Log;
}): Troubles {
  const open = new Map<string, Trouble & { pauseMs: number }>();
  const mend = (place: string): void => {
    const trouble = open.get(place);
    if (!open.delete(place) || trouble === undefined) return;
    deps.log.info({ place, error: trouble.error, since: trouble.since }, "messages go through again");
  };
  return {
    list: () => [...open.values()].map(({ place, error, since }) => ({ place, error, since })),
    went: (channel) => {
      mend(allOfSlack);
      mend(channel);
    },
    found: async (place, error) => {
      const known = open.get(place);
      if (known?.error === error) {
        known.pauseMs = Math.min(longestPauseMs, known.pauseMs * 2);
        return known.pauseMs;
      }
      const trouble = { place, error, since: deps.clock.now(), pauseMs: firstPauseMs };
      open.set(place, trouble);
      deps.log.error({ place, error }, "Slack takes no messages there; they wait until somebody mends it");
      await tellElsewhere(deps.journal, deps.settings, trouble);
      return trouble.pauseMs;
    },
  };
}

const remedies: Readonly<Record<string, string>> = {
  is_archived: "the channel is archived; unarchive it",
  not_in_channel: "Drawbridge is not in the channel; invite it",
  channel_not_found: "Drawbridge cannot see the channel; invite it, or correct the configuration",
};

/** What to do about a refusal. */
export function remedyOf(error: string): string {
  return remedies[error] ?? `Slack says ${error}; see the app's settings and its token`;
}

/** The drivers hear of it in a direct message. The customers' channel is none of the places: it is not for us. */
async function tellElsewhere(journal: Journal, settings: BotSettings, trouble: Trouble): Promise<void> {
  if (trouble.place === allOfSlack) return;
  const name = trouble.place === settings.slack.commsChannel ? "The customers' channel" : "The migration's channel";
  const text = `${name} takes no messages (${trouble.error}): ${remedyOf(trouble.error)}. What Drawbridge has to say waits and is sent then; a migration that runs goes on.`;
  for (const { person, slack } of settings.approvals.drivers) {
    await intend(journal.db, {
      kind: "note",
      migrationId: settings.migration,
      key: `trouble-${trouble.place}-${trouble.since.getTime()}-${person}`,
      audience: "person",
      priority: 2,
      facts: { text },
      ...(slack[0] === undefined ? {} : { person: slack[0] }),
    });
  }
}
