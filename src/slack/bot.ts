import { App } from "@slack/bolt";
import { type Clock, waitFor } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import type { Journal } from "../journal/open.ts";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";
import { startApprovalsLoop } from "./approvals-loop.ts";
import { attestAll } from "./attest.ts";
import { openClients, quietLogger, type SlackClients, slackFault } from "./client.ts";
import { addListeners, type Bell } from "./listeners.ts";
import { startLoop } from "./loop.ts";
import { openSender, type Sender } from "./outbox-sender.ts";
import { type Health, openReceiver } from "./receiver.ts";
import { openRefresher } from "./refresh.ts";
import { intendReplies } from "./replies.ts";
import type { BotSettings } from "./settings.ts";
import { openSoleSender } from "./sole-sender.ts";
import { openTroubles, type Trouble } from "./troubles.ts";

/** What the bot is given. */
export interface BotOptions {
  /** The configuration; more may be in it. */
  readonly config: BotSettings;
  readonly secrets: { readonly signingSecret: Secret; readonly botToken: Secret };
  readonly journal: Journal;
  readonly doorbell: Bell;
  readonly log: Log;
  readonly clock: Clock;
  /** 0 for any free port. */
  readonly port: number;
  /** Loopback unless told; behind a proxy in a container `0.0.0.0`. */
  readonly host?: string;
}

/** A running bot. */
export interface Bot extends AsyncDisposable {
  readonly port: number;
  /** Base URL on this machine. Slack's three request URLs are all `${url}/slack/events`; `${url}/health` says how it is. */
  readonly url: string;
  /** Ends after the work in hand. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts the bot: commands and reactions in, cards and messages out, approvals and attestation.
 * @throws DrawbridgeError `DB_CONFIG` when the token is refused or belongs to another workspace; `DB_WAIT_TIMEOUT` when Slack
 * does not answer for a minute.
 */
export async function startBot(options: BotOptions): Promise<Bot> {
  const { config: settings, journal, log, clock } = options;
  const clients = openClients(settings, options.secrets.botToken, log);
  const self = await whoAmI(clients, settings, clock);
  const loops = startLoops(options, clients, self.botUserId);
  const health = async (): Promise<Health> => {
    await journal.db.query("select 1");
    return { ok: true, troubles: loops.troubles() };
  };
  const receiver = openReceiver({
    journal,
    settings,
    clock,
    log,
    signingSecret: options.secrets.signingSecret,
    health,
  });
  const app = new App({
    receiver,
    authorize: () => Promise.resolve({ botToken: options.secrets.botToken.reveal(), ...self }),
    logger: quietLogger(log),
    clientOptions: settings.slack.apiUrl === undefined ? {} : { slackApiUrl: settings.slack.apiUrl },
  });
  const { approvals, sender } = loops;
  addListeners(app, { journal, settings, bell: options.doorbell, approvals, sender, log });
  const unlisten = await journal.listen(({ table }) => loops.changed(table));
  const server = await receiver.start({ port: options.port, host: options.host ?? "127.0.0.1" });
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  log.info({ port, botUser: self.botUserId }, "the bot listens");
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopped ??= (async () => {
      unlisten();
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), 3_000);
      await Promise.all([receiver.stop(), loops.stop()]);
      clearTimeout(cut);
    })());
  return { port, url: `http://127.0.0.1:${port}`, stop, [Symbol.asyncDispose]: stop };
}

interface Loops {
  readonly approvals: ReturnType<typeof startApprovalsLoop>;
  readonly sender: Sender;
  troubles(): readonly Trouble[];
  changed(table: string): void;
  stop(): Promise<void>;
}

function startLoops(options: BotOptions, clients: SlackClients, botUser: string): Loops {
  const { config: settings, journal, log, clock } = options;
  const approvals = startApprovalsLoop({ journal, settings, client: clients.votes, botUser, log, clock });
  const attest = startLoop("attest", () => attestAll({ journal, settings, client: clients.attest, botUser, log }), {
    everyMs: 500,
    clock,
    log,
  });
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
      await Promise.all([approvals.stop(), attest.stop(), refresh.stop(), send.stop()]);
      await sole.release();
    },
  };
}

/** Asks Slack whose token this is, and refuses one of another workspace. */
async function whoAmI(
  clients: SlackClients,
  settings: BotSettings,
  clock: Clock,
): Promise<{ botId: string; botUserId: string }> {
  const answer = await waitFor(() => authTest(clients), {
    clock,
    what: "Slack to answer",
    deadlineMs: 60_000,
    everyMs: 1_000,
  });
  if (answer.team_id !== settings.slack.team)
    throw new DrawbridgeError("DB_CONFIG", "slack.team: the bot token belongs to another workspace");
  return { botId: answer.bot_id ?? "", botUserId: answer.user_id ?? "" };
}

async function authTest(
  clients: SlackClients,
): Promise<{ team_id?: string; bot_id?: string; user_id?: string } | undefined> {
  try {
    return await clients.votes.auth.test();
  } catch (thrown) {
    const fault = slackFault(thrown);
    if (fault.kind !== "refused") return undefined;
    throw new DrawbridgeError("DB_CONFIG", `Slack refuses the bot token: ${fault.error}`);
  }
}
