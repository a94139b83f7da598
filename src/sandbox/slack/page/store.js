/** What the page knows, kept current by server-sent events, and who it acts as. */
export const store = {
  state: undefined,
  hint: undefined,
  /** Messages by "channel ts". */
  messages: new Map(),
  channel: undefined,
  thread: undefined,
  me: localStorage.getItem("me") ?? "",
  unread: new Map(),
};

const listeners = new Set();

/** Calls `listener(what)` after each change: "state", "messages", "hint" or "me". */
export function onChange(listener) {
  listeners.add(listener);
}

/** Tells everyone who listens. */
export function changed(what, detail) {
  for (const listener of listeners) listener(what, detail);
}

/** A person by id. */
export function person(id) {
  return store.state?.people.find((each) => each.id === id);
}

/** The messages of a channel that the chosen person would see, oldest first. */
export function messagesOf(channel, thread) {
  const all = [...store.messages.values()].filter((each) => each.channel === channel);
  const wanted = all.filter((each) => (thread === undefined ? each.threadTs === undefined : each.threadTs === thread));
  return wanted.sort((a, b) => (a.ts < b.ts ? -1 : 1));
}

/** Acts through the control interface; a refusal is shown to the person at the page. */
export async function act(name, body) {
  const answer = await fetch(`/_control/${name}`, { method: "POST", body: JSON.stringify(body) });
  const result = await answer.json();
  if (!result.ok) toast(result.error);
  return result;
}

let toastTimer;
/** A short word at the foot of the page. */
export function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.hidden = true), 5000);
}

/** Chooses who acts. */
export function become(id) {
  store.me = id;
  localStorage.setItem("me", id);
  changed("me");
}

/** Opens the stream; the browser connects again by itself, and then starts from the whole state. */
export function listen() {
  const link = document.getElementById("link");
  const source = new EventSource("/_control/stream");
  source.addEventListener("open", () => setLink("live", true));
  source.addEventListener("error", () => setLink("not connected", false));
  const on = (kind, take) => source.addEventListener(kind, (event) => take(JSON.parse(event.data)));
  on("state", (state) => {
    store.state = state;
    store.hint = state.hint;
    changed("state");
  });
  on("messages", (list) => {
    store.messages = new Map(list.map((each) => [`${each.channel} ${each.ts}`, each]));
    changed("messages");
  });
  on("message", (message) => {
    const key = `${message.channel} ${message.ts}`;
    if (message.deleted) store.messages.delete(key);
    else store.messages.set(key, message);
    if (message.what === "posted" && message.channel !== store.channel) {
      store.unread.set(message.channel, (store.unread.get(message.channel) ?? 0) + 1);
    }
    changed("message", message);
  });
  on("hint", (hint) => {
    store.hint = hint ?? undefined;
    changed("hint");
  });
  on("view", (view) => changed("view", view));
  function setLink(text, live) {
    link.textContent = text;
    link.classList.toggle("live", live);
  }
}
