import { redact } from "../../redact.ts";
import type { Range } from "../../report/eta.ts";

/** State as a word's glyph; never colour alone. */
export const glyph = {
  waiting: "○",
  running: "◐",
  done: "●",
  held: "⏸",
  needed: "▲",
  failed: "✕",
  putBack: "↩",
} as const;

// controls (line breaks and tabs aside), zero-width and bidirectional marks can make a text read as another
const invisible = /(?![\n\t])[\p{Cc}\p{Cf}]/gu;

/** Makes text from outside harmless: no mentions, links or formatting controls, no secrets. For everything that is not ours. */
export function esc(text: string): string {
  return redact(text).replace(invisible, "").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Text from outside in a code span, on one line. */
export function code(text: string): string {
  return `\`${esc(text).replaceAll("`", "'").replaceAll(/\s+/g, " ")}\``;
}

/** The first line of a text from outside, at most so long; the rest belongs into a thread. Not escaped. */
export function firstLine(text: string, most: number): string {
  const line = text.split("\n")[0]?.trim() ?? "";
  return line.length <= most
    ? line
    : `${line
        .slice(0, most - 1)
        .replace(/[\uD800-\uDBFF]$/, "")
        .trimEnd()}…`;
}

/** A person's plain name, as in "Ann". Does not ping. */
export function plainName(person: string): string {
  return esc(person.charAt(0).toUpperCase() + person.slice(1));
}

/** "Ann", "Ann or Bob", "Ann, Bob or Cyn". */
export function anyOf(names: readonly string[]): string {
  return listed(names, "or");
}

/** "Ann", "Ann and Bob". */
export function allOf(names: readonly string[]): string {
  return listed(names, "and");
}

function listed(names: readonly string[], word: string): string {
  const plain = names.map((name) => plainName(name));
  return plain.length < 2 ? (plain[0] ?? "nobody") : `${plain.slice(0, -1).join(", ")} ${word} ${plain.at(-1)}`;
}

/** Pings: only where that person can do something now. */
export function mention(slackUser: string): string {
  return /^[UW][A-Z0-9]+$/.test(slackUser) ? `<@${slackUser}>` : esc(slackUser);
}

/** A moment in the reader's own time zone; UTC where Slack cannot. */
export function clockTime(at: Date): string {
  return `<!date^${Math.floor(at.getTime() / 1000)}^{time}|${at.toISOString().slice(11, 16)} UTC>`;
}

/** As {@link clockTime}, with seconds. */
export function clockSeconds(at: Date): string {
  return `<!date^${Math.floor(at.getTime() / 1000)}^{time_secs}|${at.toISOString().slice(11, 19)} UTC>`;
}

/** As {@link clockTime}, with the day. */
export function dayAndTime(at: Date): string {
  const utc = at.toISOString();
  return `<!date^${Math.floor(at.getTime() / 1000)}^{date_short_pretty} {time}|${utc.slice(0, 10)} ${utc.slice(11, 16)} UTC>`;
}

/** A duration in milliseconds for people: "7.4 s", "38 s", "12 min", "1 h 50". */
export function duration(ms: number): string {
  if (ms > 0 && ms < 50) return "under 0.1 s";
  if (ms < 9_950) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  if (ms < 99_500) return `${Math.round(ms / 1000)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${String(minutes % 60).padStart(2, "0")}`;
  return `${Math.round(hours / 24)} days`;
}

/** How soon something was there: "within 2.1 s", "in under 0.1 s". */
export function within(ms: number): string {
  const took = duration(ms);
  return took.startsWith("under") ? `in ${took}` : `within ${took}`;
}

/** "11–14 min", or one number when it is earned. */
export function durationRange(range: Range): string {
  const low = duration(range.lowMs);
  const high = duration(range.highMs);
  if (range.earned || low === high) return `about ${high}`;
  const unit = / ([a-z]+)$/.exec(high)?.[1];
  return unit !== undefined && low.endsWith(` ${unit}`)
    ? `${low.slice(0, -unit.length - 1)}–${high}`
    : `${low} to ${high}`;
}

/** Bytes for people: "212 GB", "1.4 MB"; decimal units, as disks are sold. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"] as const;
  let value = Math.max(0, bytes);
  let at = 0;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

/** 251402113 → "251,402,113". */
export function whole(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

/** "1 table", "77 tables". */
export function counted(n: number, noun: string): string {
  return `${whole(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** Ten boxes: "▓▓▓▓▓▓▓░░░". `share` from 0 to 1. */
export function bar(share: number): string {
  const full = Math.min(10, Math.max(0, Math.floor(share * 10)));
  return "▓".repeat(full) + "░".repeat(10 - full);
}
