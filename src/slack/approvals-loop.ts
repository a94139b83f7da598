import type { Clock } from "../clock.ts";
import { approvalByMessage, openApprovals } from "../journal/approvals-rows.ts";
import { journalNow } from "../journal/now.ts";
import { startLoop, type Loop } from "./loop.ts";
import { remind } from "./remind.ts";
import { tendApproval, type TendDeps } from "./tend.ts";

/** Without any event an approval is looked at again after this long. Inside a window a lost veto event must not wait. */
const restingMs = 60_000;
const inWindowMs = 5_000;

/** Looks after all open approvals of the bot's migration. */
export interface ApprovalsRounds {
  /** Looks at what is due: touched, rested long enough, to be opened, or expired. One that fails is due again. */
  round(): Promise<void>;
  /** Something happened to a message. @returns whether it shows an approval, which is due now. */
  messageTouched(channel: string, ts: string): Promise<boolean>;
  /** Something happened to people, groups or a channel: everything is due. */
  lookAtAll(): void;
}

/** Nothing was looked at yet, so that the first round looks at everything that is open. */
export function approvalsRounds(deps: TendDeps): ApprovalsRounds {
  // milliseconds of this process's own time: what clocks are set to does not matter
  const lookedAt = new Map<string, number>();
  return {
    round: async () => {
      const open = await openApprovals(deps.journal.db, deps.settings.migration);
      if (open.length === 0) return;
      const now = await journalNow(deps.journal.db);
      for (const approval of open) {
        const rested = performance.now() - (lookedAt.get(approval.id) ?? Number.NEGATIVE_INFINITY);
        const restMs = approval.state === "CONSUMED" ? inWindowMs : restingMs;
        const isOver = now >= approval.expiresAt && approval.state !== "CONSUMED";
        if (approval.state !== "OPENING" && rested < restMs && !isOver) {
          await remind(deps.journal.db, approval, now);
          continue;
        }
        // set before: an event that comes while we look makes it due again
        lookedAt.set(approval.id, performance.now());
        try {
          await remind(deps.journal.db, approval, now);
          await tendApproval(deps, approval);
        } catch (error) {
          lookedAt.delete(approval.id);
          deps.log.warn(
            { approval: approval.id, error: String(error) },
            "an approval could not be looked at; tried again",
          );
        }
      }
    },
    messageTouched: async (channel, ts) => {
      const approval = await approvalByMessage(deps.journal.db, channel, ts);
      if (approval !== undefined) lookedAt.delete(approval.id);
      return approval !== undefined;
    },
    lookAtAll: () => lookedAt.clear(),
  };
}

/** The same, in a loop of its own that wakes for what happened. */
export interface ApprovalsLoop extends Loop {
  messageTouched(channel: string, ts: string): Promise<void>;
  lookAtAll(): void;
}

/** Starts the loop; its first round looks at everything that is open (what happened while we were away counts as well). */
export function startApprovalsLoop(deps: TendDeps & { readonly clock: Clock }): ApprovalsLoop {
  const rounds = approvalsRounds(deps);
  const loop = startLoop("approvals", () => rounds.round(), { everyMs: 1_000, clock: deps.clock, log: deps.log });
  return {
    ...loop,
    messageTouched: async (channel, ts) => {
      if (await rounds.messageTouched(channel, ts)) loop.wake();
    },
    lookAtAll: () => {
      rounds.lookAtAll();
      loop.wake();
    },
  };
}
