import { Resvg } from "@resvg/resvg-js";
import type { LagPoint, LagSeries } from "./lag.ts";

const width = 720;
const height = 240;
const inset = { left: 64, right: 16, top: 16, bottom: 32 } as const;

/** A chart of lag with the words that a screen reader reads in its place. */
export interface LagChart {
  readonly svg: string;
  readonly png: Buffer;
  readonly altText: string;
}

/**
 * Draws the lag of the last hour as a PNG. Text in it needs a font on the machine; without one the curve and lines still
 * stand, and {@link LagChart.altText} always says the numbers.
 */
export function lagChart(series: LagSeries): LagChart {
  const svg = lagSvg(series);
  const font = { loadSystemFonts: true, defaultFontFamily: "DejaVu Sans" };
  const png = new Resvg(svg, { font, background: "#ffffff" }).render().asPng();
  return { svg, png, altText: altText(series) };
}

/** The curve as SVG. Pure. */
export function lagSvg({ points, highestMs }: LagSeries): string {
  const first = points[0]?.at.getTime() ?? 0;
  const span = Math.max(1, (points.at(-1)?.at.getTime() ?? 0) - first);
  const top = niceCeiling(highestMs);
  const x = (point: LagPoint): number =>
    inset.left + ((point.at.getTime() - first) / span) * (width - inset.left - inset.right);
  const y = (ms: number): number => height - inset.bottom - (ms / top) * (height - inset.top - inset.bottom);
  const line = points.map((point) => `${x(point).toFixed(1)},${y(point.lagMs).toFixed(1)}`).join(" ");
  const rules = [0, 0.5, 1].map((share) => rule(y(top * share), seconds(top * share)));
  const times = [points[0], points.at(-1)].map((point, at) => timeLabel(point, at === 0 ? "start" : "end"));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans, Liberation Sans, sans-serif" font-size="13">
<rect width="${width}" height="${height}" fill="#ffffff"/>
${rules.join("\n")}
<polyline fill="none" stroke="#1f5f8b" stroke-width="2.5" stroke-linejoin="round" points="${line}"/>
${times.join("\n")}
</svg>`;
}

function rule(y: number, label: string): string {
  const text = `<text x="${inset.left - 8}" y="${(y + 4).toFixed(1)}" text-anchor="end" fill="#444444">${label}</text>`;
  return `<line x1="${inset.left}" x2="${width - inset.right}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" stroke="#d5d9dd"/>${text}`;
}

function timeLabel(point: LagPoint | undefined, anchor: "start" | "end"): string {
  if (point === undefined) return "";
  const x = anchor === "start" ? inset.left : width - inset.right;
  return `<text x="${x}" y="${height - 10}" text-anchor="${anchor}" fill="#444444">${point.at.toISOString().slice(11, 19)} UTC</text>`;
}

function altText({ last, highestMs, trend, points }: LagSeries): string {
  // on the archive's link the newest row is as old as the newest segment, which is no lag
  const what = last.link === "archive" ? "Age of the newest row on the bridge" : "Replication lag";
  const first = points[0]?.at ?? last.at;
  const minutes = Math.round((last.at.getTime() - first.getTime()) / 60_000);
  return `${what} over ${minutes} minutes: now ${seconds(last.lagMs)}, ${trend}, highest ${seconds(highestMs)}.`;
}

function seconds(ms: number): string {
  return ms >= 10_000 ? `${Math.round(ms / 1000)} s` : `${(ms / 1000).toFixed(1)} s`;
}

/** 1, 2 or 5 times a power of ten, not below the value and not below a second. */
function niceCeiling(ms: number): number {
  const value = Math.max(1_000, ms);
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= value) ?? value;
}
