import type { Approval } from "../../journal/approvals-rows.ts";
import { outlives, unmet } from "../gate-objections.ts";

/**
 * Why `go` cannot open a window yet: what each gate lacks, from the verdict that its card shows, and how long each must still
 * live (`neededMs`, milliseconds). `undefined` when nothing is missing. Pure.
 */
export function whatIsMissing(approvals: readonly Approval[], now: Date, neededMs: number): string | undefined {
  const lacking = approvals.flatMap((approval) => lacks(approval) ?? []);
  const short = approvals.flatMap(({ gate, state, expiresAt }) => {
    const leftMs = expiresAt.getTime() - now.getTime();
    return isUndecided(state) && leftMs < neededMs ? [outlives(gate, leftMs, neededMs)] : [];
  });
  if (lacking.length === 0 && short.length === 0) return undefined;
  const lost = short.length > 0 || approvals.some(({ state }) => !isUndecided(state));
  const next = lost
    ? "`/migrate window` asks anew."
    : `Then \`/migrate go\`, as long as every gate still lives ${Math.ceil(neededMs / 1000)} s: until ${utc(lastMoment(approvals, neededMs))}.`;
  return `Not yet. ${[...lacking, ...short].join(". ")}. ${next}`;
}

function lacks({ gate, state, stateReason, verdict }: Approval): string | undefined {
  if (state === "ARMED") return undefined;
  if (state === "OPENING") return `${gate}: its message is not posted yet`;
  if (state !== "PENDING")
    return `${gate}: ${state.toLowerCase()}${stateReason === undefined ? "" : ` (${stateReason})`}`;
  if (verdict === undefined) return `${gate}: nobody has approved it yet`;
  const counted = verdict.counted.map(({ person }) => person);
  const so = counted.length === 0 ? "" : ` (approved by ${counted.join(" and ")})`;
  return `${gate}: ${unmet(verdict.reasons).join("; ") || "the bot looks at it again in a moment"}${so}`;
}

function isUndecided(state: Approval["state"]): boolean {
  return state === "OPENING" || state === "PENDING" || state === "ARMED";
}

function lastMoment(approvals: readonly Approval[], neededMs: number): Date {
  return new Date(Math.min(...approvals.map(({ expiresAt }) => expiresAt.getTime())) - neededMs);
}

function utc(at: Date): string {
  return `${at.toISOString().slice(11, 16)} UTC`;
}
