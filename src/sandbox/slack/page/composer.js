import { avatar, make, react } from "./dom.js";
import { act, person, store, toast } from "./store.js";

/** Builds one input line; what begins with a slash is a command. */
export function buildComposer(form, { placeholder, thread }) {
  const input = make("textarea", { rows: "1", placeholder, "aria-label": placeholder, autocomplete: "off" });
  const as = make("span", { class: "as" });
  const send = make("button", { class: "send", type: "submit", "aria-label": "Send" }, "➤");
  form.replaceChildren(make("div", { class: "box" }, as, input, send));
  const past = [];
  let at = 0;
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "ArrowUp" && input.value === (past[at] ?? "") && past.length > 0) {
      at = Math.max(0, at - 1);
      input.value = past[at] ?? "";
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === "") return;
    past.push(text);
    at = past.length;
    input.value = "";
    void say(text, thread());
  });
  return {
    redraw: () => {
      as.replaceChildren(avatar(store.me), make("span", {}, person(store.me)?.realName ?? "?"));
    },
    fill: (text) => {
      input.value = text;
      input.focus();
    },
  };
}

async function say(text, thread) {
  const base = { channel: store.channel, user: store.me };
  if (!text.startsWith("/"))
    return act("message", { ...base, text, ...(thread === undefined ? {} : { thread_ts: thread }) });
  if (thread !== undefined) return toast("Slack does not take slash commands in threads.");
  return act("command", { ...base, text });
}

const favourites = [
  "white_check_mark",
  "no_entry",
  "eyes",
  "+1",
  "heavy_check_mark",
  "x",
  "tada",
  "rocket",
  "warning",
  "thinking_face",
  "raised_hands",
  "+1::skin-tone-4",
];
let every;

/** Opens the choice of emoji next to a button. */
export async function openPicker(button, message) {
  const box = document.getElementById("picker");
  every ??= new Map((await (await fetch("/_control/emoji")).json()).emoji);
  const choose = (name) => {
    closePicker();
    return react(message, name, true);
  };
  const choice = (name, glyph) => make("button", { title: `:${name}:`, onclick: () => choose(name) }, glyph);
  const search = make("input", { placeholder: "find an emoji", "aria-label": "Find an emoji" });
  const grid = make("div", { class: "grid" });
  const draw = () => {
    const wanted = search.value.trim();
    const names =
      wanted === ""
        ? [...favourites, ...[...every.keys()].filter((name) => !favourites.includes(name))]
        : [...every.keys()].filter((name) => name.includes(wanted));
    grid.replaceChildren(
      ...names.slice(0, 80).map((name) => choice(name, name.includes("skin-tone") ? "👍🏽" : every.get(name))),
    );
  };
  search.addEventListener("input", draw);
  draw();
  box.replaceChildren(search, grid);
  box.hidden = false;
  const spot = button.getBoundingClientRect();
  const top = spot.bottom + 290 > innerHeight ? Math.max(8, spot.top - 286) : spot.bottom + 6;
  box.style.top = `${top}px`;
  box.style.left = `${Math.max(8, Math.min(spot.left, innerWidth - 316))}px`;
  search.focus({ preventScroll: true });
}

/** Closes the choice of emoji. */
export function closePicker() {
  document.getElementById("picker").hidden = true;
}

/** Shows a modal that the app opened for the chosen person. */
export function showModal(view) {
  const modal = document.getElementById("modal");
  if (view.type !== "modal" || view.user !== store.me) return;
  if (!view.open) return modal.close();
  const content = make("div", { class: "content" });
  content.innerHTML = view.html;
  const close = make(
    "button",
    { type: "button", onclick: () => void (modal.close(), act("close-view", { view_id: view.id })) },
    "Close",
  );
  const submit =
    view.submit === undefined ? undefined : make("button", { class: "primary", type: "submit" }, view.submit);
  const form = make("form", {}, make("h2", {}, view.title ?? ""), content, make("footer", {}, close, submit));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = {};
    for (const [name, value] of new FormData(form)) {
      const [block, action] = name.split(" ");
      values[block] = { [action]: { value } };
    }
    const result = await act("interact", { user: store.me, view_id: view.id, values });
    if (result.ok && result.response !== "") toast(result.response);
  });
  modal.replaceChildren(form);
  if (!modal.open) modal.showModal();
}
