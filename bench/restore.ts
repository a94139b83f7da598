import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Archive, type Format, formats, openArchive } from "./support/archive.ts";
import { type Census, countEvents, differences, takeCensus } from "./support/check-restored.ts";
import { undisturbed } from "./support/machine.ts";
import { measure, type Measured } from "./support/measure.ts";
import { type Bar, median, parseSize, table, verdict } from "./support/numbers.ts";
import { ourRestore } from "./support/ours.ts";
import { findPeers, type Peers, walECommand, walGEnv } from "./support/peers.ts";
import { type S3Server, startS3 } from "./support/s3-server.ts";
import { type Command, freshDir, ownDir, say } from "./support/system.ts";

/**
 * Restores one archive by ours and by each installed peer in turns, from the same S3 server, and compares.
 * `node bench/restore.ts [--size 4GB] [--runs 3] [--format wal-e|wal-g-lz4|wal-g-zstd|wal-g-brotli|all] [--peers DIR] [--json]`
 * `--segments N` takes an archive with another number of WAL segments, `--only ours,wal-g` leaves the others out.
 */
const { values } = parseArgs({
  options: {
    size: { type: "string", default: "4GB" },
    runs: { type: "string", default: "3" },
    format: { type: "string", default: "all" },
    peers: { type: "string", default: "/var/tmp/peers" },
    segments: { type: "string", default: "250" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

type Who = "ours" | "wal-g" | "wal-e";

interface Contender {
  readonly who: Who;
  readonly command: (into: string) => Command;
}

interface Result {
  readonly format: Format;
  readonly runs: Readonly<Partial<Record<Who, readonly Measured[]>>>;
  readonly bars: readonly Bar[];
  /** What the check of the restored content said; empty when all was the same. */
  readonly wrong: readonly string[];
}

/** Who can restore this format. */
function contendersFor(format: Format, peers: Peers, server: S3Server, archive: Archive): Contender[] {
  const { walG, walE } = peers;
  const home = join(archive.home, "wal-g-home");
  const ours: Contender = { who: "ours", command: (into) => ourRestore(server, format, into) };
  const theirs: Contender[] = [];
  if (walG !== undefined) {
    const env = walGEnv(server, format, home);
    theirs.push({ who: "wal-g", command: (into) => ({ argv: [walG, "backup-fetch", into, "LATEST"], env }) });
  }
  if (walE !== undefined && format === "wal-e") {
    const command = (into: string): Command =>
      walECommand([walE, "backup-fetch", into, "LATEST"], server, format, archive.home);
    theirs.push({ who: "wal-e", command });
  }
  return [ours, ...theirs];
}

async function compare(format: Format, peers: Peers, server: S3Server, archive: Archive): Promise<Result> {
  const contenders = contendersFor(format, peers, server, archive);
  const runs: Partial<Record<Who, Measured[]>> = {};
  const wrong: string[] = [];
  let census: Census | undefined;
  const inputs = [join(archive.s3Dir, "bench", format, "basebackups_005")];
  for (let run = 0; run < Number(values.runs); run += 1) {
    // each run begins with another one, so that none always follows the same
    for (const [index] of contenders.entries()) {
      const { who, command } = contenders[(index + run) % contenders.length] ?? contenders[0]!;
      const into = join(archive.home, "restored", who);
      const measured = await undisturbed(`${format} ${who}`, () => {
        freshDir(join(ownDir(join(archive.home, "restored")), who));
        return measure(command(into), inputs);
      });
      runs[who] = [...(runs[who] ?? []), measured];
      say(`${format} ${who}: ${line(measured).join(", ")}`);
      if (run === 0) {
        const seen = await takeCensus(into);
        if (census) wrong.push(...differences(seen, census).map((what) => `${who} and the one before: ${what}`));
        census = seen;
        if (who === "ours") wrong.push(...(await wrongCount(into, archive)));
      }
      rmSync(join(archive.home, "restored"), { recursive: true });
    }
  }
  return { format, runs, bars: barsOf(format, runs), wrong };
}

async function wrongCount(into: string, archive: Archive): Promise<string[]> {
  const counted = await countEvents(into, archive.walDir);
  const { events } = archive.facts;
  return counted === events ? [] : [`ours has ${counted} events, the source had ${events}`];
}

function barsOf(format: Format, runs: Result["runs"]): Bar[] {
  const of = (who: Who, value: (measured: Measured) => number): number | undefined => {
    const list = runs[who];
    return list && median(list.map(value));
  };
  const ratio = (value: (measured: Measured) => number, peer: Who): number | undefined => {
    const [ours, theirs] = [of("ours", value), of(peer, value)];
    return ours === undefined || theirs === undefined ? undefined : ours / theirs;
  };
  const wall = ({ wallSeconds }: Measured): number => wallSeconds;
  const cpu = ({ cpuSeconds }: Measured): number => cpuSeconds;
  const most = (what: string, value: number | undefined, limit: number, unit?: string): Bar[] =>
    value === undefined ? [] : [{ what, value, limit, kind: "most", ...(unit === undefined ? {} : { unit }) }];
  const isWalE = format === "wal-e";
  return [
    ...most("wall, ours / wal-g", ratio(wall, "wal-g"), isWalE ? 0.6 : 0.9),
    ...(isWalE ? most("wall, ours / wal-e", ratio(wall, "wal-e"), 0.4) : []),
    ...(isWalE ? most("CPU, ours / wal-g", ratio(cpu, "wal-g"), 0.7) : []),
    ...most(
      "peak memory",
      of("ours", ({ peakMiB }) => peakMiB),
      300,
      " MiB",
    ),
  ];
}

function line({ wallSeconds, cpuSeconds, peakMiB, load, stolenSeconds }: Measured): string[] {
  return [
    `${wallSeconds.toFixed(1)} s`,
    `CPU ${cpuSeconds.toFixed(1)} s`,
    `${peakMiB.toFixed(0)} MiB`,
    `load ${load.toFixed(1)}`,
    `stolen by the host ${stolenSeconds.toFixed(1)} s`,
  ];
}

function print({ format, runs, bars, wrong }: Result): void {
  const rows = Object.entries(runs).map(([who, list]) => {
    const middle = (value: (measured: Measured) => number, digits = 1): string =>
      median(list.map(value)).toFixed(digits);
    const walls = list.map(({ wallSeconds }) => wallSeconds);
    return [
      who,
      `${middle((one) => one.wallSeconds)} s`,
      `${Math.min(...walls).toFixed(1)}–${Math.max(...walls).toFixed(1)}`,
      `${middle((one) => one.cpuSeconds)} s`,
      `${middle((one) => one.peakMiB, 0)} MiB`,
      middle((one) => one.load),
    ];
  });
  console.log(`\n${format}, medians of ${values.runs}`);
  console.log(table([["", "wall", "range", "CPU", "peak memory", "load before"], ...rows]));
  for (const bar of bars) console.log(verdict(bar));
  // --only ours, or no peer installed
  const isAlone = Object.keys(runs).length === 1;
  const same = isAlone
    ? "ONLY  ours was restored, nothing to compare its files with; it starts and counts right"
    : "PASS  all restored the same files; ours starts and counts right";
  if (wrong.length === 0) console.log(same);
  for (const what of wrong) console.log(`FAIL  ${what}`);
}

const peers = findPeers(values.peers, values.only?.split(","));
const archive = await openArchive(peers, { bytes: parseSize(values.size), segments: Number(values.segments) });
await using server = await startS3(peers.versitygw, archive.s3Dir, peers.walE !== undefined);
const wanted = formats.filter((format) => values.format === "all" || values.format.split(",").includes(format));
const results: Result[] = [];
for (const format of wanted) {
  if (!archive.facts.formats.includes(format)) continue;
  const result = await compare(format, peers, server, archive);
  results.push(result);
  if (!values.json) print(result);
}
if (values.json) console.log(JSON.stringify({ dataBytes: archive.facts.dataBytes, results }, undefined, 2));
