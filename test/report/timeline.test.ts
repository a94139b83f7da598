import { expect, it } from "vitest";
import type { JournalEvent } from "../../src/journal/events.ts";
import { formatTimeline, timelineJson, timelineMarkdown } from "../../src/report/timeline.ts";
import { at } from "./rows.ts";

const events: JournalEvent[] = [
  { id: 1n, migrationId: "shop", at: at(0), kind: "vote", actor: "ann", facts: { gate: "promote", note: "a | b" } },
];

it("the timeline is told for people, as Markdown and as JSON, in UTC", () => {
  expect(formatTimeline(events)).toBe("09:00:00  ann  vote  gate=promote note=a | b");
  expect(timelineMarkdown(events)).toContain("| 2026-11-22T09:00:00.000Z | ann | vote | gate=promote note=a \\| b |");
  expect(JSON.parse(timelineJson(events))).toMatchObject({ id: "1", actor: "ann", facts: { gate: "promote" } });
});
