import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openArchive } from "./support/archive.ts";
import { undisturbed } from "./support/machine.ts";
import { measure, type Measured } from "./support/measure.ts";
import { type Bar, median, parseSize, table, verdict } from "./support/numbers.ts";
import { ourRestore } from "./support/ours.ts";
import { findPeers } from "./support/peers.ts";
import { startS3 } from "./support/s3-server.ts";
import { freshDir, say } from "./support/system.ts";

/**
 * Restores archives of growing size by ours: the memory stays the same, and the time grows with the size.
 * `node bench/sizes.ts [--sizes 1GB,8GB] [--runs 3] [--peers DIR] [--json]`; the archives are in WAL-E's format.
 */
const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: "1GB,8GB" },
    runs: { type: "string", default: "3" },
    peers: { type: "string", default: "/var/tmp/peers" },
    json: { type: "boolean", default: false },
  },
});

interface Sized {
  readonly dataBytes: number;
  readonly runs: readonly Measured[];
}

const peers = findPeers(values.peers);

async function restoreOf(bytes: number): Promise<Sized> {
  const archive = await openArchive(peers, { bytes, segments: 0, formats: ["wal-e"] });
  await using server = await startS3(peers.versitygw, archive.s3Dir, false);
  const runs: Measured[] = [];
  while (runs.length < Number(values.runs)) {
    const into = join(archive.home, "restored");
    const inputs = [join(archive.s3Dir, "bench/wal-e/basebackups_005")];
    const title = `${(bytes / 1e9).toFixed(1)} GB`;
    runs.push(await undisturbed(title, () => measure(ourRestore(server, "wal-e", freshDir(into)), inputs)));
    rmSync(into, { recursive: true });
    say(`${title}: ${JSON.stringify(runs.at(-1))}`);
  }
  return { dataBytes: archive.facts.dataBytes, runs };
}

const sized: Sized[] = [];
for (const size of values.sizes.split(",")) sized.push(await restoreOf(parseSize(size)));

const peakOf = ({ runs }: Sized): number => median(runs.map(({ peakMiB }) => peakMiB));
const secondsPerGb = ({ runs, dataBytes }: Sized): number =>
  median(runs.map(({ wallSeconds }) => wallSeconds)) / (dataBytes / 1e9);
const [least, most] = [sized.at(0), sized.at(-1)];
if (!least || !most) throw new Error("--sizes names none");
const bars: Bar[] = [
  { what: "peak memory of the largest", value: peakOf(most), limit: 300, kind: "most", unit: " MiB" },
  { what: "memory, largest / smallest", value: peakOf(most) / peakOf(least), limit: 1.15, kind: "most" },
  {
    what: "time per GB, largest / smallest",
    value: secondsPerGb(most) / secondsPerGb(least),
    limit: 1.15,
    kind: "most",
  },
];
if (values.json) {
  console.log(JSON.stringify({ sized, bars }, undefined, 2));
} else {
  const rows = sized.map((one) => [
    `${(one.dataBytes / 1e9).toFixed(2)} GB`,
    `${median(one.runs.map(({ wallSeconds }) => wallSeconds)).toFixed(1)} s`,
    `${secondsPerGb(one).toFixed(2)} s/GB`,
    `${peakOf(one).toFixed(0)} MiB`,
  ]);
  console.log(table([["restored", "wall", "rate", "peak memory"], ...rows]));
  for (const bar of bars) console.log(verdict(bar));
}
