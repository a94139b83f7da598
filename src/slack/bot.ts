import { App } from "@slack/bolt";
import { type Clock, waitFor } from "../clock.ts";
import { DrawbridgeError } from "../errors.ts";
import { openInboundStore } from "../journal/inbound.ts";
import type { Journal } from "../journal/open.ts";
import type { Log } from "../log.ts";
import type { Secret } from "../redact.ts";
import { startLoops } from "./bot-loops.ts";
import { openClients, quietLogger, type SlackClients, slackFault } from "./client.ts";
import { addListeners, type Bell } from "./listeners.ts";
import { type Health, HttpReceiver, type ReceiverDeps } from "./receiver.ts";
import type { BotSettings } from "./settings.ts";
import { type SocketDeps, SocketReceiver } from "./socket-receiver.ts";

/** What the bot is given. */
export interface BotOptions {
  /** The configuration; more may be in it. */
  readonly config: BotSettings;
  /** With Socket Mode the app token, else the signing secret. */
  readonly secrets: { readonly botToken: Secret } & (
    | { readonly signingSecret: Secret }
    | { readonly appToken: Secret }
  );
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
  const loops = startLoops({ journal, settings, clients, botUser: self.botUserId, log, clock });
  const health = async (): Promise<Health> => {
    await journal.db.query("select 1");
    return { ok: true, troubles: loops.troubles() };
  };
  const store = openInboundStore(journal.db);
  const intake = { journal, settings, store };
  const onConnect = (): void => loops.approvals.lookAtAll();
  const receiver = openWayIn(options, { intake, clock, log, health, onConnect });
  const app = new App({
    receiver,
    authorize: () => Promise.resolve({ botToken: options.secrets.botToken.reveal(), ...self }),
    logger: quietLogger(log),
    // Bolt keeps a conversation for each channel in memory otherwise, and throws for each event that has none
    convoStore: false,
    clientOptions: settings.slack.apiUrl === undefined ? {} : { slackApiUrl: settings.slack.apiUrl },
  });
  const { approvals, sender } = loops;
  addListeners(app, { journal, settings, bell: options.doorbell, approvals, sender, log });
  const unlisten = await journal.listen(({ table }) => loops.changed(table));
  const server = await receiver
    .start({ port: options.port, host: options.host ?? "127.0.0.1" })
    .catch(async (thrown: unknown) => {
      unlisten();
      await Promise.allSettled([receiver.stop(), loops.stop()]);
      throw thrown;
    });
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  log.info({ port, botUser: self.botUserId }, "the bot listens");
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopped ??= (async () => {
      unlisten();
      await Promise.all([receiver.stop(), loops.stop()]);
      await store.close();
    })());
  return { port, url: `http://127.0.0.1:${port}`, stop, [Symbol.asyncDispose]: stop };
}

type WayInDeps = Omit<ReceiverDeps, "signingSecret"> & Omit<SocketDeps, "appToken">;

function openWayIn({ config, secrets }: BotOptions, deps: WayInDeps): HttpReceiver | SocketReceiver {
  if ("appToken" in secrets) return new SocketReceiver({ ...deps, appToken: secrets.appToken }, config.slack.apiUrl);
  return new HttpReceiver({ ...deps, signingSecret: secrets.signingSecret });
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
