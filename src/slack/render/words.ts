import type { Gate, Phase, WindowName } from "../../journal/phase.ts";
import type { WritesGo } from "../../report/snapshot.ts";

/** Names of phases as people in the channel read them. */
export const phaseWords: Record<Phase, { readonly name: string; readonly doing: string }> = {
  preflight: { name: "preflight", doing: "checking" },
  provision: { name: "provision", doing: "starting servers" },
  "prepare-target": { name: "prepare target", doing: "preparing the target" },
  "restore-bridge": { name: "restore", doing: "restoring" },
  follow: { name: "follow", doing: "catching up" },
  promote: { name: "window 1", doing: "window 1" },
  replicate: { name: "replicate", doing: "copying to RDS" },
  cutover: { name: "window 2", doing: "window 2" },
  soak: { name: "soak", doing: "watching" },
  retire: { name: "retire", doing: "cleaning up" },
};

export const windowWords: Record<WindowName, string> = {
  "window-1": "window 1",
  "window-2": "window 2",
  retire: "retirement",
};

/** What a gate lets happen, as the end of "Approve: …". */
export function gateTitle(gate: Gate, window: WindowName | undefined, app: string): string {
  switch (gate) {
    case "maintenance":
      return `switch ${app} to maintenance mode`;
    case "promote":
      return `make the bridge the primary of ${app}`;
    case "database-url":
      return `point ${app} at ${window === "window-2" ? "RDS" : "the bridge"}`;
    case "retire":
      return `take down the bridge and the way back of ${app}`;
  }
}

export const writesWords: Record<WritesGo, string> = { heroku: "Heroku Postgres", bridge: "the bridge", target: "RDS" };

/** A step's name for people: `fence-source` → "fence source". */
export function stepWords(step: string): string {
  return step.replaceAll("-", " ");
}
