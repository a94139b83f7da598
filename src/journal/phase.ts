/** The phases of a migration, in order. Each is one BullMQ job; the words are shown to people unchanged. */
export const phases = [
  "preflight",
  "provision",
  "prepare-target",
  "restore-bridge",
  "follow",
  "promote",
  "replicate",
  "cutover",
  "soak",
  "retire",
] as const;

/** One of {@link phases}. */
export type Phase = (typeof phases)[number];

/** Narrows text from outside (a job, a command) to a phase. */
export function isPhase(text: string): text is Phase {
  return (phases as readonly string[]).includes(text);
}

/** What needs two people before it runs. */
export const gates = ["maintenance", "promote", "database-url", "retire"] as const;
export type Gate = (typeof gates)[number];

/** A stretch that people open together with `/migrate window` and start with `/migrate go`. */
export const windowNames = ["window-1", "window-2", "retire"] as const;
export type WindowName = (typeof windowNames)[number];

/** The phase that a window belongs to, and the gates that it needs. */
export const windowFacts = {
  "window-1": { phase: "promote", gates: ["maintenance", "promote", "database-url"] },
  "window-2": { phase: "cutover", gates: ["maintenance", "database-url"] },
  retire: { phase: "retire", gates: ["retire"] },
} as const satisfies Record<WindowName, { phase: Phase; gates: readonly Gate[] }>;

/** The window in which a phase runs, if it needs one. */
export function windowOf(phase: Phase): WindowName | undefined {
  return windowNames.find((name) => windowFacts[name].phase === phase);
}

/** The window whose point of no return was passed last: it says where the application's writes belong now. Pure. */
export function lastPassed(
  windows: readonly { readonly name: WindowName; readonly noReturnAt?: Date | undefined }[],
): "window-1" | "window-2" | undefined {
  const passed = (name: WindowName): boolean =>
    windows.some((each) => each.name === name && each.noReturnAt !== undefined);
  if (passed("window-2")) return "window-2";
  return passed("window-1") ? "window-1" : undefined;
}
