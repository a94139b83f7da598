import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";

/**
 * Plays the sandbox several times and prints how long writes stopped, by window, as median and range.
 * `node bench/windows.ts [runs]`. The only published figure for this route is "about one minute" for each window
 * (Argos, 2026-03-06), by hand, on real Heroku; there is no peer that could be run beside ours.
 */
const runs = Number(process.argv[2] ?? 3);
const publishedMs = 60_000;
const program = join(import.meta.dirname, "../bin/main.mjs");

const ms = z.number().optional();
const reportSchema = z.object({
  ok: z.boolean(),
  windows: z.array(z.object({ name: z.string(), appOutageMs: ms, databaseOutageMs: ms })),
});
type Report = z.infer<typeof reportSchema>;

/** One run of the sandbox with its own seed. */
async function playOnce(seed: number): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "drawbridge-bench-"));
  const file = join(folder, "report.json");
  try {
    const args = [program, "sandbox", "--seed", String(seed), "--report", file];
    const child = spawn(process.execPath, args, { stdio: "ignore" });
    await new Promise((resolve) => child.once("exit", resolve));
    const content: unknown = JSON.parse(readFileSync(file, "utf8"));
    return reportSchema.parse(content);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

const seen = new Map<string, number[]>();
for (let run = 1; run <= runs; run += 1) {
  const report = await playOnce(run);
  if (!report.ok) throw new Error(`run ${run} did not end well; nothing is measured`);
  for (const { name, appOutageMs, databaseOutageMs } of report.windows) {
    for (const [what, ms] of Object.entries({ application: appOutageMs, database: databaseOutageMs })) {
      if (ms !== undefined) seen.set(`${name} ${what}`, [...(seen.get(`${name} ${what}`) ?? []), ms]);
    }
  }
}
for (const [what, numbers] of seen) {
  const [middle, least, most] = [median(numbers), Math.min(...numbers), Math.max(...numbers)];
  const seconds = [middle, least, most].map((ms) => (ms / 1000).toFixed(2));
  const ratio = (middle / publishedMs).toFixed(3);
  console.log(
    `${what.padEnd(24)} median ${seconds[0]} s (${seconds[1]} to ${seconds[2]}), ${ratio} of the published minute`,
  );
}
