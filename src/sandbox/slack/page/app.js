import { buildComposer, closePicker, showModal } from "./composer.js";
import { avatar, make } from "./dom.js";
import { drawMessages, openThread } from "./messages.js";
import { act, become, changed, listen, messagesOf, onChange, store } from "./store.js";

const at = (id) => document.getElementById(id);
const composer = buildComposer(at("composer"), { placeholder: "Message, or /migrate help", thread: () => undefined });
const threadComposer = buildComposer(at("thread-composer"), { placeholder: "Reply", thread: () => store.thread });

function drawSidebar() {
  const { state } = store;
  at("team").textContent = state.team.name;
  const visible = state.channels.filter((each) => !each.isIm || each.messageCount > 0);
  at("channels").replaceChildren(
    ...visible.map((each) => {
      const unread = store.unread.get(each.id) ?? 0;
      const current = each.id === store.channel;
      const sign = each.isIm ? "✉" : each.isPrivate ? "🔒" : "#";
      const extra = each.isExtShared ? make("span", { class: "role" }, "shared") : undefined;
      return make(
        "button",
        {
          class: unread > 0 ? "row unread" : "row",
          "aria-current": current && "true",
          onclick: () => openChannel(each.id),
        },
        make("span", { class: "sign" }, sign),
        make("span", { class: "name" }, each.name),
        extra,
        unread > 0 ? make("span", { class: "count" }, String(unread)) : undefined,
      );
    }),
  );
  const actors = state.people.filter((each) => !each.isOwnBot && each.id !== "USLACKBOT");
  at("people").replaceChildren(
    ...actors.map((each) => {
      const role = each.deleted ? "deactivated" : each.title;
      return make(
        "button",
        {
          class: each.deleted ? "row gone" : "row",
          "aria-pressed": String(each.id === store.me),
          onclick: () => choose(each.id),
        },
        avatar(each.id),
        make("span", { class: "name" }, each.realName),
        make("span", { class: "role" }, role),
      );
    }),
  );
}

function choose(id) {
  become(id);
  document.body.classList.remove("menu");
}

function openChannel(id) {
  store.channel = id;
  store.unread.delete(id);
  store.thread = undefined;
  document.body.classList.remove("menu");
  history.replaceState(undefined, "", `/archives/${id}`);
  draw(true);
}

function drawHead() {
  const channel = store.state.channels.find((each) => each.id === store.channel);
  at("title").textContent = channel === undefined ? "…" : `${channel.isIm ? "" : "# "}${channel.name}`;
  at("purpose").textContent = `${channel?.members.length ?? 0} members · ${channel?.purpose ?? ""}`;
  at("thread-where").textContent = `# ${channel?.name ?? ""}`;
  document.title = `${channel?.name ?? "…"} · Drawbridge sandbox`;
}

function drawHint() {
  const box = at("hint");
  box.hidden = store.hint === undefined || store.hint === null;
  if (box.hidden) return;
  const { text, command } = store.hint;
  const fill =
    command === undefined
      ? undefined
      : make("button", { onclick: () => composer.fill(command), title: "Put it into the line below" }, command);
  box.replaceChildren(
    make("span", { class: "next" }, "Next"),
    make("span", {}, text),
    ...(fill === undefined ? [] : [fill]),
  );
}

function drawThread(toEnd) {
  const { channel, thread } = store;
  const top = messagesOf(channel).find((each) => each.ts === thread);
  at("thread").hidden = top === undefined;
  document.body.classList.toggle("threaded", top !== undefined);
  if (top === undefined) return;
  drawMessages(at("replies"), [top, ...messagesOf(store.channel, top.ts)], { thread: true, toEnd });
}

function draw(toEnd = false) {
  if (store.state === undefined) return;
  store.channel ??= /^\/archives\/(\w+)/.exec(location.pathname)?.[1] ?? store.state.channels[0]?.id;
  if (!store.state.people.some((each) => each.id === store.me)) store.me = store.state.people[0].id;
  drawSidebar();
  drawHead();
  drawHint();
  composer.redraw();
  threadComposer.redraw();
  drawMessages(at("messages"), messagesOf(store.channel), { thread: false, toEnd });
  drawThread(toEnd);
}

let waiting = false;
let wantEnd = false;
/** Many changes at once are drawn once; a person's own choice of text is not torn away meanwhile. */
function drawSoon(toEnd) {
  wantEnd ||= toEnd;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    const end = wantEnd;
    wantEnd = false;
    draw(end);
  });
}

onChange((what, detail) => {
  if (what === "view") {
    const held = store.state?.views.filter((each) => each.id !== detail.id) ?? [];
    if (store.state !== undefined) store.state.views = [...held, detail];
    return showModal(detail);
  }
  drawSoon(what === "messages" || what === "thread");
});

at("close-thread").addEventListener("click", () => openThread(undefined));
at("menu").addEventListener("click", () => document.body.classList.toggle("menu"));
at("shade").addEventListener("click", () => document.body.classList.remove("menu"));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    closePicker();
    document.body.classList.remove("menu");
  }
});
document.addEventListener("click", (event) => {
  const inPicker = event.target.closest("#picker") !== null;
  const opener = event.target.closest(".tools, .chip.add") !== null;
  if (!inPicker && !opener) closePicker();
  const button = event.target.closest("button[data-action]");
  if (button !== null) press(button, undefined);
});
document.addEventListener("change", (event) => {
  const select = event.target.closest("select[data-action]");
  if (select !== null && select.value !== "") press(select, select.value);
});

/** Presses a button of a message as the chosen person. */
function press(element, value) {
  const row = element.closest("article");
  if (row === null) return;
  if (element.dataset.confirm !== undefined && !confirm(element.dataset.confirm)) return;
  const { ts, channel } = row.dataset;
  void act("interact", {
    channel,
    ts,
    user: store.me,
    action_id: element.dataset.action,
    ...(value === undefined ? {} : { value }),
  });
}

listen();
changed("start");
