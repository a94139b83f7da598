import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cut, type Message, message, type Part, pieces } from "../../src/slack/limits.ts";
import { renderFailure } from "../../src/slack/render/failure.ts";
import { renderFindings, renderNote, renderPhase, renderReply } from "../../src/slack/render/notes.ts";
import { esc } from "../../src/slack/render/text.ts";

/** Any text: all of Unicode, half characters, what Slack reads as more than text, short and very long. */
const nasty = fc.constantFrom(
  "<!channel>",
  "<@U0ANN>",
  "<https://evil|safe>",
  "&amp;",
  "&",
  "<",
  ">",
  "```",
  "\ud83d",
  "😀",
  "\n",
);
const anyText = fc
  .tuple(
    fc.array(fc.oneof(nasty, fc.string({ unit: "binary", maxLength: 12 })), { maxLength: 12 }),
    fc.integer({ min: 1, max: 900 }),
  )
  .map(([parts, times]) => parts.join("").repeat(times).slice(0, 20_000));

/** Slack's own limits. Source: docs.slack.dev/reference/block-kit/blocks, chat.postMessage, chat.update. */
function expectTaken({ text, blocks }: Message): void {
  expect(text.length).toBeLessThanOrEqual(4_000);
  expect(blocks.length).toBeLessThanOrEqual(50);
  expect(text.isWellFormed()).toBe(true);
  for (const block of blocks) {
    if (block.type === "divider") continue;
    const texts = block.type === "section" ? [block.text.text] : block.elements.map((each) => each.text);
    const most = block.type === "section" ? 3_000 : 2_000;
    expect(texts.length).toBeLessThanOrEqual(10);
    for (const each of texts) {
      expect(each.length).toBeGreaterThan(0);
      expect(each.length).toBeLessThanOrEqual(most);
      expect(each.isWellFormed()).toBe(true);
    }
  }
}

const expectHarmless = (given: Message): void => {
  const said = JSON.stringify(given);
  expect(said).not.toMatch(/<!(?:channel|here|everyone)/);
  expect(said).not.toContain("<@U0ANN>");
  expect(said).not.toContain("<https://evil");
};

describe("a message is one that Slack takes", () => {
  it("however many parts it has and however long they are", () => {
    const part = fc.oneof(
      anyText.map((body): Part => ({ body: esc(body) })),
      anyText.map((small): Part => ({ small: esc(small) })),
      fc.constant<Part>("line"),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 120 }), (parts) => {
        const made = message(parts);
        expectTaken(made);
        expectHarmless(made);
      }),
      { numRuns: 25 },
    );
  });

  it("whatever an error, a note, a finding or an answer says", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: 80 }), (text, count) => {
        const finding = { check: text.slice(0, 60), severity: "blocker", message: text, fix: text } as const;
        const made = [
          renderNote({ text }),
          renderNote({ text, preformatted: true }),
          renderPhase({ phase: text, outcome: text, summary: text }),
          renderReply({ text, level: "refused" }),
          renderFailure({ title: text, message: text, cause: text, did: text, type: text, phase: text }, undefined),
          renderFindings(Array.from({ length: count }, () => finding)),
        ];
        for (const each of made.filter((one) => one !== undefined)) {
          expectTaken(each);
          expectHarmless(each);
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe("cutting and splitting", () => {
  it("never leaves half an entity, mention or character at the cut", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 3_000 }), (text, most) => {
        const escaped = esc(text.toWellFormed());
        const short = cut(escaped, most);
        expect(short.length).toBeLessThanOrEqual(most);
        expect(short.isWellFormed()).toBe(true);
        expect(short.replaceAll(/&(?:amp|lt|gt);/g, "")).not.toMatch(/&[a-z]{0,4}…$/);
      }),
    );
  });

  it("keeps all of a text, long lines too", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 50, max: 3_000 }), (text, most) => {
        const escaped = esc(text.toWellFormed());
        const parts = pieces(escaped, most);
        for (const part of parts) expect(part.length).toBeLessThanOrEqual(most);
        expect(parts.join("").replaceAll("\n", "")).toBe(escaped.replaceAll("\n", ""));
      }),
    );
  });
});
