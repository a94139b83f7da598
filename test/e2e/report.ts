import { z } from "zod";

const count = z.number().int().nonnegative();

/** The report of `--report FILE`, with at least what other programs may count on. */
export const reportSchema = z.object({
  ok: z.boolean(),
  problems: z.array(z.string()),
  migration: z.string().min(1),
  phases: z.array(z.object({ name: z.string(), ms: z.number().nonnegative(), outcome: z.string() })),
  windows: z.array(
    z.object({
      name: z.enum(["window-1", "window-2"]),
      outcome: z.string(),
      appOutageMs: z.number().positive().optional(),
      databaseOutageMs: z.number().positive().optional(),
    }),
  ),
  copied: z.object({ tables: count, rows: count, bytes: count }),
  verified: z.object({ tables: count, rows: count, differences: count }),
  sequences: z.object({ set: count }),
  writes: z.object({ acknowledged: count, missing: count }),
  steps: z.array(
    z.object({ phase: z.string(), step: z.string(), attempts: z.number().int().positive(), ms: z.number() }),
  ),
  approvals: z.array(z.object({ gate: z.string(), step: z.string(), voters: z.array(z.string()) })),
  findings: z.array(z.object({ check: z.string(), severity: z.enum(["blocker", "warning", "note"]), fix: z.string() })),
});

/** One end report. */
export type Report = z.infer<typeof reportSchema>;

/** Every phase, in order. */
export const phaseNames = [
  "preflight",
  "provision",
  "prepare-target",
  "restore-bridge",
  "follow",
  "promote",
  "replicate",
  "cutover",
  "soak",
  "retire",
];

/** Reasons why a report is not that of a migration that ended well. */
export function faultsOf(report: Report): string[] {
  const faults = report.problems.map((problem) => `problem: ${problem}`);
  if (!report.ok) faults.push("ok is false");
  if (report.phases.map(({ name }) => name).join() !== phaseNames.join()) faults.push("not every phase is there");
  for (const { name, outcome } of report.phases) if (outcome !== "succeeded") faults.push(`${name}: ${outcome}`);
  for (const name of ["window-1", "window-2"]) {
    const last = report.windows.findLast((window) => window.name === name);
    if (last?.outcome !== "succeeded") faults.push(`${name} did not succeed`);
    if (last?.appOutageMs === undefined || last.databaseOutageMs === undefined) faults.push(`${name}: no outage known`);
  }
  if (report.writes.acknowledged === 0) faults.push("nothing was written");
  if (report.writes.missing > 0) faults.push(`${report.writes.missing} acknowledged writes are missing`);
  if (report.verified.tables === 0 || report.verified.differences > 0) faults.push("the rows were not proven equal");
  for (const { gate, voters } of report.approvals) {
    if (new Set(voters).size < 2) faults.push(`${gate}: fewer than two voters`);
    if (voters.includes("greg")) faults.push(`${gate}: the driver voted`);
  }
  const gates = new Set(report.approvals.map(({ gate }) => gate));
  for (const gate of ["maintenance", "promote", "database-url", "retire"]) {
    if (!gates.has(gate)) faults.push(`nobody approved ${gate}`);
  }
  return faults;
}
