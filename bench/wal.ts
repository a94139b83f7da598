import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatWalLsn, segmentStart, usualSegmentBytes } from "../src/archive/format/wal-names.ts";
import { type Archive, openArchive } from "./support/archive.ts";
import { type Timed, undisturbed, watchSteal } from "./support/machine.ts";
import { type Bar, median, parseSize, table, verdict } from "./support/numbers.ts";
import { startCourier } from "./support/our-courier.ts";
import { ourRestore } from "./support/ours.ts";
import { findPeers, type Peers, walECommand, walGEnv } from "./support/peers.ts";
import { replay, type Replayed, type ReplayOptions } from "./support/replay.ts";
import { type S3Server, startS3 } from "./support/s3-server.ts";
import { type Command, freshDir, output, say, settle } from "./support/system.ts";

/**
 * WAL: how fast segments are fetched one after the other, and how much longer a standby takes to replay them out of the
 * archive than out of its own `pg_wal`.
 * `node bench/wal.ts [--size 4GB] [--runs 3] [--fetch 100] [--what fetch|replay|all] [--peers DIR] [--json]`
 */
const { values } = parseArgs({
  options: {
    size: { type: "string", default: "4GB" },
    segments: { type: "string", default: "250" },
    runs: { type: "string", default: "3" },
    fetch: { type: "string", default: "100" },
    what: { type: "string", default: "all" },
    only: { type: "string" },
    peers: { type: "string", default: "/var/tmp/peers" },
    json: { type: "boolean", default: false },
  },
});
const runs = Number(values.runs);

/** Seconds of each run, by who ran. */
type Runs = Record<string, number[]>;

interface Result {
  readonly title: string;
  readonly runs: Runs;
  readonly bars: readonly Bar[];
}

/** A restore_command for the loop, with what it runs in. `%f` and `%p` as PostgreSQL has them. */
type Fetcher = (
  work: (restoreCommand: string, wrap: (argv: readonly string[]) => Command) => Promise<Timed>,
) => Promise<Timed>;

function fetchersFor(
  peers: Peers,
  server: S3Server,
  archive: Archive,
  format: "wal-e" | "wal-g-lz4",
): [string, Fetcher][] {
  const { walG, walE } = peers;
  const ours: Fetcher = async (work) => {
    await using courier = await startCourier(server, format, join(archive.home, "courier"));
    return await work(courier.restoreCommand, (argv) => ({ argv }));
  };
  const fetchers: [string, Fetcher][] = [["ours", ours]];
  if (walG !== undefined) {
    const env = walGEnv(server, format, join(archive.home, "wal-g-home"));
    fetchers.push(["wal-g", (work) => work(`${walG} wal-fetch "%f" "%p"`, (argv) => ({ argv, env }))]);
  }
  if (walE !== undefined && format === "wal-e") {
    const wrap = (argv: readonly string[]): Command => walECommand(argv, server, format, archive.home);
    fetchers.push(["wal-e", (work) => work(`${walE} wal-fetch -p 8 "%f" "%p"`, wrap)]);
  }
  return fetchers;
}

/** Fetches the archive's last segments as PostgreSQL would: a shell for each, then the file gets its name. */
async function measureFetch(
  peers: Peers,
  server: S3Server,
  archive: Archive,
  format: "wal-e" | "wal-g-lz4",
): Promise<Result> {
  // the last ones, so that nobody goes on with fetching ahead when it is over
  const names = archive.facts.segments.slice(-Number(values.fetch));
  const seconds: Runs = {};
  const fetchers = fetchersFor(peers, server, archive, format);
  const into = join(archive.home, "fetched");
  const inputs = [join(archive.s3Dir, "bench", format, "wal_005")];
  for (let run = 0; run < runs; run += 1) {
    const first = run % fetchers.length;
    for (const [who, fetcher] of [...fetchers.slice(first), ...fetchers.slice(0, first)]) {
      const once = (): Promise<Timed> =>
        fetcher(async (restoreCommand, wrap) => {
          freshDir(into);
          await settle(inputs);
          const stolen = watchSteal();
          const begun = performance.now();
          await output(wrap(["sh", "-c", fetchLoop(into, names, restoreCommand)]));
          return { wallSeconds: (performance.now() - begun) / 1000, stolenSeconds: stolen() };
        });
      await noteRun(seconds, who, `${format} fetch ${who}`, once);
      if (run === 0) checkFetched(who, into, archive.walDir, names);
    }
  }
  rmSync(into, { recursive: true, force: true });
  const [ours, theirs] = [seconds["ours"], seconds["wal-g"]];
  const value = ours && theirs && median(theirs) / median(ours);
  const extension = format === "wal-e" ? ".lzo" : ".lz4";
  return {
    title: `fetching ${names.length} segments (${extension}) one after the other`,
    runs: seconds,
    bars: value === undefined ? [] : [{ what: "rate, ours / wal-g", value, limit: 3, kind: "least" }],
  };
}

/**
 * A shell line that asks `restoreCommand` for each segment below `into`, under its own name at once: PostgreSQL renames it by itself, which a
 * shell could only do with another process.
 */
function fetchLoop(into: string, names: readonly string[], restoreCommand: string): string {
  const each = restoreCommand
    .replaceAll("%f", "$f")
    .replaceAll("%p", "$f")
    .replaceAll("%r", names[0] ?? "")
    .replaceAll("%%", "%");
  return `cd '${into}' && for f in ${names.join(" ")}; do export f; sh -c '${each.replaceAll("'", `'\\''`)}' || exit 1; done`;
}

/** Measures, says and keeps one run of `who`. */
async function noteRun(seconds: Runs, who: string, title: string, measureOnce: () => Promise<Timed>): Promise<void> {
  const load = loadavg()[0] ?? 0;
  const { wallSeconds, stolenSeconds } = await undisturbed(title, measureOnce);
  seconds[who] = [...(seconds[who] ?? []), wallSeconds];
  say(
    `${title}: ${wallSeconds.toFixed(2)} s, load ${load.toFixed(1)}, stolen by the host ${stolenSeconds.toFixed(1)} s`,
  );
}

/** @throws when a fetched segment is not what the source archived. */
function checkFetched(who: string, dir: string, walDir: string, names: readonly string[]): void {
  const digest = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
  for (const name of names) {
    if (digest(join(dir, name)) !== digest(join(walDir, name))) throw new Error(`${who} fetched a wrong ${name}`);
  }
}

async function measureReplay(server: S3Server, archive: Archive): Promise<Result> {
  const { segments, events } = archive.facts;
  const base = join(archive.home, "base");
  if (!existsSync(join(base, "global/pg_control"))) {
    say("restoring the base backup that each replay starts from");
    await output(ourRestore(server, "wal-e", freshDir(base)));
  }
  const untilLsn = formatWalLsn(segmentStart(segments.at(-1) ?? "", usualSegmentBytes) + BigInt(usualSegmentBytes));
  const common = { base, dataDir: join(archive.home, "replayed"), walDir: archive.walDir, segments, untilLsn };
  const seconds: Runs = {};
  const once = async (
    who: string,
    from?: Pick<ReplayOptions, "restoreCommand" | "inputs" | "onStart">,
  ): Promise<Replayed> => {
    const done = await replay({ ...common, ...from });
    if (done.events !== events) throw new Error(`${who}: ${done.events} events after the replay, not ${events}`);
    return done;
  };
  const local = (): Promise<Replayed> => once("pg_wal");
  const remote = async (format: "wal-e" | "wal-g-lz4"): Promise<Replayed> => {
    await using courier = await startCourier(
      server,
      format,
      join(archive.home, "courier"),
      join(common.dataDir, "pg_wal"),
    );
    const inputs = [join(archive.s3Dir, "bench", format, "wal_005")];
    const { restoreCommand } = courier;
    // nothing is fetched before the server starts, though a restore does so while its base backup is on the way
    const onStart = (): void => courier.startAt(segments[0] ?? "");
    return await once(format, { restoreCommand, inputs, onStart });
  };
  // what PostgreSQL itself takes for a restore_command that has nothing to do: a fork, two syncs and a rename for each segment
  const moved = async (): Promise<Replayed> => {
    const given = freshDir(join(archive.home, "given"));
    await output({ argv: ["cp", ...segments.map((name) => join(archive.walDir, name)), given] });
    const done = await once("mv", { restoreCommand: `mv ${given}/%f %p`, inputs: [given] });
    rmSync(given, { recursive: true });
    return done;
  };
  const turns: [string, () => Promise<Replayed>][] = [
    ["pg_wal", local],
    ["ours .lzo", () => remote("wal-e")],
    ["ours .lz4", () => remote("wal-g-lz4")],
    ["mv", moved],
  ];
  for (let run = 0; run < runs; run += 1) {
    const first = run % turns.length;
    for (const [who, turn] of [...turns.slice(first), ...turns.slice(0, first)]) {
      await noteRun(seconds, who, `replay ${who}`, turn);
    }
  }
  const here = median(seconds["pg_wal"] ?? []);
  const bars = ["ours .lzo", "ours .lz4"].map((who): Bar => {
    return { what: `replay, ${who} / pg_wal`, value: median(seconds[who] ?? []) / here, limit: 1.15, kind: "most" };
  });
  return { title: `replaying ${segments.length} segments`, runs: seconds, bars };
}

function print({ title, runs: seconds, bars }: Result): void {
  console.log(`\n${title}, medians of ${runs}`);
  const rows = Object.entries(seconds).map(([who, list]) => {
    return [who, `${median(list).toFixed(2)} s`, `${Math.min(...list).toFixed(2)}–${Math.max(...list).toFixed(2)}`];
  });
  console.log(table([["", "wall", "range"], ...rows]));
  for (const bar of bars) console.log(verdict(bar));
}

const peers = findPeers(values.peers, values.only?.split(","));
const archive = await openArchive(peers, { bytes: parseSize(values.size), segments: Number(values.segments) });
await using server = await startS3(peers.versitygw, archive.s3Dir, peers.walE !== undefined);
const results: Result[] = [];
const add = (result: Result): void => {
  results.push(result);
  if (!values.json) print(result);
};
if (values.what !== "replay") {
  add(await measureFetch(peers, server, archive, "wal-e"));
  if (archive.facts.formats.includes("wal-g-lz4")) add(await measureFetch(peers, server, archive, "wal-g-lz4"));
}
if (values.what !== "fetch") add(await measureReplay(server, archive));
if (values.json) console.log(JSON.stringify({ results }, undefined, 2));
