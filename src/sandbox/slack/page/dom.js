import { act, person, store } from "./store.js";

/** Makes an element: `make("div", { class: "x" }, child, "text")`. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== undefined));
  return node;
}

const palette = ["#1f5f5b", "#8a4f7d", "#b5632b", "#3c6997", "#7a6c1d", "#a23e48", "#4d6a3a", "#5b4b8a"];

/** The square with somebody's initial. */
export function avatar(id) {
  const who = person(id);
  if (who?.isOwnBot) return make("img", { class: "avatar", src: "/page/icon.svg", alt: "" });
  const sum = [...id].reduce((total, char) => (total * 31 + char.charCodeAt(0)) % 10007, 7);
  const letter = (who?.realName ?? id).slice(0, 1).toUpperCase();
  return make(
    "span",
    { class: "avatar", style: `background:${palette[sum % palette.length]}`, "aria-hidden": "true" },
    letter,
  );
}

/** Adds or takes back a reaction as the chosen person. */
export function react(message, name, present) {
  return act("reaction", { channel: message.channel, ts: message.ts, user: store.me, name, present });
}
