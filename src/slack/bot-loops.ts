import type { Clock } from "../clock.ts";
import { forgetInbound } from "../journal/inbound.ts";
import type { Journal } from "../journal/open.ts";
import type { Log } from "../log.ts";
import { startApprovalsLoop } from "./approvals-loop.ts";
import { openAttester } from "./attest.ts";
import type { SlackClients } from "./client.ts";
import { startLoop } from "./loop.ts";
import { openSender, type Sender } from "./outbox-sender.ts";
import { openRefresher } from "./refresh.ts";
import { intendReplies } from "./replies.ts";
import type { BotSettings } from "./settings.ts";
import { openSoleSender } from "./sole-sender.ts";
import { openTroubles, type Trouble } from "./troubles.ts";

/** What the bot does by itself, again and again. */
export interface Loops {
  readonly approvals: ReturnType<typeof startApprovalsLoop>;
  readonly sender: Sender;
  troubles(): readonly Trouble[];
  /** A table of the journal changed; empty for "anything may have". */
  changed(table: string): void;
  stop(): Promise<void>;
}

/** What the loops need. */
export interface LoopsDeps {
  readonly journal: Journal;
  readonly settings: BotSettings;
  readonly clients: SlackClients;
  /** Our own user in Slack. */
  readonly botUser: string;
  readonly log: Log;
  readonly clock: Clock;
}

const forgetEveryMs = 3_600_000;

/** What came in long ago goes, some at a time. */
async function forgetOld({ db }: Journal, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await forgetInbound(db)) > 0);
}

/** Starts to look after approvals, to attest, to watch what cards would show, and to send. */
export function startLoops({ journal, settings, clients, botUser, log, clock }: LoopsDeps): Loops {
  const approvals = startApprovalsLoop({ journal, settings, client: clients.votes, botUser, log, clock });
  const attester = openAttester({ journal, settings, client: clients.attest, botUser, clock, log });
  const attest = startLoop("attest", () => attester.round(), { everyMs: 500, clock, log });
  const refresher = openRefresher({ journal, settings });
  const refresh = startLoop("refresh", () => refresher.round(), { everyMs: 1_000, clock, log });
  const sole = openSoleSender(journal);
  const troubles = openTroubles({ journal, settings, clock, log });
  const sender = openSender({ journal, settings, client: clients.chatter, clock, log, botUser, sole, troubles });
  const send = startLoop(
    "outbox",
    async (signal) => {
      await intendReplies(journal);
      // what had to wait for its turn is looked at again soon, not at the next event
      for (let looks = 0; looks < 20 && (await sender.round()) && !signal.aborted; looks += 1)
        await clock.sleep(150, signal);
    },
    { everyMs: 500, clock, log },
  );
  const forget = startLoop("forget", (signal) => forgetOld(journal, signal), { everyMs: forgetEveryMs, clock, log });
  const wakes: Readonly<Record<string, () => void>> = {
    outbox: send.wake,
    command: send.wake,
    claim_request: attest.wake,
    approval: approvals.wake,
  };
  return {
    approvals,
    changed: (table) => {
      if (table === "") for (const wake of Object.values(wakes)) wake();
      else wakes[table]?.();
      if (table === "") approvals.lookAtAll();
    },
    sender,
    troubles: () => troubles.list(),
    stop: async () => {
      await Promise.all([approvals.stop(), attest.stop(), refresh.stop(), send.stop(), forget.stop()]);
      await attester.stop();
      await sole.release();
    },
  };
}
