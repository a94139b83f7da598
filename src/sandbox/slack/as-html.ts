import type { ActionElement, Block, TextObject } from "./blocks.ts";
import { emojiGlyph } from "./emoji.ts";
import type { Message, Workspace } from "./model.ts";
import { formatDate, parseMrkdwn, type Node } from "./mrkdwn.ts";

/** A message's body as HTML for the page. Everything that came from a message is escaped. */
export function renderMessageAsHtml(ws: Workspace, message: Message): string {
  const body =
    message.blocks === undefined
      ? `<div class="b-text">${mrkdwnAsHtml(ws, message.text)}</div>`
      : renderBlocksAsHtml(ws, message.blocks);
  return body + message.files.map((file) => fileAsHtml(file)).join("");
}

/** Blocks as HTML: of a message, a modal or a home tab. */
export function renderBlocksAsHtml(ws: Workspace, blocks: readonly Block[]): string {
  return blocks.map((block) => blockAsHtml(ws, block)).join("");
}

/** Makes a text harmless in HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function fileAsHtml(file: Message["files"][number]): string {
  const url = `/files/${file.id}/${encodeURIComponent(file.name)}`;
  const title = escapeHtml(file.title);
  const alt = escapeHtml(file.altText);
  if (!file.mimetype.startsWith("image/")) {
    return `<a class="file" href="${url}" download><span>📄</span> ${title} <small>${file.declaredBytes} bytes</small></a>`;
  }
  return `<figure class="picture"><figcaption>${title}</figcaption><a href="${url}"><img src="${url}" alt="${alt}"></a></figure>`;
}

function mrkdwnAsHtml(ws: Workspace, text: string): string {
  return nodesAsHtml(ws, parseMrkdwn(text));
}

function nodesAsHtml(ws: Workspace, nodes: readonly Node[]): string {
  return nodes.map((node) => nodeAsHtml(ws, node)).join("");
}

const tags = { bold: "b", italic: "i", strike: "s", quote: "blockquote" } as const;

function nodeAsHtml(ws: Workspace, node: Node): string {
  switch (node.kind) {
    case "text":
      return escapeHtml(node.text);
    case "code":
      return `<code>${escapeHtml(node.text)}</code>`;
    case "pre":
      return `<pre>${escapeHtml(node.text)}</pre>`;
    case "emoji":
      return `<span class="emoji" title=":${escapeHtml(node.text)}:">${escapeHtml(emojiGlyph(node.text))}</span>`;
    case "break":
      return "<br>";
    case "link":
      return linkAsHtml(node.url, node.label);
    case "date":
      return dateAsHtml(node);
    case "user":
      return mention(ws.people.get(node.id)?.realName ?? node.label ?? node.id, "@", node.id);
    case "channel":
      return mention(ws.channels.get(node.id)?.name ?? node.label ?? node.id, "#", node.id);
    case "group":
      return mention(ws.userGroups.get(node.id)?.handle ?? node.label ?? node.id, "@", node.id);
    case "broadcast":
      return mention(node.label ?? node.id, "@", node.id);
    case "bold":
    case "italic":
    case "strike":
    case "quote":
      return `<${tags[node.kind]}>${nodesAsHtml(ws, node.children)}</${tags[node.kind]}>`;
  }
}

function mention(name: string, sign: string, id: string): string {
  return `<span class="mention" data-id="${escapeHtml(id)}">${sign}${escapeHtml(name.replace(/^[@#]/, ""))}</span>`;
}

function linkAsHtml(url: string, label: string): string {
  // Only what a browser may follow safely becomes a link.
  if (!/^(https?:|mailto:)/i.test(url)) return escapeHtml(label);
  return `<a href="${escapeHtml(url)}" rel="noopener noreferrer" target="_blank">${escapeHtml(label)}</a>`;
}

function dateAsHtml(node: Extract<Node, { kind: "date" }>): string {
  const shown = formatDate(node.seconds, node.format, new Date());
  const exact = new Date(node.seconds * 1000).toISOString();
  return `<time datetime="${exact}" title="${exact}">${escapeHtml(shown)}</time>`;
}

function objectAsHtml(ws: Workspace, object: TextObject): string {
  if (object.type === "mrkdwn") return mrkdwnAsHtml(ws, object.text);
  const withEmoji = object.text.replace(/:([a-z0-9_+-]+):/g, (_whole, name: string) => emojiGlyph(name));
  return escapeHtml(withEmoji).replaceAll("\n", "<br>");
}

function blockAsHtml(ws: Workspace, block: Block): string {
  switch (block.type) {
    case "header":
      return `<h3 class="b-header">${objectAsHtml(ws, block.text)}</h3>`;
    case "divider":
      return "<hr>";
    case "section":
      return sectionAsHtml(ws, block);
    case "context": {
      const parts = block.elements.map((each) =>
        each.type === "image" ? imageAsHtml(ws, each) : `<span>${objectAsHtml(ws, each)}</span>`,
      );
      return `<div class="b-context">${parts.join("")}</div>`;
    }
    case "actions":
      return `<div class="b-actions">${block.elements.map((each) => elementAsHtml(each)).join("")}</div>`;
    case "image": {
      const title = block.title === undefined ? "" : `<figcaption>${escapeHtml(block.title.text)}</figcaption>`;
      return `<figure class="picture">${title}${imageAsHtml(ws, block)}</figure>`;
    }
    case "input":
      return inputAsHtml(block);
    case "markdown":
      return `<div class="b-text">${escapeHtml(block.text).replaceAll("\n", "<br>")}</div>`;
  }
}

function sectionAsHtml(ws: Workspace, block: Extract<Block, { type: "section" }>): string {
  const text = block.text === undefined ? "" : `<div class="b-text">${objectAsHtml(ws, block.text)}</div>`;
  const fields = (block.fields ?? []).map((each) => `<div>${objectAsHtml(ws, each)}</div>`).join("");
  const grid = fields === "" ? "" : `<div class="b-fields">${fields}</div>`;
  const { accessory } = block;
  const aside =
    accessory === undefined ? "" : accessory.type === "image" ? imageAsHtml(ws, accessory) : elementAsHtml(accessory);
  return `<div class="b-section"><div>${text}${grid}</div>${aside}</div>`;
}

function elementAsHtml(element: ActionElement): string {
  const id = escapeHtml(element.action_id ?? "");
  if (element.type === "button") {
    const style = element.style === undefined ? "" : ` ${element.style}`;
    const label = escapeHtml(element.text.text.replace(/:([a-z0-9_+-]+):/g, (_w, name: string) => emojiGlyph(name)));
    const confirm = element.confirm === undefined ? "" : ` data-confirm="${escapeHtml(element.confirm.text.text)}"`;
    return `<button class="b-button${style}" data-action="${id}"${confirm}>${label}</button>`;
  }
  const options = element.options.map(
    (each) => `<option value="${escapeHtml(each.value)}">${escapeHtml(each.text.text)}`,
  );
  const first = element.type === "static_select" ? (element.placeholder?.text ?? "Choose…") : "…";
  return `<select data-action="${id}"><option value="">${escapeHtml(first)}</option>${options.join("")}</select>`;
}

function imageAsHtml(
  ws: Workspace,
  image: {
    image_url?: string | undefined;
    slack_file?: { id?: string | undefined; url?: string | undefined } | undefined;
    alt_text: string;
  },
): string {
  const file = ws.files.get(image.slack_file?.id ?? "");
  const own = file === undefined ? image.slack_file?.url : `/files/${file.id}/${encodeURIComponent(file.name)}`;
  return `<img src="${escapeHtml(image.image_url ?? own ?? "")}" alt="${escapeHtml(image.alt_text)}">`;
}

function inputAsHtml(block: Extract<Block, { type: "input" }>): string {
  const { element } = block;
  const name = `${escapeHtml(block.block_id ?? "")} ${escapeHtml(element.action_id ?? "")}`;
  const label = `<span>${escapeHtml(block.label.text)}</span>`;
  if (element.type === "static_select") {
    const options = element.options.map(
      (each) => `<option value="${escapeHtml(each.value)}">${escapeHtml(each.text.text)}`,
    );
    return `<label class="b-input">${label}<select name="${name}">${options.join("")}</select></label>`;
  }
  const value = escapeHtml(element.initial_value ?? "");
  const field =
    element.multiline === true
      ? `<textarea name="${name}">${value}</textarea>`
      : `<input name="${name}" value="${value}">`;
  return `<label class="b-input">${label}${field}</label>`;
}
