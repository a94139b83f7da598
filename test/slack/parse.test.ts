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
    for (const text of ["xylophone", "🚀", "—", "«»", "再開する"])
      expect(parseCommand(text)).toEqual({ ok: false, problem: "there is no such command", suggestion: undefined });
  });
  it.each([
    ["“go”", "go"],
    ["«status»", "status"],
    ["„abort“", "abort"],
    ["`help`", "help"],
    ["'window window-2'", "window window-2"],
    ["「go」", "go"],
    ["ｇｏ", "go"],
    ["gо", "go"],
    ["go!", "go"],
    [":rocket: go", "go"],
    ["🚀 go", "go"],
    ["/migrate go", "go"],
    ["migrate window window-1", "window window-1"],
    ["window-2 window", "window window-2"],
    ["please abort", "abort"],
    ["go --force", "go"],
    ["go now", "go"],
    ["go 🚀", "go"],
    ["status window-1", "status"],
    ["window window-3", "window window-1"],
    ["window 2", "window window-2"],
    ["window windwo-2", "window window-2"],
    ["window “retire”", "window retire"],
    ["help windwo", "help window"],
  ])("refuses %s and says that %s would be understood", (typed, meant) => {
    const parsed = parseCommand(typed);
    expect(parsed).toMatchObject({ ok: false, suggestion: meant });
    expect(parseCommand(meant)).toMatchObject({ ok: true });
  });
  it("tells what is not built apart from what was mistyped", () => {
    for (const verb of ["rollback", "rehearse"]) {
      const parsed = parseCommand(verb);
      expect(parsed).not.toHaveProperty("suggestion");
      expect(parsed.ok ? "" : parsed.problem).toContain("in this version");
    }
  });
  it("takes only the arguments that it knows", () => {
    expect(parseCommand("window window-2")).toEqual({ ok: true, verb: "window", args: { window: "window-2" } });
    expect(parseCommand("abort it is late")).toEqual({ ok: true, verb: "abort", args: { reason: "it is late" } });
    expect(parseCommand("hold l’été, “ça” suffit 🛑")).toMatchObject({
      ok: true,
      args: { reason: "l’été, “ça” suffit 🛑" },
    });
    expect(parseCommand("window window-9").ok).toBe(false);
    expect(parseCommand(`abort ${"x".repeat(201)}`).ok).toBe(false);
    for (const odd of ["\u0000", "\ud800", "\u001b[2J", "\u2028"])
      expect(parseCommand(`abort a${odd}b`).ok).toBe(false);
  });
  it("refuses a text of any length at once, and repeats nothing of it", () => {
    const startMs = performance.now();
    for (const text of ["go ".repeat(5_000), "x".repeat(10_000), "🚀".repeat(5_000), ` ${"\t".repeat(10_000)}`]) {
      const parsed = parseCommand(text);
      expect(parsed).toMatchObject({ ok: false, problem: "that is too long for a command" });
    }
    expect(performance.now() - startMs).toBeLessThan(500);
  });
  it("never throws, never lets an unknown verb through, and suggests only what it would understand itself", () => {
    const word = fc.oneof(
      fc.constantFrom(
        ...verbs,
        "window-1",
        "window-2",
        "retire",
        "migrate",
        "/migrate",
        "--force",
        "“",
        "—",
        "🚀",
        ";",
        "$(id)",
        "'; drop table x; --",
      ),
      fc.string({ unit: "binary", maxLength: 30 }),
    );
    const typed = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(word, { maxLength: 6 }).map((words) => words.join(" ")),
    );
    fc.assert(
      fc.property(typed, (text) => {
        const parsed = parseCommand(text);
        if (parsed.ok) expect(verbs).toContain(parsed.verb);
        else {
          expect(parsed.problem).toMatch(/^[\x20-\x7e]+$/);
          if (parsed.suggestion !== undefined) expect(parseCommand(parsed.suggestion).ok).toBe(true);
        }
      }),
      { numRuns: 3_000 },
    );
  });
  it("reads back whatever it has read, word for word", () => {
    const reason = fc
      .array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 })
      .map((words) => words.join(" "));
    const argument = fc.oneof(fc.constantFrom("", "window-1", "window-2", "retire", ...verbs), reason);
    let read = 0;
    fc.assert(
      fc.property(fc.constantFrom(...verbs), argument, (verb, text) => {
        const parsed = parseCommand(`${verb} ${text}`);
        if (!parsed.ok) return;
        read += 1;
        expect(parseCommand([parsed.verb, ...Object.values(parsed.args)].join(" "))).toEqual(parsed);
      }),
      { numRuns: 2_000 },
    );
    expect(read).toBeGreaterThan(200);
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
