/**
 * Slack's mrkdwn as a tree, so that the terminal and the page read it alike.
 * Source: docs.slack.dev/messaging/formatting-message-text.
 */
export type Node =
  | { readonly kind: "text" | "code" | "pre" | "emoji"; readonly text: string }
  | { readonly kind: "break" }
  | { readonly kind: "bold" | "italic" | "strike" | "quote"; readonly children: readonly Node[] }
  | { readonly kind: "link"; readonly url: string; readonly label: string }
  | {
      readonly kind: "user" | "channel" | "group" | "broadcast";
      readonly id: string;
      readonly label: string | undefined;
    }
  | { readonly kind: "date"; readonly seconds: number; readonly format: string; readonly fallback: string };

/** Parses mrkdwn. Anything that is not a mark stays text. */
export function parseMrkdwn(source: string): Node[] {
  const nodes: Node[] = [];
  source.split(/```([\s\S]*?)```/).forEach((part, index) => {
    if (index % 2 === 1) nodes.push({ kind: "pre", text: unescape(part.replace(/^\n|\n$/g, "")) });
    else nodes.push(...parseLines(part));
  });
  return nodes;
}

function parseLines(source: string): Node[] {
  const nodes: Node[] = [];
  let quote: string[] = [];
  const endQuote = (): void => {
    if (quote.length > 0) nodes.push({ kind: "quote", children: parseInline(quote.join("\n")) });
    quote = [];
  };
  const lines = source.split("\n");
  lines.forEach((line, index) => {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quoted !== null) return void quote.push(quoted[1] ?? "");
    const afterQuote = quote.length > 0;
    endQuote();
    if (index > 0 && !afterQuote) nodes.push({ kind: "break" });
    nodes.push(...parseInline(line));
  });
  endQuote();
  return nodes;
}

const marks =
  /`([^`\n]+)`|<([^<>\n]+)>|:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):|(?<![A-Za-z0-9])([*_~])(?=\S)((?:(?!\4).)*\S)\4(?![A-Za-z0-9])|\n/g;
const styles = { "*": "bold", _: "italic", "~": "strike" } as const;

function parseInline(source: string): Node[] {
  const nodes: Node[] = [];
  let at = 0;
  for (const match of source.matchAll(marks)) {
    if (match.index > at) nodes.push({ kind: "text", text: unescape(source.slice(at, match.index)) });
    at = match.index + match[0].length;
    nodes.push(nodeOf(match));
  }
  if (at < source.length) nodes.push({ kind: "text", text: unescape(source.slice(at)) });
  return nodes;
}

function nodeOf(match: RegExpMatchArray): Node {
  const [whole, code, angle, emoji, style, styled] = match;
  if (code !== undefined) return { kind: "code", text: unescape(code) };
  if (angle !== undefined) return parseAngle(angle);
  if (emoji !== undefined) return { kind: "emoji", text: emoji };
  if (style === "*" || style === "_" || style === "~") {
    return { kind: styles[style], children: parseInline(styled ?? "") };
  }
  return whole === "\n" ? { kind: "break" } : { kind: "text", text: unescape(whole) };
}

function parseAngle(inner: string): Node {
  const [target = "", ...rest] = inner.split("|");
  const label = rest.length > 0 ? unescape(rest.join("|")) : undefined;
  const date = /^!date\^(\d+)\^([^^]*)(?:\^.*)?$/.exec(target);
  if (date !== null) {
    return { kind: "date", seconds: Number(date[1]), format: unescape(date[2] ?? ""), fallback: label ?? "" };
  }
  if (target.startsWith("@")) return { kind: "user", id: target.slice(1), label };
  if (target.startsWith("#")) return { kind: "channel", id: target.slice(1), label };
  if (target.startsWith("!subteam^")) return { kind: "group", id: target.slice(9), label };
  if (target.startsWith("!")) return { kind: "broadcast", id: target.slice(1), label };
  const url = unescape(target);
  return { kind: "link", url, label: label ?? url };
}

function unescape(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** Escapes what a person typed, as Slack's own client does before it sends. */
export function escapeMrkdwn(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Renders a date token's format (`{time}`, `{date_short}`, …) in one time zone; the machine's own unless told. */
export function formatDate(seconds: number, format: string, now: Date, timeZone?: string): string {
  const at = new Date(seconds * 1000);
  const show = (options: Intl.DateTimeFormatOptions): string =>
    new Intl.DateTimeFormat("en-GB", { ...options, ...(timeZone === undefined ? {} : { timeZone }) }).format(at);
  const day: Intl.DateTimeFormatOptions = { year: "numeric", month: "short", day: "numeric" };
  const values: Readonly<Record<string, () => string>> = {
    date_num: () => new Intl.DateTimeFormat("en-CA", timeZone === undefined ? {} : { timeZone }).format(at),
    date_short: () => show(day),
    date: () => show({ ...day, month: "long" }),
    date_long: () => show({ ...day, month: "long", weekday: "long" }),
    time: () => show({ hour: "2-digit", minute: "2-digit" }),
    time_secs: () => show({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    ago: () => ago(Math.round((now.getTime() - at.getTime()) / 1000)),
  };
  return format.replace(
    /\{([a-z_]+?)(?:_pretty)?\}/g,
    (whole, name: string) => (Object.hasOwn(values, name) ? values[name]?.() : undefined) ?? whole,
  );
}

function ago(seconds: number): string {
  const size = Math.abs(seconds);
  const count = size < 90 ? `${size} s` : size < 5400 ? `${Math.round(size / 60)} min` : `${Math.round(size / 3600)} h`;
  return seconds >= 0 ? `${count} ago` : `in ${count}`;
}
