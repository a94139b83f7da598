import type { JournalEvent } from "../journal/events.ts";

/** One line an event, in UTC: "10:21:07 ann vote gate=maintenance decision=approve". */
export function formatTimeline(events: readonly JournalEvent[]): string {
  return events
    .map((event) =>
      `${event.at.toISOString().slice(11, 19)}  ${event.actor}  ${event.kind}  ${factsText(event)}`.trimEnd(),
    )
    .join("\n");
}

/** The timeline as a Markdown table, for a file. */
export function timelineMarkdown(events: readonly JournalEvent[]): string {
  const rows = events.map(
    (event) => `| ${event.at.toISOString()} | ${cell(event.actor)} | ${cell(event.kind)} | ${cell(factsText(event))} |`,
  );
  return ["| UTC | who | what | facts |", "|---|---|---|---|", ...rows, ""].join("\n");
}

/** The timeline as JSON lines, each event as it stands in the log. */
export function timelineJson(events: readonly JournalEvent[]): string {
  return events.map((event) => JSON.stringify({ ...event, id: String(event.id) })).join("\n");
}

function factsText(event: JournalEvent): string {
  return Object.entries(event.facts)
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(" ");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
}
