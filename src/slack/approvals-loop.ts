import type { Clock } from "../clock.ts";
import { approvalByMessage, openApprovals } from "../journal/approvals-rows.ts";
import { startLoop, type Loop } from "./loop.ts";
import { tendApproval, type TendDeps } from "./tend.ts";

/** Without any event an approval is looked at again after this long. Inside a window a lost veto event must not wait. */
const restingMs = 60_000;
const inWindowMs = 5_000;

/** Looks after all open approvals. */
export interface ApprovalsLoop extends Loop {
  /** Something happened to a message: look at the approval that it shows, if it shows one. */
  messageTouched(channel: string, ts: string): Promise<void>;
  /** Something happened to people, groups or a channel: look at everything. */
  lookAtAll(): void;
}

/** Starts the loop; its first round looks at everything that is open (what happened while we were away counts as well). */
export function startApprovalsLoop(deps: TendDeps & { readonly clock: Clock }): ApprovalsLoop {
  const lookedAt = new Map<string, number>();
  const now = (): number => deps.clock.now().getTime();
  const round = async (): Promise<void> => {
    for (const approval of await openApprovals(deps.journal.db)) {
      const last = lookedAt.get(approval.id) ?? 0;
      const restMs = approval.state === "CONSUMED" ? inWindowMs : restingMs;
      const due = approval.state === "OPENING" || now() - last >= restMs || now() >= approval.expiresAt.getTime();
      if (!due) continue;
      // set before: an event that comes while we look makes it due again
      lookedAt.set(approval.id, now());
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
  };
  const loop = startLoop("approvals", round, { everyMs: 1_000, clock: deps.clock, log: deps.log });
  return {
    ...loop,
    messageTouched: async (channel, ts) => {
      const approval = await approvalByMessage(deps.journal.db, channel, ts);
      if (approval === undefined) return;
      lookedAt.delete(approval.id);
      loop.wake();
    },
    lookAtAll: () => {
      lookedAt.clear();
      loop.wake();
    },
  };
}
