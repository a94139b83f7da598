import type { Gate, Phase, WindowName } from "../../journal/phase.ts";
import type { Snapshot, WritesGo } from "../../report/snapshot.ts";

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

/** What goes on now, for the card's first line. The first backup comes before any copying, and can take hours. */
export function doingWords({ phase, step }: Pick<Snapshot, "phase" | "step">): string {
  return step?.name === "take-first-backup" ? "backing up the bridge" : phaseWords[phase].doing;
}

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

/** Where writes go before and after each window. */
export const windowEnds: Record<WindowName, { readonly before: WritesGo; readonly after: WritesGo }> = {
  "window-1": { before: "heroku", after: "bridge" },
  "window-2": { before: "bridge", after: "target" },
  retire: { before: "target", after: "target" },
};

const stepNames: Readonly<Record<string, string>> = {
  announce: "customers' channel told",
  "turn-maintenance-on": "maintenance page on",
  "stop-writers": "dynos to zero",
  "fence-source": "no more writes on Heroku Postgres",
  "mark-source": "last marker written",
  "await-replay": "marker arrived on the bridge",
  "promote-bridge": "bridge becomes primary",
  "check-bridge": "bridge checked",
  "point-of-no-return": "point of no return",
  "open-bridge": "bridge opened for writes",
  "repoint-to-bridge": "`DATABASE_URL` to the bridge",
  "prove-writes": "first write with the new `DATABASE_URL`",
  "restore-writers": "dynos back",
  "turn-maintenance-off": "maintenance page off",
  "probe-health": "site answers",
  "take-first-backup": "first backup of the bridge",
  "fence-bridge": "no more writes on the bridge",
  "mark-bridge": "last marker written",
  "await-marker": "marker arrived on RDS",
  "disable-forward": "replication to RDS off",
  "set-sequences": "sequences set",
  "verify-rows": "rows compared",
  "prepare-reverse": "way back prepared",
  "compare-sequences": "sequences compared",
  "repoint-to-target": "`DATABASE_URL` to RDS",
  "enable-reverse": "way back follows RDS",
  "await-bridge": "waiting for the bridge's agent",
  "await-target": "waiting for RDS",
  "copy-tables": "copying tables",
  "settle-lag": "waiting until the bridge keeps up",
  "catch-up": "waiting until RDS keeps up",
  "watch-soak": "watching RDS and the way back",
  "drop-forward": "forward replication removed",
  "close-way-back": "way back closed",
  "end-replication": "replication ended",
  "remove-traces": "Drawbridge's traces removed",
  "terminate-bridge": "bridge terminated",
  "list-inventory": "what is left, listed",
};

/** A step's name for people, fit for running and done: `stop-writers` → "dynos to zero". */
export function stepWords(step: string): string {
  return stepNames[step] ?? step.replaceAll("-", " ");
}
