import { getCommand } from "../../journal/commands.ts";
import type { Journal } from "../../journal/open.ts";
import { type OutboxRow } from "../../journal/outbox.ts";
import { windowRuns } from "../../journal/windows.ts";
import { approvalViews } from "../../report/approvals.ts";
import { textOf } from "../../report/facts.ts";
import { buildReport, formatReport } from "../../report/final-report.ts";
import { type JournalRows, readRows, type StoredFacts } from "../../report/rows.ts";
import { snapshotOf } from "../../report/snapshot.ts";
import { findingsOf } from "../../report/summaries.ts";
import { type Message, message, pieces } from "../limits.ts";
import type { BotSettings } from "../settings.ts";
import { renderCard } from "./card.ts";
import { renderComms } from "./comms.ts";
import { failureCause, renderFailure } from "./failure.ts";
import { renderGateDetail } from "./gate-evidence.ts";
import { renderGate } from "./gate.ts";
import { ledgerIn, renderDone, renderFindings, renderGlass, renderNote, renderPhase, renderReply } from "./notes.ts";
import { askedIn, renderExpired, renderReminder } from "./reminder.ts";
import { renderWindow } from "./window.ts";

/** A rendered intent. */
export interface Rendered {
  readonly message: Message;
  /** Plain text that belongs into the thread once the message is out. */
  readonly thread?: readonly string[];
  /** Where an answer belongs when it is not the audience's usual channel. */
  readonly channel?: string;
}

/** Renders what an outbox row is about, from the journal as it is now. `undefined`: there is nothing to say any more. */
export async function renderIntent(
  db: Journal["db"],
  row: OutboxRow,
  settings: BotSettings,
): Promise<Rendered | undefined> {
  switch (row.kind) {
    case "reply":
      return renderAnswer(db, row);
    case "hint": {
      const text = textOf(row.facts, "text");
      return text === undefined ? undefined : { message: message([{ body: text }]) };
    }
    case "note":
      return only(renderNote(row.facts));
    case "phase":
      return only(renderPhase(row.facts));
    case "break-glass":
      return only(renderGlass(row.facts));
    case "gate-detail":
      return { message: message(pieces(renderGateDetail(row.facts)).map((body) => ({ body }))) };
    case "done": {
      const report = await buildReport(db, row.migrationId, ledgerIn(row.facts));
      return report && { message: renderDone(report, row.facts, settings), thread: [formatReport(report)] };
    }
    default: {
      const rows = await readRows(db, row.migrationId);
      return rows && renderFromRows(rows, row, settings);
    }
  }
}

function renderFromRows(rows: JournalRows, row: OutboxRow, settings: BotSettings): Rendered | undefined {
  const approvers = approversOf(settings);
  const snapshot = snapshotOf(rows, approvers);
  switch (row.kind) {
    case "card":
      return { message: renderCard(snapshot, settings).message };
    case "window": {
      const window = snapshot.windows.find((each) => each.id === row.key);
      return window && { message: renderWindow(window, snapshot, settings) };
    }
    case "gate": {
      const gates = approvalViews(rows, approvers);
      const gate = gates.find((each) => each.id === row.key);
      if (gate === undefined) return undefined;
      const siblings = gates.filter((each) => each.windowId === gate.windowId);
      const window = snapshot.windows.find((each) => each.id === gate.windowId);
      return { message: renderGate(gate, { window, siblings }, settings) };
    }
    case "reminder":
    case "expired": {
      const gates = askedIn(row.facts, approvalViews(rows, approvers));
      const window = snapshot.windows.find((each) => each.id === gates[0]?.windowId);
      const asked = { gates, window, takenAt: snapshot.takenAt };
      return only(row.kind === "expired" ? renderExpired(asked, settings) : renderReminder(row.facts, asked, settings));
    }
    case "comms": {
      const window = snapshot.windows.find((each) => each.id === textOf(row.facts, "windowId"));
      return only(renderComms(row.facts, row.createdAt, window, snapshot.takenAt));
    }
    case "findings":
      return only(renderFindings(findingsOf(rows) ?? []));
    case "failure": {
      const cause = failureCause(row.facts, snapshot);
      const text = renderFailure(row.facts, snapshot);
      return cause === undefined ? { message: text } : { message: text, thread: [cause] };
    }
    default:
      return undefined;
  }
}

/** Whom the snapshot names as still needed. */
export function approversOf(settings: BotSettings): { required: number; people: string[] } {
  return { required: settings.approvals.required, people: settings.approvals.approvers.map((each) => each.person) };
}

async function renderAnswer(db: Journal["db"], row: OutboxRow): Promise<Rendered | undefined> {
  const command = await getCommand(db, Number(row.key));
  const reply = command?.reply ?? row.facts;
  const answer = renderReply(reply);
  if (answer === undefined || (await isOver(db, row.migrationId, reply))) return undefined;
  return command === undefined ? { message: answer } : { message: answer, channel: command.channel };
}

/** "3 gates are open …" says nothing any more once the window that it is about is open, or struck out. */
async function isOver(db: Journal["db"], migrationId: string, reply: StoredFacts): Promise<boolean> {
  const id = textOf(reply, "windowId");
  if (id === undefined) return false;
  return (await windowRuns(db, migrationId)).some((each) => String(each.id) === id && each.state !== "asking");
}

function only(rendered: Message | undefined): Rendered | undefined {
  return rendered && { message: rendered };
}
