import { type ApprovalSubject, digestOf } from "../approvals/digest.ts";
import { DrawbridgeError } from "../errors.ts";
import type { JsonObject } from "../journal/json.ts";
import { type Gate, windowFacts, type WindowName } from "../journal/phase.ts";
import { parseDatabaseUrl } from "../postgres/url.ts";
import { plan } from "./plan.ts";
import type { World } from "./world.ts";

/** What two people say yes to at one gate: the step and what exactly it acts on. */
export interface GateSubject {
  readonly gate: Gate;
  readonly step: string;
  readonly parameters: JsonObject;
  readonly digest: string;
}

/**
 * The subject of each gate of a window as of now. Computed when the approval is asked for and again when it is consumed:
 * a host, app or configuration that changed in between changes the digest and closes the gate.
 */
export async function gateSubjects(world: World, window: WindowName): Promise<GateSubject[]> {
  const { phase, gates } = windowFacts[window];
  const parameters = await windowParameters(world, window);
  return gates.map((gate) => {
    const step = plan[phase].find((each) => each.gate === gate)?.name;
    if (step === undefined)
      throw new DrawbridgeError("DB_JOURNAL_CONFLICT", `no step of ${phase} belongs to gate ${gate}`);
    const subject: ApprovalSubject = {
      migration: world.migrationId,
      step: `${phase}/${step}`,
      parameters,
      configDigest: world.configDigest,
      approverSet: world.config.approvals.approvers,
    };
    return { gate, step, parameters, digest: digestOf(subject) };
  });
}

/** Resource ids, hosts and app: everything that a step of this window could act on. No secrets. */
async function windowParameters(world: World, window: WindowName): Promise<JsonObject> {
  const { app, addon } = world.config.heroku;
  const bridge = parseDatabaseUrl(await world.databases.bridgeUrl("owner"));
  const target = parseDatabaseUrl(await world.databases.targetUrl("owner"));
  const shared = { window, app, addon, database: bridge.database, role: bridge.user };
  const places = { bridge: `${bridge.host}:${bridge.port}`, target: `${target.host}:${target.port}` };
  return { ...shared, ...places };
}
