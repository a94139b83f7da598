import type { Phase, WindowName } from "../journal/phase.ts";
import { dateOf, listOf, numberOf, textOf } from "./facts.ts";
import type { JournalRows, StoredFacts } from "./rows.ts";
import { windowViews } from "./windows.ts";

/** The output of a step's last success, whatever its try. */
export function lastOutput(rows: JournalRows, phase: Phase, step: string): StoredFacts | undefined {
  return (
    rows.attempts.findLast((each) => each.phase === phase && each.step === step && each.state === "succeeded")
      ?.output ?? undefined
  );
}

/** What preflight found, as it was journalled. */
export interface FindingView {
  readonly check: string;
  readonly severity: "blocker" | "warning" | "note";
  readonly message: string;
  readonly fix: string;
}

/** The findings of the last preflight, blockers first; `undefined` before there was one. */
export function findingsOf(rows: JournalRows): FindingView[] | undefined {
  const output = lastOutput(rows, "preflight", "run-checks");
  if (output === undefined) return undefined;
  const order = ["blocker", "warning", "note"] as const;
  return listOf(output, "findings")
    .map((finding) => ({
      check: textOf(finding, "check") ?? String(numberOf(finding, "check") ?? "?"),
      severity: order.find((each) => each === textOf(finding, "severity")) ?? "note",
      message: textOf(finding, "message") ?? "",
      fix: textOf(finding, "fix") ?? "",
    }))
    .toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

/** A few plain words on what a phase has come to, out of what its steps left behind; `undefined` while there is nothing to say. */
export function summaryOf(name: Phase, rows: JournalRows): string | undefined {
  const last = rows.attempts.findLast(
    (each) => each.phase === name && each.state === "succeeded" && textOf(each.output, "summary"),
  );
  return textOf(last?.output, "summary") ?? summaries[name]?.(rows);
}

const summaries: Partial<Record<Phase, (rows: JournalRows) => string | undefined>> = {
  preflight: (rows) => {
    const findings = findingsOf(rows);
    if (findings === undefined) return undefined;
    const of = (severity: string): number => findings.filter((each) => each.severity === severity).length;
    return `${count(of("blocker"), "blocker")}, ${count(of("warning"), "warning")}`;
  },
  "prepare-target": (rows) => {
    const tables = numberOf(lastOutput(rows, "prepare-target", "load-trial-schema"), "tables");
    return tables === undefined ? undefined : `${count(tables, "table")} load`;
  },
  "restore-bridge": (rows) => {
    const bytes = numberOf(lastOutput(rows, "restore-bridge", "restore-standby"), "bytes");
    return bytes === undefined || bytes === 0 ? undefined : `${bytesWords(bytes)} from the archive`;
  },
  follow: (rows) => {
    const slowest = numberOf(lastOutput(rows, "follow", "settle-lag"), "slowestMs");
    return slowest === undefined ? undefined : `test writes arrive within ${seconds(slowest)}`;
  },
  promote: (rows) => outageWords(rows, "window-1"),
  replicate: (rows) => {
    const copied = lastOutput(rows, "replicate", "copy-tables");
    const [tables, copiedRows] = [numberOf(copied, "tables"), numberOf(copied, "rows")];
    return tables === undefined || copiedRows === undefined
      ? undefined
      : `${count(tables, "table")}, ${count(copiedRows, "row")}`;
  },
  cutover: (rows) => outageWords(rows, "window-2"),
  soak: (rows) => {
    const worst = numberOf(lastOutput(rows, "soak", "watch-soak"), "worstReverseLagMs");
    return worst === undefined ? undefined : `the way back was never more than ${seconds(worst)} behind`;
  },
};

function outageWords(rows: JournalRows, name: WindowName): string | undefined {
  const ms = windowViews(rows).findLast((each) => each.name === name && each.state === "closed")?.databaseOutageMs;
  return ms === undefined ? undefined : `no writes at the database for ${seconds(ms)}`;
}

/** When the soak ends, once it has begun. */
export function soakUntil(rows: JournalRows): Date | undefined {
  return dateOf(lastOutput(rows, "soak", "start-soak"), "until");
}

function seconds(ms: number): string {
  if (ms > 0 && ms < 50) return "0.1 s";
  return ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}

function bytesWords(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(bytes / 1e6))} MB`;
}

function count(n: number, noun: string): string {
  return `${Math.round(n).toLocaleString("en-US")} ${noun}${n === 1 ? "" : "s"}`;
}
