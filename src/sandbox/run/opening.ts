import type { SandboxOptions } from "./options.ts";
import type { SandboxWorld } from "./sandbox-world.ts";

/** What a person reads first: what is real, who is who, where to look, how long it takes. */
export function openingText(world: SandboxWorld, options: SandboxOptions, sourceVersion: string): string {
  const minutes =
    options.sizeBytes !== undefined && options.sizeBytes > 200_000_000 ? "several minutes" : "about two minutes";
  return `
Drawbridge sandbox: a whole migration of shop-production from "Heroku Postgres" to "RDS".

Real here       PostgreSQL ${sourceVersion} (source, bridge) and 17 (target), WAL archive, standby, promotion, logical
                replication, Redis and BullMQ, the Bolt app with signed requests, AWS SDK, heroku-client
Simulated       Heroku, EC2, RDS, S3 and Slack: stand-ins on loopback that refuse what the real ones refuse
Writing         a shop with web, worker and scheduler dynos and visitors; it notes every acknowledged write in a ledger
Cast            Greg drives · Ann, Bob and Cyn may approve · Dana reads along for customers · a guest, a bot, an outsider
What you see    the channel as it happens (~ marks lines of a message that were edited). People are waited for three
                times, by name: window 1 (Heroku → bridge) and window 2 (bridge → RDS), each seconds without writes
                after two ✅ on every gate, and the retirement of the bridge. Greg's own ✅ is refused once
Channel         ${world.slack.page}   (open it in a browser)
Logs            ${world.directory.logs}
It takes        ${options.handsOn ? "as long as you do" : minutes} · Ctrl-C stops everything
`;
}

/** What to try after a run. */
export const nextCommands = `Try next:
  npm run sandbox -- --hands-on            you type the commands and react, in the browser
  npm run sandbox -- --fault veto          an approver stops an open window (--fault list names more)
  npm run sandbox -- --load your.dump      your own schema and rows
`;
