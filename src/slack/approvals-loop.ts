import type { Clock } from "../clock.ts";
import { type Approval, approvalsByMessage, type MessageAt, openApprovals } from "../journal/approvals-rows.ts";
import { journalNow } from "../journal/now.ts";
import { startLoop, type Loop } from "./loop.ts";
import { remind } from "./remind.ts";
import { shareBatches } from "./share-reads.ts";
import { tendApproval, type TendDeps } from "./tend.ts";

/** Without any event an approval is looked at again after this long. Inside a window a lost veto event must not wait. */
const restingMs = 60_000;
const inWindowMs = 5_000;

/** People react to many messages, and few of these are gates: they are looked up together. */
const findEveryMs = 50;

/** Looks after all open approvals of the bot's migration. */
export interface ApprovalsRounds {
  /** Looks at what is due: touched, rested long enough, to be opened, or expired. One that fails is due again. */
  round(): Promise<void>;
  /** Something happened to messages. @returns whether one of them shows an approval; each that does is due now. */
  messagesTouched(messages: readonly MessageAt[]): Promise<boolean>;
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
          await remindIfDue(deps, approval, now);
          continue;
        }
        // set before: an event that comes while we look makes it due again
        lookedAt.set(approval.id, performance.now());
        await remindIfDue(deps, approval, now);
        try {
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
    messagesTouched: async (messages) => {
      const found = await approvalsByMessage(deps.journal.db, messages);
      for (const id of found) lookedAt.delete(id);
      return found.length > 0;
    },
    lookAtAll: () => lookedAt.clear(),
  };
}

/** A reminder that fails is due again in the next round, and keeps nothing else from being done. */
async function remindIfDue(deps: TendDeps, approval: Approval, now: Date): Promise<void> {
  try {
    await remind(deps.journal.db, approval, now);
  } catch (error) {
    deps.log.warn({ approval: approval.id, error: String(error) }, "a reminder failed; tried again");
  }
}

/** The same, in a loop of its own that wakes for what happened. */
export interface ApprovalsLoop extends Loop {
  messageTouched(channel: string, ts: string): Promise<void>;
  lookAtAll(): void;
}

/** Starts the loop; its first round looks at everything that is open (what happened while we were away counts as well). */
export function startApprovalsLoop(deps: TendDeps & { readonly clock: Clock }): ApprovalsLoop {
  const rounds = approvalsRounds(deps);
  const touched = shareBatches<MessageAt, void>(async (messages) => {
    if (await rounds.messagesTouched(messages)) loop.wake();
  }, findEveryMs);
  const loop = startLoop("approvals", () => rounds.round(), { everyMs: 1_000, clock: deps.clock, log: deps.log });
  return {
    ...loop,
    messageTouched: async (channel, ts) => {
      await touched({ channel, ts });
    },
    lookAtAll: () => {
      rounds.lookAtAll();
      loop.wake();
    },
  };
}
