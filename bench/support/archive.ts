import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Peers } from "./peers.ts";
import { type S3Server, startS3 } from "./s3-server.ts";
import { makeSource, makeWal, segmentsOf } from "./source-cluster.ts";
import { freshDir, ownDir, say } from "./system.ts";
import { backUpAsWalE, backUpAsWalG } from "./write-backups.ts";
import { writeWalLz4, writeWalLzo } from "./write-wal.ts";

/** Every kind of archive that is measured; also the prefix of its keys in the bucket. */
export const formats = ["wal-e", "wal-g-lz4", "wal-g-zstd", "wal-g-brotli"] as const;
/** One of {@link formats}. */
export type Format = (typeof formats)[number];

const factsSchema = z.object({
  /** Bytes of the data directory's files as the WAL-E sentinel counts them. */
  dataBytes: z.number(),
  /** Rows of the table `event`, the same in every backup. */
  events: z.string(),
  /** The formats that could be made with the peers that were installed. */
  formats: z.array(z.enum(formats)),
  /** Segments from the start of the WAL-E backup to the end of the archive. */
  segments: z.array(z.string()),
});
/** What is known of an archive. */
export type Facts = z.infer<typeof factsSchema>;

/** A cached archive: `s3/` is the S3 server's folder, `wal/` holds the segments uncompressed. */
export interface Archive {
  readonly home: string;
  readonly s3Dir: string;
  readonly walDir: string;
  readonly facts: Facts;
}

/** What an archive is to hold. */
export interface Wanted {
  /** Size of the database. */
  readonly bytes: number;
  /** WAL segments behind the base backups; 0: only those that the backups need. */
  readonly segments: number;
  /** Absent: all for which a writer is installed. */
  readonly formats?: readonly Format[];
}

/** Where archives are kept; delete it to have them made anew. */
const cacheDir = "/var/tmp/bench";

/** The archive that is wanted, made on the first call (some ten minutes for 4 GB) and kept in {@link cacheDir}. */
export async function openArchive(peers: Peers, wanted: Wanted): Promise<Archive> {
  const { bytes, segments } = wanted;
  const home = ownDir(join(ownDir(cacheDir), `pg15-${bytes / 1e6}MB-${segments}wal`));
  const factsFile = join(home, "facts.json");
  if (!existsSync(factsFile)) await makeArchive(peers, home, wanted);
  const content: unknown = JSON.parse(readFileSync(factsFile, "utf8"));
  return { home, s3Dir: join(home, "s3"), walDir: join(home, "wal"), facts: factsSchema.parse(content) };
}

async function makeArchive(peers: Peers, home: string, wanted: Wanted): Promise<void> {
  say(`making an archive in ${home}`);
  freshDir(join(home, "s3"));
  await using server = await startS3(peers.versitygw, join(home, "s3"), peers.walE !== undefined);
  const facts = await withSource(peers, server, home, wanted);
  freshDir(join(home, "cluster"));
  writeFileSync(join(home, "facts.json"), JSON.stringify(facts, undefined, 2));
}

async function withSource(peers: Peers, server: S3Server, home: string, wanted: Wanted): Promise<Facts> {
  await using source = await makeSource(home, wanted.bytes);
  say("wal-e backup");
  const { dataBytes, startSegment } = await backUpAsWalE(peers, server, source, home);
  const made: Format[] = ["wal-e"];
  for (const method of ["lz4", "zstd", "brotli"] as const) {
    if (peers.walG === undefined || wanted.formats?.includes(`wal-g-${method}`) === false) continue;
    say(`wal-g backup, ${method}`);
    await backUpAsWalG(peers.walG, method, server, source, home);
    made.push(`wal-g-${method}`);
  }
  const early = segmentsOf(source);
  if (wanted.segments > 0) await makeWal(source, wanted.segments + 10);
  const all = segmentsOf(source).filter((name) => name >= startSegment);
  say(`compressing ${all.length} WAL segments`);
  await writeWalLzo(server, "wal-e", source.walDir, all);
  for (const format of made.filter((one) => one !== "wal-e")) {
    // the base backups need only the first few; the WAL itself is measured as .lzo and .lz4
    const names = format === "wal-g-lz4" ? all : early.filter((name) => name >= startSegment);
    await writeWalLz4(server, format, source.walDir, names);
  }
  const client = await source.connect();
  try {
    const { rows } = await client.query<{ events: string }>("SELECT count(*)::text AS events FROM event");
    return { dataBytes, events: rows[0]?.events ?? "", formats: made, segments: all };
  } finally {
    await client.end();
  }
}
