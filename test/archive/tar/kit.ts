import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Extraction, type ExtractionTarget } from "../../../src/archive/restore/extract.ts";
import { FileWriter } from "../../../src/archive/restore/file-writer.ts";
import type { PartFacts } from "../../../src/archive/restore/part-facts.ts";
import type { TarMember } from "../../../src/archive/tar/tar-header.ts";
import { TarParser } from "../../../src/archive/tar/tar-parser.ts";
import { tarHeader, tarPadding } from "../../../src/archive/tar/tar-writer.ts";

/** A member as it was read, with its content. */
export interface ReadMember extends TarMember {
  readonly content: Buffer;
}

/** Cuts bytes into pieces whose sizes come from `sizes`, over and over. */
export function* pieces(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** All members of a tar stream that is pushed in pieces. */
export function readAll(bytes: Buffer, sizes: readonly number[] = [700]): ReadMember[] {
  const found: ReadMember[] = [];
  let parts: Buffer[] = [];
  let open: TarMember | undefined;
  const parser = new TarParser("part_7", {
    open: (member) => ((open = member), (parts = [])),
    data: (piece) => parts.push(Buffer.from(piece)),
    close: () => open && found.push({ ...open, content: Buffer.concat(parts) }),
  });
  for (const piece of pieces(bytes, sizes)) parser.push(piece);
  parser.end();
  return found;
}

/** Unpacks a tar stream as a part worker does. */
export function unpack(
  bytes: Buffer,
  target: ExtractionTarget,
  sizes: readonly number[] = [65_536],
  existing: "refused" | "replaced" = "refused",
): PartFacts {
  const key = "part_7";
  const files = new FileWriter({ target, key, existing });
  const extraction = new Extraction({ key, files });
  const parser = new TarParser(key, extraction);
  try {
    for (const piece of pieces(bytes, sizes)) parser.push(piece);
    parser.end();
    return extraction.finish();
  } finally {
    files.abandon();
  }
}

/** The two directories of a restore, below `dir`. */
export async function targetIn(dir: string): Promise<ExtractionTarget> {
  const target = { into: join(dir, "into"), tablespacesDir: join(dir, "ts"), owner: undefined };
  for (const path of [target.into, target.tablespacesDir]) await mkdir(path, { recursive: true });
  return target;
}

export async function inTemp<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp("/tmp/drawbridge-tar-");
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A whole member as our own writer makes it. */
export function member(name: string, content = "", kind: "file" | "directory" = "file"): Buffer {
  const body = Buffer.from(content);
  const header = tarHeader({ name, kind, sizeBytes: body.length, mode: 0o600, modifiedAt: new Date(0) });
  return Buffer.concat([header, body, tarPadding(body.length)]);
}

/** A member without content of any type: our writer makes none of these, so the type is put in and the sum corrected. */
export function special(name: string, type: string, to = ""): Buffer {
  const header = tarHeader({ name, kind: "file", sizeBytes: 0, mode: 0o777, modifiedAt: new Date(0) });
  header.write(type, 156);
  header.write(to, 157);
  return withSum(header);
}

/** The header with its checksum made right again. */
export function withSum(header: Buffer): Buffer {
  header.write("        ", 148);
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}
