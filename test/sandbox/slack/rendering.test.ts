import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderMessageAsHtml } from "../../../src/sandbox/slack/as-html.ts";
import { mrkdwnAsText } from "../../../src/sandbox/slack/as-text.ts";
import { defaultPeople } from "../../../src/sandbox/slack/cast.ts";
import { emojiGlyph, emojiName } from "../../../src/sandbox/slack/emoji.ts";
import { escapeMrkdwn } from "../../../src/sandbox/slack/mrkdwn.ts";
import { control, openSlack } from "./world.ts";

const people = new Map(defaultPeople().map((each) => [each.id, each]));
const text = (source: string) => mrkdwnAsText(source, { people, timeZone: "UTC" });

describe("a message on a terminal", () => {
  test.each([
    ["*bold* _it_ ~gone~ `code`", "bold it gone code"],
    ["<@U0ANN000000> and <@U0NOBODY|nob>", "@Ann and @nob"],
    ["until <!date^1767225600^{time}|00:00 UTC>", "until 00:00"],
    ["<!date^1767225600^{date_short_pretty} at {time}|x>", "1 Jan 2026 at 00:00"],
    [":white_check_mark: :no_such_thing:", "✅ :no_such_thing:"],
    ["<https://example.com|report>", "report (https://example.com)"],
    ["a &lt;b&gt; &amp;amp; 2 * 3 * 4 snake_case_name", "a <b> &amp; 2 * 3 * 4 snake_case_name"],
    ["*What*: <@U0BOB000000>'s turn", "What: @Bob's turn"],
  ])("%s", (source, shown) => {
    expect(text(source)).toBe(shown);
  });

  test("what a person typed comes out as they typed it, whatever it is", () => {
    const plain = fc.string().filter((each) => !/[*_~`:\n]/.test(each) && !each.startsWith(">"));
    fc.assert(
      fc.property(plain, (typed) => {
        expect(text(escapeMrkdwn(typed))).toBe(typed);
      }),
    );
  });
});

describe("a message on the page", () => {
  test("nothing that was written becomes markup", async () => {
    const { slack } = await openSlack();
    try {
      const evil = fc.constantFrom(
        "<script>",
        "<img src=x onerror=alert(1)>",
        '"><b>',
        "<javascript:alert(1)|click>",
        "`",
        "*",
        "&lt;i&gt;",
      );
      const source = fc.array(fc.oneof(evil, fc.string())).map((parts) => parts.join(""));
      await control(slack, "message", { channel: "C0MIGRATION", user: "ann", text: "x" });
      const message = slack.workspace.channels.get("C0MIGRATION")?.messages[0];
      if (message === undefined) throw new Error("no message");
      const allowed =
        /<\/?(?:div|b|i|s|br|code|pre|blockquote|span|a|time)(?: (?:class|title|data-id|href|rel|target|datetime)="[^"<>]*")*>/g;
      fc.assert(
        fc.property(source, (written) => {
          const html = renderMessageAsHtml(slack.workspace, { ...message, text: written });
          expect(html.replace(allowed, "")).not.toMatch(/[<>]/);
          expect(html).not.toMatch(/href="javascript:/i);
        }),
      );
    } finally {
      await slack.stop();
    }
  });

  test("the page, its parts and the live stream are served, other files are not", async () => {
    const { slack } = await openSlack();
    try {
      const html = await (await fetch(slack.page)).text();
      const parts = [...html.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)].map((match) => match[1] ?? "");
      expect(parts.length).toBeGreaterThan(4);
      for (const part of parts) expect((await fetch(`${slack.url}${part}`)).status).toBe(200);
      expect((await fetch(`${slack.url}/page/../server.ts`)).status).toBe(404);
      const stop = new AbortController();
      const stream = await fetch(`${slack.control}/stream`, { signal: stop.signal });
      const first = await stream.body?.getReader().read();
      expect(new TextDecoder().decode(first?.value)).toContain("event: state");
      stop.abort();
    } finally {
      await slack.stop();
    }
  });

  test("the transcript has threads, ephemeral messages and who reacted", async () => {
    const { slack, bot } = await openSlack();
    try {
      const channel = "C0MIGRATION";
      const { ts = "" } = await bot.chat.postMessage({ channel, text: "approve?" });
      await bot.chat.postMessage({ channel, text: "in the thread", thread_ts: ts });
      await bot.chat.postEphemeral({ channel, user: "U0GREG00000", text: "not you" });
      await control(slack, "reaction", { channel, ts, user: "ann", name: "white_check_mark", present: true });
      const shown = await (await fetch(`${slack.control}/transcript?channel=shop-migration`)).text();
      expect(shown).toContain("Drawbridge: approve?");
      expect(shown).toContain("[✅ Ann]");
      expect(shown).toMatch(/↳ .*in the thread/);
      expect(shown).toContain("(only to Greg): not you");
    } finally {
      await slack.stop();
    }
  });
});

test("emoji names: aliases become Slack's name, tones stay, look-alikes remain different", () => {
  expect(emojiName("thumbsup")).toBe("+1");
  expect(emojiName(":+1::skin-tone-3:")).toBe("+1::skin-tone-3");
  expect(emojiName("heavy_check_mark")).not.toBe(emojiName("white_check_mark"));
  expect(emojiName("toString")).toBeUndefined();
  expect(emojiGlyph("+1::skin-tone-3")).toBe("👍🏼");
});
