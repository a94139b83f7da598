import type { Journal } from "../journal/open.ts";
import { getOutbox, intend, touchOutbox } from "../journal/outbox.ts";
import type { Phase } from "../journal/phase.ts";
import { type Snapshot, takeSnapshot } from "../report/snapshot.ts";
import { renderCard } from "./render/card.ts";
import { approversOf } from "./render/intent.ts";
import { renderWindow } from "./render/window.ts";
import type { BotSettings } from "./settings.ts";

/** In these phases the card moves at least this often, so that people see that it lives. */
const livelyMs = 10_000;
const lively: ReadonlySet<Phase> = new Set<Phase>(["restore-bridge", "follow", "replicate"]);
/** A window that ended is rendered once more after this long at the latest. */
const afterEndMs = 60_000;

/** Watches what the card and the window's message would show, and asks for an edit when a reader would see a difference. */
export interface Refresher {
  round(): Promise<void>;
}

/** Opens the refresher of one process. */
export function openRefresher(deps: { readonly journal: Journal; readonly settings: BotSettings }): Refresher {
  const shown = new Map<string, string>();
  return {
    round: async () => {
      const snapshot = await takeSnapshot(deps.journal.db, deps.settings.migration, approversOf(deps.settings));
      if (snapshot === undefined) return;
      await refreshCard(deps, snapshot, shown);
      for (const window of snapshot.windows) {
        const ended = window.endedAt?.getTime();
        if (ended !== undefined && snapshot.takenAt.getTime() - ended > afterEndMs) continue;
        const text = JSON.stringify(renderWindow(window, snapshot, deps.settings));
        await refresh(deps, { kind: "window", key: window.id, priority: 1 }, text, shown);
      }
    },
  };
}

interface Target {
  readonly kind: "card" | "window";
  readonly key: string;
  readonly priority: number;
}

async function refreshCard(deps: Deps, snapshot: Snapshot, shown: Shown): Promise<void> {
  const { visible } = renderCard(snapshot, deps.settings);
  const running = snapshot.state === "active" && lively.has(snapshot.phase) && snapshot.waiting.kind === "nothing";
  const beat = running ? ` ${Math.floor(snapshot.takenAt.getTime() / livelyMs)}` : "";
  await refresh(deps, { kind: "card", key: "card", priority: 3 }, visible + beat, shown);
}

interface Deps {
  readonly journal: Journal;
  readonly settings: BotSettings;
}
type Shown = Map<string, string>;

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
