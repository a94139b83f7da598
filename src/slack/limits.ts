/** Slack's own limits, and ours below them where an edit would be refused. */
export const limits = {
  /** chat.update refuses more than 4,000. */
  text: 3_900,
  section: 2_950,
  context: 1_900,
  header: 145,
  blocks: 48,
  altText: 1_900,
} as const;

/** The few kinds of blocks that we use. */
export type Block =
  | {
      readonly type: "section";
      readonly text: { readonly type: "mrkdwn"; readonly text: string; readonly verbatim: true };
    }
  | {
      readonly type: "context";
      readonly elements: { readonly type: "mrkdwn"; readonly text: string; readonly verbatim: true }[];
    }
  | { readonly type: "divider" };

/** A message that Slack takes, by construction. `text` carries its whole meaning (notification, screen reader). */
export interface Message {
  readonly text: string;
  readonly blocks: Block[];
}

/** A part of a message before it is cut to size: large text, small print, or a line between. */
export type Part = { readonly body: string } | { readonly small: string } | "line";

/** Makes a message of parts; whatever is too long is cut, and says so. */
export function message(parts: readonly Part[]): Message {
  const texts = parts.flatMap((part) => (part === "line" ? [] : ["body" in part ? part.body : part.small]));
  const blocks = parts.filter((part) => part === "line" || textOf(part) !== "").map((part) => blockOf(part));
  const kept =
    blocks.length > limits.blocks
      ? [...blocks.slice(0, limits.blocks - 1), blockOf({ small: "… more in the thread" })]
      : blocks;
  return { text: whole(cut(texts.filter((text) => text !== "").join("\n"), limits.text)), blocks: kept };
}

function textOf(part: Exclude<Part, "line">): string {
  return "body" in part ? part.body : part.small;
}

function blockOf(part: Part): Block {
  if (part === "line") return { type: "divider" };
  if ("body" in part) return { type: "section", text: mrkdwn(cut(part.body, limits.section)) };
  return { type: "context", elements: [mrkdwn(cut(part.small, limits.context))] };
}

// verbatim: Slack must not turn what came from outside into links or mentions
function mrkdwn(text: string): { type: "mrkdwn"; text: string; verbatim: true } {
  return { type: "mrkdwn", text: whole(text), verbatim: true };
}

/** Half a surrogate pair is no text: it becomes U+FFFD here and not somewhere on the way. */
function whole(text: string): string {
  return text.toWellFormed();
}

/** Shortens Slack text to at most `most` characters, never inside an entity, a mention or a surrogate pair. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${safeHead(text, Math.max(0, most - 1))}…`;
}

/** The first characters of a Slack text, ending where nothing is torn apart. */
function safeHead(text: string, most: number): string {
  return text
    .slice(0, most)
    .replace(/[\uD800-\uDBFF]$/, "")
    .replace(/&[a-z]{0,4}$/, "")
    .replace(/<[^>]*$/, "");
}

/** Splits a long text into pieces that each fit into one message: at line ends, and long lines where nothing is torn apart. */
export function pieces(text: string, most: number = limits.section): string[] {
  const out: string[] = [];
  let current = "";
  for (const line of text.split("\n").flatMap((each) => partsOf(each, most))) {
    const next = current === "" ? line : `${current}\n${line}`;
    if (next.length <= most) {
      current = next;
      continue;
    }
    if (current !== "") out.push(current);
    current = line;
  }
  return current === "" ? out : [...out, current];
}

function partsOf(line: string, most: number): string[] {
  const parts: string[] = [];
  let rest = line;
  while (rest.length > most) {
    // what cannot be kept whole (a link longer than a message) is torn after all
    const head = safeHead(rest, most) || rest.slice(0, most);
    parts.push(head);
    rest = rest.slice(head.length);
  }
  return [...parts, rest];
}
