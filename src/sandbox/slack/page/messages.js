import { openPicker } from "./composer.js";
import { avatar, make, react } from "./dom.js";
import { changed, messagesOf, person, store } from "./store.js";

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const mine = (message) => message.ephemeralTo === undefined || message.ephemeralTo === store.me;

/** Draws a list of messages; stays at the end if the reader was there. */
export function drawMessages(box, list, options) {
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  const rows = [];
  let before;
  for (const message of list) {
    const day = message.at.slice(0, 10);
    if (!options.thread && day !== before?.at.slice(0, 10))
      rows.push(make("div", { class: "day" }, make("span", {}, dayName(message.at))));
    const close = before?.user === message.user && Number(message.ts) - Number(before.ts) < 180;
    const plain =
      mine(message) && (before === undefined || mine(before)) && message.ephemeralTo === before?.ephemeralTo;
    rows.push(drawMessage(message, { ...options, joined: close && plain && day === before?.at.slice(0, 10) }));
    before = message;
  }
  if (list.length === 0) rows.push(make("p", { class: "empty" }, "Nothing has been said here yet."));
  box.replaceChildren(...rows);
  if (atEnd || options.toEnd) box.scrollTop = box.scrollHeight;
}

function dayName(at) {
  const today = new Date().toDateString() === new Date(at).toDateString();
  return today ? "Today" : new Date(at).toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long" });
}

const drawn = new WeakMap();

/** A row that has not changed stays the same element, so that pictures, focus and selections stay. */
function drawMessage(message, options) {
  const replies = options.thread ? 0 : messagesOf(message.channel, message.ts).length;
  const signature = JSON.stringify([
    message.edits,
    message.html,
    message.reactions,
    message.pinned,
    replies,
    options.joined,
    store.me,
  ]);
  const kept = drawn.get(message)?.[options.thread ? "thread" : "channel"];
  if (kept?.signature === signature) return kept.row;
  const row = buildRow(message, options);
  drawn.set(message, { ...drawn.get(message), [options.thread ? "thread" : "channel"]: { signature, row } });
  return row;
}

function buildRow(message, { thread, joined }) {
  const who = person(message.user);
  const at = new Date(message.at);
  const time = make("time", { title: exact.format(at) }, clock.format(at));
  const badge = who?.isBot
    ? make("span", { class: "badge" }, "APP")
    : who?.title && who.title !== "Slack itself"
      ? make("span", { class: "role" }, who.title)
      : undefined;
  const body = make("div", { class: "body" });
  body.innerHTML = message.html;
  if (message.edited) body.append(make("small", { class: "edited" }, "(edited)"));
  const main = make("div", { class: "main" });
  if (message.ephemeralTo !== undefined)
    main.append(
      make(
        "div",
        { class: "only" },
        `👁 Only visible to ${message.ephemeralTo === store.me ? "you" : (person(message.ephemeralTo)?.realName ?? message.ephemeralTo)}`,
      ),
    );
  if (message.pinned) main.append(make("div", { class: "only" }, "📌 Pinned"));
  if (!joined)
    main.append(make("div", { class: "who" }, make("strong", {}, who?.realName ?? message.user), badge, time));
  main.append(body);
  const marks = drawReactions(message);
  if (marks !== undefined) main.append(marks);
  if (!thread) main.append(...drawThreadLink(message));
  const classes = [
    "message",
    joined ? "joined" : "",
    message.ephemeralTo === undefined ? "" : "ephemeral",
    mine(message) ? "" : "dim",
  ];
  const row = make("article", { class: classes.join(" "), "data-ts": message.ts, "data-channel": message.channel });
  row.append(joined ? make("span", { class: "gutter" }, time) : avatar(message.user), main);
  if (message.ephemeralTo === undefined) row.append(drawTools(message, thread));
  return row;
}

function drawReactions(message) {
  if (message.reactions.length === 0) return undefined;
  const row = make("div", { class: "reactions" });
  for (const { name, glyph, users, count } of message.reactions) {
    const own = users.includes(store.me);
    const names = users.map((id) => person(id)?.realName ?? id).join(", ");
    const chip = make(
      "button",
      {
        class: own ? "chip own" : "chip",
        title: `${names} · :${name}:`,
        "aria-pressed": String(own),
        onclick: () => react(message, name, !own),
      },
      make("span", { class: "emoji" }, glyph),
      ` ${count}`,
    );
    row.append(chip);
  }
  row.append(
    make(
      "button",
      { class: "chip add", "aria-label": "React", onclick: (event) => openPicker(event.currentTarget, message) },
      "☺ +",
    ),
  );
  return row;
}

function drawThreadLink(message) {
  const replies = messagesOf(message.channel, message.ts).filter((each) => each.ephemeralTo === undefined);
  if (replies.length === 0) return [];
  const faces = [...new Set(replies.map((each) => each.user))].slice(0, 4).map((id) => avatar(id));
  const last = clock.format(new Date(replies.at(-1).at));
  const count = `${replies.length} ${replies.length === 1 ? "reply" : "replies"}`;
  return [
    make(
      "button",
      { class: "replies", onclick: () => openThread(message.ts) },
      ...faces,
      make("b", {}, count),
      make("small", {}, `last at ${last}`),
    ),
  ];
}

function drawTools(message, thread) {
  const tool = (label, text, onclick) => make("button", { "aria-label": label, title: label, onclick }, text);
  const bar = make("div", { class: "tools" });
  bar.append(tool("Approve: white_check_mark", "✅", () => react(message, "white_check_mark", true)));
  bar.append(tool("Veto: no_entry", "⛔", () => react(message, "no_entry", true)));
  bar.append(tool("React", "☺", (event) => openPicker(event.currentTarget, message)));
  if (!thread) bar.append(tool("Reply in the thread", "💬", () => openThread(message.ts)));
  return bar;
}

/** Shows a thread beside the channel; undefined closes it. */
export function openThread(ts) {
  store.thread = ts;
  changed("thread");
}
