import { windowOf, type WindowName } from "../journal/phase.ts";
import type { Snapshot } from "./snapshot.ts";

/** What the migration waits for, if for anything. */
export type Waiting =
  | { readonly kind: "nothing" }
  /** People named may vote; `missing` more of them are needed for the gate that lacks most. */
  | { readonly kind: "approvals"; readonly people: readonly string[]; readonly missing: number; readonly until: Date }
  /** All gates are armed: the driver types `/migrate go`. */
  | { readonly kind: "go"; readonly window: WindowName; readonly until: Date }
  /** The driver types `/migrate window`. */
  | { readonly kind: "window"; readonly window: WindowName }
  /** The driver types `/migrate start`. */
  | { readonly kind: "start" }
  | { readonly kind: "resume"; readonly by?: string | undefined }
  /** A person must mend something, then type what the fault's remedy says. */
  | { readonly kind: "mend" };

/** Decides whom or what the migration waits for. Pure. */
export function waitingFor(snapshot: Omit<Snapshot, "waiting">): Waiting {
  if (snapshot.state === "completed" || snapshot.state === "aborted") return { kind: "nothing" };
  if (snapshot.intent === "hold") return { kind: "resume", by: snapshot.intentBy };
  // once a window is open nobody is waited for, even where its gates were read a moment before they were consumed
  const gates = snapshot.window?.state === "open" ? [] : snapshot.approvals;
  const undecided = gates.filter((each) => each.undecided);
  const dead = gates.some((each) => !each.undecided && each.state !== "CONSUMED");
  // one gate that can no longer open makes the others worthless: the window has to be asked for again
  if (snapshot.window?.state === "asking" && dead) return { kind: "window", window: snapshot.window.name };
  const until = new Date(Math.min(...undecided.map((each) => each.expiresAt.getTime())));
  const open = undecided.filter((each) => each.missing > 0 || each.state !== "ARMED");
  if (open.length > 0) {
    const people = [...new Set(open.flatMap((each) => each.stillNeeded))];
    return { kind: "approvals", people, missing: Math.max(...open.map((each) => each.missing)), until };
  }
  if (snapshot.window?.state === "asking" && undecided.length > 0) {
    return { kind: "go", window: snapshot.window.name, until };
  }
  const row = snapshot.phases.find((each) => each.name === snapshot.phase);
  if (row?.state === "paused" || row?.state === "failed") return { kind: "mend" };
  if (snapshot.state === "draft") {
    return snapshot.phases[0]?.state === "done" ? { kind: "start" } : { kind: "nothing" };
  }
  const needed = windowOf(snapshot.phase);
  if (needed !== undefined && snapshot.window === undefined && row?.state !== "done")
    return { kind: "window", window: needed };
  return { kind: "nothing" };
}
