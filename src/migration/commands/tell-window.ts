import type { Command } from "../../journal/commands.ts";
import type { JsonObject } from "../../journal/json.ts";
import { intend } from "../../journal/outbox.ts";
import { windowFacts, type WindowName } from "../../journal/phase.ts";
import type { Queryable } from "../../postgres/connect.ts";
import type { GateSubject } from "../gate-subject.ts";
import { plan } from "../plan.ts";
import type { World } from "../world.ts";
import type { Reply } from "./command.ts";

/** The answer to whoever asked for a window. */
export function askedText(
  world: World,
  {
    name,
    subjects,
    forecastMs,
  }: { readonly name: WindowName; readonly subjects: readonly GateSubject[]; readonly forecastMs: number },
): string {
  const { required, expiresMinutes } = world.config.approvals;
  const gates = subjects.length === 1 ? "1 gate is" : `${subjects.length} gates are`;
  const time =
    name === "retire" ? "the site does not notice" : `about ${Math.ceil(forecastMs / 1000)} s without writes`;
  const each = `${subjects.length === 1 ? "It needs" : "Each needs"} ✅ from ${required} people within ${expiresMinutes} min`;
  return `${gates} open for ${name.replace("-", " ")} (${time}). ${each}; then \`/migrate go\` starts it. Nothing stops before that.`;
}

/** The answer goes out with the gates, in one transaction: who asked reads it before them, and before anybody types `go`. */
export async function tellAsker(tx: Queryable, migrationId: string, command: Command, reply: Reply): Promise<void> {
  await intend(tx, {
    kind: "reply",
    migrationId,
    key: String(command.id),
    audience: "person",
    person: command.slackUser,
    priority: 0,
    facts: reply,
  });
}

/** What exactly runs, into the thread of the gate. */
export async function tellWhatRuns(
  tx: Queryable,
  of: { readonly migrationId: string; readonly id: string; readonly name: WindowName; readonly subject: GateSubject },
): Promise<void> {
  const { gate, digest, parameters } = of.subject;
  const steps: JsonObject[] = plan[windowFacts[of.name].phase].map((step) => ({ name: step.name, gate: step.gate }));
  await intend(tx, {
    kind: "gate-detail",
    migrationId: of.migrationId,
    key: of.id,
    audience: "thread",
    priority: 4,
    facts: { under: of.id, window: of.name, gate, digest, parameters, steps },
  });
}

/** A draft for customers: maintenance is planned. Asking again within the same try edits it. */
export async function tellCustomers(
  tx: Queryable,
  world: World,
  window: { readonly id: number; readonly name: WindowName; readonly try: number; readonly forecastMs: number },
): Promise<void> {
  if (window.name === "retire") return;
  const now = world.clock.now().getTime();
  await intend(tx, {
    kind: "comms",
    migrationId: world.migrationId,
    key: `scheduled-${window.name}-${window.try}`,
    audience: "comms",
    priority: 3,
    facts: {
      state: "scheduled",
      windowId: String(window.id),
      expiresAt: new Date(now + world.config.approvals.expiresMinutes * 60_000).toISOString(),
      expectedSeconds: Math.ceil(window.forecastMs / 1000),
    },
  });
}
