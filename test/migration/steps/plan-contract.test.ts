import { describe, expect, test } from "vitest";
import { phases, windowFacts, windowNames, windowOf } from "../../../src/journal/phase.ts";
import { phasePlan, plan } from "../../../src/migration/plan.ts";
import type { Step } from "../../../src/migration/step.ts";

const names = (steps: readonly Step[]): string[] => steps.map(({ name }) => name);
const before = (steps: readonly Step[]): readonly Step[] =>
  steps.slice(
    0,
    steps.findIndex(({ noReturn }) => noReturn === true),
  );
const everyStep = phases.flatMap((phase) => plan[phase].map((step) => ({ phase, step })));

/** Steps that both windows have; their outputs are looked for in their own phase. */
const shared = [
  "announce",
  "turn-maintenance-on",
  "stop-writers",
  "point-of-no-return",
  "prove-writes",
  "restore-writers",
  "turn-maintenance-off",
  "probe-health",
];

describe("every step", () => {
  test("has a verb-noun for a name, and no other phase's step has the same, shared steps of the windows aside", () => {
    for (const { step } of everyStep) {
      if (step.name !== "announce") expect(step.name).toMatch(/^[a-z]+(-[a-z]+)+$/);
    }
    for (const phase of phases) expect(new Set(names(plan[phase])).size, phase).toBe(plan[phase].length);
    const own = everyStep.map(({ step }) => step.name).filter((name) => !shared.includes(name));
    expect(own).toEqual([...new Set(own)]);
    for (const name of shared) {
      expect(everyStep.filter(({ step }) => step.name === name).map(({ phase }) => phase)).toEqual([
        "promote",
        "cutover",
      ]);
    }
  });

  test("has a deadline that a timer can hold", () => {
    for (const { step } of everyStep) {
      expect(step.deadlineMs, step.name).toBeGreaterThanOrEqual(10_000);
      // setTimeout takes a larger one for "at once"
      expect(step.deadlineMs, step.name).toBeLessThan(2 ** 31);
    }
  });

  test("says how it is undone, or that it is not", () => {
    for (const { step } of everyStep) {
      expect(step.undo === "irreversible" || typeof step.undo === "function", step.name).toBe(true);
    }
  });

  test("that is gated belongs to a window whose two people were asked for that very gate", () => {
    for (const phase of phases) {
      const window = windowOf(phase);
      const gates = plan[phase].flatMap(({ gate }) => (gate === undefined ? [] : [gate]));
      expect(gates, phase).toEqual(window === undefined ? [] : [...windowFacts[window].gates]);
    }
  });
});

describe("the windows", () => {
  test("run in the order in which no write is lost", () => {
    expect(names(plan.promote)).toEqual([
      "announce",
      "turn-maintenance-on",
      "stop-writers",
      "fence-source",
      "mark-source",
      "await-replay",
      "promote-bridge",
      "check-bridge",
      "point-of-no-return",
      "open-bridge",
      "repoint-to-bridge",
      "prove-writes",
      "restore-writers",
      "turn-maintenance-off",
      "probe-health",
    ]);
    expect(names(plan.cutover)).toEqual([
      "announce",
      "turn-maintenance-on",
      "stop-writers",
      "fence-bridge",
      "mark-bridge",
      "await-marker",
      "disable-forward",
      "set-sequences",
      "verify-rows",
      "prepare-reverse",
      "compare-sequences",
      "point-of-no-return",
      "repoint-to-target",
      "prove-writes",
      "enable-reverse",
      "restore-writers",
      "turn-maintenance-off",
      "probe-health",
    ]);
  });

  test("have one point of no return each, and only they have one", () => {
    for (const window of windowNames) {
      const { phase } = windowFacts[window];
      expect(plan[phase].filter(({ noReturn }) => noReturn === true).length, phase).toBe(1);
    }
    const others = everyStep.filter(({ phase }) => windowOf(phase) === undefined);
    expect(others.filter(({ step }) => step.noReturn === true || step.gate !== undefined)).toEqual([]);
  });

  test("ask for maintenance and promotion before it, and change DATABASE_URL only after it", () => {
    for (const phase of ["promote", "cutover"] as const) {
      const early = before(plan[phase]).flatMap(({ gate }) => (gate === undefined ? [] : [gate]));
      expect(early).toEqual(phase === "promote" ? ["maintenance", "promote"] : ["maintenance"]);
    }
    expect(plan.promote.find(({ gate }) => gate === "promote")?.name).toBe("promote-bridge");
    expect(names(plan.retire)[0]).toBe("close-way-back");
  });

  test("can undo all that they do outside before it; what they cannot undo there harms nobody", () => {
    const harmless = {
      promote: ["mark-source", "await-replay", "check-bridge"],
      // a marker's row, reads, and sequences of a target that nobody uses yet
      cutover: ["mark-bridge", "await-marker", "set-sequences", "verify-rows", "compare-sequences"],
    };
    for (const phase of ["promote", "cutover"] as const) {
      const stays = before(plan[phase]).filter(({ undo }) => undo === "irreversible");
      expect(names(stays)).toEqual(harmless[phase]);
    }
  });

  test("never undo anything after it", () => {
    for (const phase of ["promote", "cutover", "retire"] as const) {
      const rest = plan[phase].slice(before(plan[phase]).length);
      expect(names(rest.filter(({ undo }) => undo !== "irreversible"))).toEqual([]);
    }
  });

  test("hold a fence, and nothing else, in a session; a promotion is begun once on it", () => {
    expect(everyStep.filter(({ step }) => step.held === true).map(({ step }) => step.name)).toEqual([
      "fence-source",
      "fence-bridge",
    ]);
    expect(everyStep.filter(({ step }) => step.once === true).map(({ step }) => step.name)).toEqual(["promote-bridge"]);
  });

  test("remember before any effect what putting back will need", () => {
    for (const name of ["turn-maintenance-on", "stop-writers", "repoint-to-bridge", "repoint-to-target"]) {
      const step = everyStep.find((each) => each.step.name === name)?.step;
      expect(typeof step?.remember, name).toBe("function");
    }
  });
});

describe("a window that was put back", () => {
  test("leaves the bridge as it is before its promotion had begun", () => {
    expect(phasePlan("promote").restartsWhenPutBack?.(["announce", "fence-source"], "DB_ABORTED")).toEqual([]);
    expect(phasePlan("cutover").restartsWhenPutBack?.(["announce", "fence-bridge"], "DB_ABORTED")).toEqual([]);
  });

  test("has the bridge restored again once it may have left the source's timeline", () => {
    const again = ["restore-bridge", "follow"];
    const promote = phasePlan("promote");
    expect(promote.restartsWhenPutBack?.(["announce", "promote-bridge"], "DB_WINDOW_DEADLINE")).toEqual(again);
    expect(promote.restartsWhenPutBack?.(["announce", "mark-source"], "DB_RESTORE_AGAIN")).toEqual(again);
  });

  test("has a target with other rows copied again, from nothing", () => {
    const cutover = phasePlan("cutover");
    expect(cutover.restartsWhenPutBack?.(["announce", "verify-rows"], "DB_VERIFY_DIFFERENCE")).toEqual(["replicate"]);
    expect(cutover.restartsWhenPutBack?.(["announce", "verify-rows"], "DB_SCHEMA_DRIFT")).toEqual([]);
    expect(phasePlan("replicate").startsClean).toBe(true);
    // else the copy that replaces it would find them standing
    for (const name of ["create-publication", "create-subscription", "prepare-way-back"]) {
      expect(typeof plan.replicate.find((step) => step.name === name)?.undo, name).toBe("function");
    }
  });
});
