import { type Code, DrawbridgeError } from "../errors.ts";
import { readAgentState } from "../journal/agent-goals.ts";
import type { AgentFacts, AgentState } from "../journal/agent-rows.ts";
import { type DatabaseIdentity, databaseIdentity } from "../postgres/catalog.ts";
import { openControl } from "./databases.ts";
import type { World } from "./world.ts";

/** What speaks for or against a window onto the bridge. */
export interface StandbyFacts {
  /** What the agent said last. */
  readonly agent: Pick<AgentState, "state" | "facts"> | undefined;
  /** As seen over SQL. */
  readonly source: Pick<DatabaseIdentity, "systemIdentifier" | "timeline">;
  readonly bridge: Pick<DatabaseIdentity, "systemIdentifier" | "inRecovery">;
  /** People know that text is sorted otherwise on the bridge, and reindex. */
  readonly acceptCollationChange: boolean;
}

/** Faults of the agent that keep their own code, since their remedy is what helps. */
const keptCodes: readonly Code[] = ["DB_RESTORE_AGAIN", "DB_ARCHIVE_ACCESS", "DB_ARCHIVE_INVALID"];

/** The fault that an agent told, as one of ours; `undefined` when it told none. Pure. */
export function faultOfAgent(agent: Pick<AgentState, "facts"> | undefined): DrawbridgeError | undefined {
  const error = agent?.facts.error;
  if (error === undefined) return undefined;
  const known = keptCodes.find((code) => code === error.code);
  if (known !== undefined) return new DrawbridgeError(known, `the bridge's agent says: ${error.message}`);
  const outcome = error.outcome === "terminal" || error.outcome === "paused" ? error.outcome : "retryable";
  return new DrawbridgeError("DB_BRIDGE", `${error.code}: ${error.message}`, { outcome });
}

/** Why the bridge must not become the primary as things stand; `undefined` when it may. Pure. */
export function whyNotPromotable(facts: StandbyFacts): DrawbridgeError | undefined {
  const { agent, source, bridge } = facts;
  const again = (why: string): DrawbridgeError => new DrawbridgeError("DB_RESTORE_AGAIN", why);
  if (bridge.systemIdentifier !== source.systemIdentifier) {
    const [theirs, ours] = [source.systemIdentifier, bridge.systemIdentifier];
    return again(`the source is cluster ${theirs} now, the bridge was restored from cluster ${ours}`);
  }
  if (!bridge.inRecovery) return again("the bridge is not in recovery");
  const fault = faultOfAgent(agent);
  if (fault !== undefined && keptCodes.includes(fault.code)) return fault;
  const timeline = agent?.facts.timeline ?? 0;
  if (timeline > source.timeline) {
    const words = `the bridge replays timeline ${timeline}, which the source, on timeline ${source.timeline}, never had`;
    const why = "somebody's restore of it has written into the archive";
    return new DrawbridgeError("DB_ARCHIVE_INVALID", `${words}: ${why}`);
  }
  if (timeline > 0 && source.timeline > timeline && source.timeline <= (agent?.facts.foreignThrough ?? 0)) {
    return again(`the source has gone to timeline ${source.timeline}, which was not its own when the restore began`);
  }
  return facts.acceptCollationChange ? undefined : collationFault(agent?.facts);
}

function collationFault(facts: AgentFacts | undefined): DrawbridgeError | undefined {
  const { collations, collationsFault } = facts ?? {};
  if (collations === undefined) {
    const why = collationsFault ?? "its agent does not say so, or does not follow yet";
    // the agent looks again by itself
    const how = { outcome: "retryable" } as const;
    return new DrawbridgeError("DB_COLLATION", `versions of collations on the bridge were not compared: ${why}`, how);
  }
  if (collations.length === 0) return undefined;
  const named = collations.slice(0, 5).map(({ what, recorded, actual }) => `${what} (${recorded}, here ${actual})`);
  const more = collations.length > 5 ? ` and ${collations.length - 5} more` : "";
  return new DrawbridgeError(
    "DB_COLLATION",
    `the bridge's libraries sort text by other versions than the source's indexes: ${named.join(", ")}${more}`,
  );
}

/**
 * Looks, while nothing is stopped yet, that the bridge follows this very source and may take over from it.
 * @throws DrawbridgeError `DB_RESTORE_AGAIN`, `DB_ARCHIVE_ACCESS`, `DB_ARCHIVE_INVALID`, `DB_COLLATION`, `DB_CONNECTION`.
 */
export async function demandPromotable(world: World): Promise<void> {
  await using source = openControl(await world.databases.sourceUrl(), "guard");
  await using bridge = openControl(await world.databases.bridgeUrl("owner"), "guard");
  const fault = whyNotPromotable({
    agent: await readAgentState(world.journal.db, world.migrationId),
    source: await databaseIdentity(source),
    bridge: await databaseIdentity(bridge),
    acceptCollationChange: world.config.policy.acceptCollationChange,
  });
  if (fault) throw fault;
}

/** The part of {@link demandPromotable} that costs one row of the journal, for the moment before the promotion. */
export async function demandNoVerdict(world: World): Promise<void> {
  const fault = faultOfAgent(await readAgentState(world.journal.db, world.migrationId));
  if (fault?.code === "DB_RESTORE_AGAIN") throw fault;
}
