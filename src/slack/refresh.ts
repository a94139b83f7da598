import type { Journal } from "../journal/open.ts";
import { getOutbox, intend, touchOutbox } from "../journal/outbox.ts";
import type { Phase } from "../journal/phase.ts";
import { approvalViews } from "../report/approvals.ts";
import { type JournalRows, readRows } from "../report/rows.ts";
import { type Snapshot, snapshotOf } from "../report/snapshot.ts";
import type { WindowView } from "../report/windows.ts";
import { renderCard } from "./render/card.ts";
import { expectedDownMs } from "./render/comms.ts";
import { approversOf } from "./render/intent.ts";
import { renderWindow } from "./render/window.ts";
import type { BotSettings } from "./settings.ts";

/** In these phases the card moves at least this often, so that people see that it lives. */
const livelyMs = 10_000;
const lively: ReadonlySet<Phase> = new Set<Phase>(["restore-bridge", "follow", "replicate"]);
/** While people are waited for, the lag moves on the card no more often than this. */
const tickingMs = 30_000;
/** For so long nothing has to change on a card that asks for votes, before it is edited. */
const quietMs = 1_500;
/** What ended is rendered once more after this long at the latest. */
const afterEndMs = 60_000;
/** A site that is back and still being looked at for so long is worth a word to customers. */
const verifyingAfterMs = 10_000;

/** Watches what messages would show, and asks for an edit, or a message, when a reader would see a difference. */
export interface Refresher {
  round(): Promise<void>;
}

interface Deps {
  readonly journal: Journal;
  readonly settings: BotSettings;
}
/** What each message showed last, by kind and key. */
type Shown = Map<string, string>;

/** Opens the refresher of one process. */
export function openRefresher(deps: Deps): Refresher {
  const shown: Shown = new Map();
  return {
    round: async () => {
      const rows = await readRows(deps.journal.db, deps.settings.migration);
      if (rows === undefined) return;
      const snapshot = snapshotOf(rows, approversOf(deps.settings));
      await refreshCard(deps, snapshot, shown);
      for (const window of snapshot.windows) {
        if (isLongAgo(window.endedAt, snapshot)) continue;
        const text = JSON.stringify(renderWindow(window, snapshot, deps.settings));
        await refresh(deps, { kind: "window", key: window.id, priority: 1 }, text, shown);
        await tellCustomers(deps, window, snapshot, shown);
      }
      await refreshGates(deps, rows, snapshot, shown);
      await tellRetry(deps, snapshot);
    },
  };
}

function isLongAgo(at: Date | undefined, { takenAt }: Snapshot): boolean {
  return at !== undefined && takenAt.getTime() - at.getTime() > afterEndMs;
}

interface Target {
  readonly kind: "card" | "window";
  readonly key: string;
  readonly priority: number;
}

async function refreshCard(deps: Deps, snapshot: Snapshot, shown: Shown): Promise<void> {
  const { visible, ticking } = renderCard(snapshot, deps.settings);
  if (isUnsettled(snapshot, visible, shown)) return;
  const running = snapshot.state === "active" && lively.has(snapshot.phase) && snapshot.waiting.kind === "nothing";
  const beat = running ? ` ${Math.floor(snapshot.takenAt.getTime() / livelyMs)}` : "";
  const slot = Math.floor(snapshot.takenAt.getTime() / tickingMs);
  const lag = snapshot.waiting.kind === "nothing" || ticking === "" ? ticking : `lag ${slot}`;
  await refresh(deps, { kind: "card", key: "card", priority: 3 }, `${visible}\n${lag}${beat}`, shown);
}

/**
 * Votes come in quick succession and `go` right behind them. An edit per vote would use up the card's next three seconds and
 * leave it asking for votes in a window that is open; so, while it asks, it waits for a moment of quiet.
 */
function isUnsettled({ waiting, takenAt }: Snapshot, visible: string, shown: Shown): boolean {
  const at = takenAt.getTime();
  if (shown.get("settling") !== visible) {
    shown.set("settling", visible);
    shown.set("settling since", String(at));
  }
  if (waiting.kind !== "approvals" && waiting.kind !== "go") return false;
  return at - Number(shown.get("settling since")) < quietMs;
}

async function refresh({ journal, settings }: Deps, target: Target, text: string, shown: Shown): Promise<void> {
  const place = `${target.kind} ${target.key}`;
  if (shown.get(place) === text) return;
  const { kind, key, priority } = target;
  const row = await getOutbox(journal.db, kind, settings.migration, key);
  if (row === undefined)
    await intend(journal.db, { kind, migrationId: settings.migration, key, audience: "main", priority });
  else await touchOutbox(journal.db, kind, settings.migration, key);
  shown.set(place, text);
}

/** The worker consumes and strikes out gates, and windows end: their cards have to say so. */
async function refreshGates(
  { journal, settings }: Deps,
  rows: JournalRows,
  snapshot: Snapshot,
  shown: Shown,
): Promise<void> {
  for (const gate of approvalViews(rows, approversOf(settings))) {
    const window = snapshot.windows.find((each) => each.id === gate.windowId);
    if (isLongAgo(window?.endedAt, snapshot)) continue;
    const text = `${gate.state} ${gate.undecided ? "" : (window?.state ?? "")}`;
    const before = shown.get(`gate ${gate.id}`);
    if (before === text) continue;
    // the first look after a start cannot know what was shown: an edit without a change is not sent
    if (before !== undefined || !gate.undecided) await touchOutbox(journal.db, "gate", rows.migration.id, gate.id);
    shown.set(`gate ${gate.id}`, text);
  }
}

/** Customers hear of a maintenance that takes longer, of one that is being checked, and of one that does not take place. */
async function tellCustomers(
  { journal, settings }: Deps,
  window: WindowView,
  snapshot: Snapshot,
  shown: Shown,
): Promise<void> {
  if (window.name === "retire") return;
  const migrationId = settings.migration;
  const now = snapshot.takenAt.getTime();
  const planned = `${window.state} ${window.state === "asking" && snapshot.approvals.every((each) => each.expiresAt.getTime() < now)}`;
  if (shown.get(`comms ${window.id}`) !== planned) {
    await touchOutbox(journal.db, "comms", migrationId, `scheduled-${window.name}-${window.try}`);
    shown.set(`comms ${window.id}`, planned);
  }
  const say = async (state: "delayed" | "verifying"): Promise<void> => {
    const facts = { state, windowId: window.id };
    const key = `${state}-${window.id}`;
    await intend(journal.db, { kind: "comms", migrationId, key, audience: "comms", priority: 2, facts });
  };
  const { siteDownAt, siteBackAt, state } = window;
  if (state !== "open" || siteDownAt === undefined) return;
  if (siteBackAt === undefined) {
    if (now > siteDownAt.getTime() + expectedDownMs(window)) await say("delayed");
    return;
  }
  const closed = await getOutbox(journal.db, "comms", migrationId, `completed-${window.id}`);
  if (closed === undefined && now > siteBackAt.getTime() + verifyingAfterMs) await say("verifying");
}

/** The card has one line for what is tried again by itself; the cause's own text stands in the thread, once. */
async function tellRetry({ journal, settings }: Deps, { fault }: Snapshot): Promise<void> {
  if (fault?.retriesAt === undefined) return;
  const text = `${fault.phase} is tried again by itself (${fault.code}):\n${fault.message.slice(0, 1_800)}`;
  const key = `retry-${fault.phase}-${fault.try}-${fault.code}`;
  if ((await getOutbox(journal.db, "note", settings.migration, key)) !== undefined) return;
  const facts = { text, preformatted: true };
  await intend(journal.db, {
    kind: "note",
    migrationId: settings.migration,
    key,
    audience: "thread",
    priority: 6,
    facts,
  });
}
