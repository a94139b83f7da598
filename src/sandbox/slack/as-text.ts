import type { Block, TextObject } from "./blocks.ts";
import { emojiGlyph } from "./emoji.ts";
import type { Channel, Message, Person } from "./model.ts";
import { formatDate, parseMrkdwn, type Node } from "./mrkdwn.ts";
import { tsToDate } from "./workspace.ts";

/** Who and what ids stand for. */
export interface Names {
  readonly people: ReadonlyMap<string, Person>;
  readonly channels?: ReadonlyMap<string, Channel>;
  /** The reader's time zone; the machine's own unless told. */
  readonly timeZone?: string;
}

/** A message as a terminal shows it: names for ids, times for date tokens, characters for emoji names. */
export function renderMessageAsText(message: Message, names: Names | ReadonlyMap<string, Person>): string {
  const known = "people" in names ? names : { people: names };
  const body = message.blocks === undefined ? mrkdwnAsText(message.text, known) : blocksAsText(message.blocks, known);
  const files = message.files.map((file) => `[file: ${file.title}${file.altText === "" ? "" : `, ${file.altText}`}]`);
  return [body, ...files].filter((part) => part !== "").join("\n");
}

/** One line for each message, with the time, the author and what kind of message it is. */
export function renderLine(message: Message, names: Names): string {
  const author = names.people.get(message.user)?.realName ?? message.user;
  const time = formatDate(tsToDate(message.ts).getTime() / 1000, "{time_secs}", new Date(), names.timeZone);
  const to = message.ephemeralTo === undefined ? "" : ` (only to ${nameOf(names, message.ephemeralTo)})`;
  const reactions = message.reactions.map(
    ({ name, users }) => `${emojiGlyph(name)} ${users.map((user) => nameOf(names, user)).join(", ")}`,
  );
  const lines = renderMessageAsText(message, names).split("\n");
  const shown = reactions.length > 0 ? [...lines, `[${reactions.join("  ")}]`] : lines;
  const indent = message.threadTs === undefined ? "" : "    ↳ ";
  const rest = " ".repeat(indent.length + time.length + 2);
  return `${indent}${time}  ${author}${to}: ${shown.join(`\n${rest}`)}`;
}

function nameOf(names: Names, id: string): string {
  return names.people.get(id)?.realName ?? id;
}

/** Mrkdwn as plain text. */
export function mrkdwnAsText(text: string, names: Names): string {
  return nodesAsText(parseMrkdwn(text), names);
}

function nodesAsText(nodes: readonly Node[], names: Names): string {
  return nodes.map((node) => nodeAsText(node, names)).join("");
}

function nodeAsText(node: Node, names: Names): string {
  switch (node.kind) {
    case "text":
    case "code":
      return node.text;
    case "pre":
      return `\n${node.text}\n`;
    case "emoji":
      return emojiGlyph(node.text);
    case "break":
      return "\n";
    case "bold":
    case "italic":
    case "strike":
      return nodesAsText(node.children, names);
    case "quote":
      return `\n│ ${nodesAsText(node.children, names).replaceAll("\n", "\n│ ")}\n`;
    case "link":
      return node.label === node.url ? node.url : `${node.label} (${node.url})`;
    case "user":
      return `@${names.people.get(node.id)?.realName ?? node.label ?? node.id}`;
    case "channel":
      return `#${names.channels?.get(node.id)?.name ?? node.label ?? node.id}`;
    case "group":
    case "broadcast":
      return `@${node.label ?? node.id}`;
    case "date":
      return formatDate(node.seconds, node.format, new Date(), names.timeZone);
  }
}

function blocksAsText(blocks: readonly Block[], names: Names): string {
  return blocks
    .map((block) => blockAsText(block, names).replace(/^\n+|\n+$/g, ""))
    .filter((part) => part !== "")
    .join("\n");
}

function objectAsText(object: TextObject, names: Names): string {
  if (object.type === "mrkdwn") return mrkdwnAsText(object.text, names);
  return object.text.replace(/:([a-z0-9_+-]+):/g, (_whole, name: string) => emojiGlyph(name));
}

function blockAsText(block: Block, names: Names): string {
  switch (block.type) {
    case "header":
      return objectAsText(block.text, names);
    case "section": {
      const texts = [...(block.text === undefined ? [] : [block.text]), ...(block.fields ?? [])];
      const accessory = block.accessory?.type === "button" ? `  [${block.accessory.text.text}]` : "";
      return texts.map((text) => objectAsText(text, names)).join("\n") + accessory;
    }
    case "context":
      return block.elements
        .map((each) => (each.type === "image" ? `[${each.alt_text}]` : objectAsText(each, names)))
        .join("  ");
    case "actions":
      return block.elements.map((each) => `[${each.type === "button" ? each.text.text : "…"}]`).join(" ");
    case "image":
      return `[picture: ${block.alt_text}]`;
    case "input":
      return block.label.text;
    case "markdown":
      return block.text;
    case "divider":
      return "────────";
  }
}

/** The whole channel as plain text, threads under their first message. */
export function transcript(channel: Channel, names: Names): string {
  const live = channel.messages.filter((each) => !each.deleted);
  const lines = live
    .filter((each) => each.threadTs === undefined)
    .flatMap((top) => [top, ...live.filter((reply) => reply.threadTs === top.ts)])
    .map((message) => renderLine(message, names));
  return `#${channel.name}\n\n${lines.join("\n")}\n`;
}
