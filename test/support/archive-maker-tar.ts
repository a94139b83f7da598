import { tarEnd, tarHeader, tarPadding } from "../../src/archive/tar/tar-writer.ts";

/** What goes into a tar stream. */
export interface MadeMember {
  readonly name: string;
  /** `file` unless told; `link` is a hard link. */
  readonly kind?: "file" | "directory" | "symlink" | "link";
  readonly content?: Buffer;
  /** Of links. */
  readonly to?: string;
}

/** How members are written: as Python up to 3.7 did (`gnu`), or with a record before each member as it does since (`pax`). */
export type TarDialect = "gnu" | "pax";

/** What Python's tarfile fills a stream up to. */
const recordBytes = 10_240;

/** A whole tar stream. */
export function tarOf(members: readonly MadeMember[], dialect: TarDialect = "gnu"): Buffer {
  const parts = members.flatMap((member) => memberBlocks(member, dialect));
  const stream = Buffer.concat([...parts, tarEnd()]);
  return Buffer.concat([stream, Buffer.alloc((recordBytes - (stream.length % recordBytes)) % recordBytes)]);
}

/** Header blocks, content and padding of one member. */
export function memberBlocks(member: MadeMember, dialect: TarDialect = "gnu"): Buffer[] {
  const { kind = "file", content = Buffer.alloc(0), to = "" } = member;
  const name = kind === "directory" && !member.name.endsWith("/") ? `${member.name}/` : member.name;
  const record =
    dialect === "pax" ? paxRecord({ mtime: "1700000000.123456", ...(fits(name) ? {} : { path: name }) }) : [];
  const short = dialect === "pax" ? name.replace(/[^ -~]/g, "?").slice(0, 100) : name;
  const facts = { mode: 0o600, modifiedAt: new Date(1_700_000_000_000), sizeBytes: content.length };
  const header = tarHeader({ ...facts, name: short, kind: kind === "directory" ? "directory" : "file" });
  if (kind === "link") setType(header, "1", to);
  if (kind === "symlink") setType(header, "2", to);
  return [...record, header, content, tarPadding(content.length)];
}

/** Whether a header of its own can hold the name; Python puts all that is not ASCII into a record. */
function fits(name: string): boolean {
  return name.length <= 100 && Buffer.byteLength(name) === name.length;
}

function paxRecord(values: Readonly<Record<string, string>>): Buffer[] {
  const lines = Object.entries(values).map(([key, value]) => paxLine(`${key}=${value}\n`));
  const content = Buffer.concat(lines);
  const facts = { kind: "file", mode: 0o600, modifiedAt: new Date(0), sizeBytes: content.length } as const;
  const header = tarHeader({ ...facts, name: "././@PaxHeader" });
  setType(header, "x", "");
  return [header, content, tarPadding(content.length)];
}

/** The length at the front counts itself. */
function paxLine(rest: string): Buffer {
  const bytes = Buffer.byteLength(rest) + 1;
  let length = bytes + String(bytes).length;
  if (bytes + String(length).length !== length) length = bytes + String(length).length;
  return Buffer.from(`${length} ${rest}`);
}

function setType(header: Buffer, type: string, to: string): void {
  const own = header.subarray(header.length - 512);
  own.write(type, 156);
  own.write(to, 157);
  own.write("        ", 148);
  const sum = own.reduce((total, byte) => total + byte, 0);
  own.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
}
