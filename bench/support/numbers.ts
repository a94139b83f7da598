/** The middle of some numbers; of an even count, half way between the middle two. @throws for none. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const [lower, upper] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  if (lower === undefined || upper === undefined) throw new Error("no numbers to take the median of");
  return (lower + upper) / 2;
}

/** `4GB` → 4e9 bytes. @throws for anything else than a number with MB or GB. */
export function parseSize(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(MB|GB)$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`${text} is no size; write it like 4GB or 500MB`);
  return Number(number) * (unit === "GB" ? 1e9 : 1e6);
}

/** A table of text, its columns as wide as what they hold. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** One thing that has to be reached. */
export interface Bar {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  /** `most`: the value may not be above the limit; `least`: not below. */
  readonly kind: "most" | "least";
  readonly unit?: string;
}

/** `PASS  wall, ours / wal-g: 0.55 (at most 0.6)`. */
export function verdict({ what, value, limit, kind, unit = "" }: Bar): string {
  const passed = kind === "most" ? value <= limit : value >= limit;
  const bound = kind === "most" ? "at most" : "at least";
  return `${passed ? "PASS" : "FAIL"}  ${what}: ${value.toFixed(2)}${unit} (${bound} ${limit}${unit})`;
}
