import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCommand, verbs } from "../../src/slack/parse.ts";
import { may, whoMay } from "../../src/slack/permission.ts";
import { settings } from "./settings.ts";

describe("the grammar of /migrate", () => {
  it("knows its verbs, in any case and spacing; nothing means help", () => {
    for (const verb of verbs) expect(parseCommand(`  ${verb.toUpperCase()} `)).toMatchObject({ ok: true, verb });
    expect(parseCommand("")).toMatchObject({ ok: true, verb: "help" });
  });
  it.each([
    ["strat", "start"],
    ["statsu", "status"],
    ["abrot", "abort"],
    ["windwo", "window"],
    ["timelin", "timeline"],
    ["gp", "go"],
  ])("asks whether %s meant %s", (typed, meant) =>
    expect(parseCommand(typed)).toMatchObject({ ok: false, suggestion: meant }),
  );
  it("has no suggestion for what is far from everything", () => {
    expect(parseCommand("xylophone")).toEqual({
      ok: false,
      problem: "there is no such command",
      suggestion: undefined,
    });
  });
  it("takes only the arguments that it knows", () => {
    expect(parseCommand("window window-2")).toEqual({ ok: true, verb: "window", args: { window: "window-2" } });
    expect(parseCommand("abort it is late")).toEqual({ ok: true, verb: "abort", args: { reason: "it is late" } });
    expect(parseCommand("window window-9").ok).toBe(false);
    expect(parseCommand("go --force").ok).toBe(false);
    expect(parseCommand(`abort ${"x".repeat(201)}`).ok).toBe(false);
  });
  it("never throws and never lets an unknown verb through", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const parsed = parseCommand(text);
        if (parsed.ok) expect(verbs).toContain(parsed.verb);
      }),
    );
  });
});

describe("who may type what", () => {
  it("drivers act, drivers and approvers stop, everyone reads", () => {
    expect(may(settings, "UGREG", "go")).toBe(true);
    expect(may(settings, "UANN", "go")).toBe(false);
    expect(may(settings, "UANN", "abort")).toBe(true);
    expect(may(settings, "UEVE", "abort")).toBe(false);
    expect(may(settings, "UEVE", "status")).toBe(true);
    expect(whoMay(settings, "abort")).toEqual(["greg", "ann", "bob", "cyn"]);
  });
});
