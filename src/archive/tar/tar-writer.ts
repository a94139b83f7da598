/** What a tar header says of the file that follows. */
export interface TarHeader {
  /** Directories end in a slash. Longer than 100 bytes: preceded by a GNU `L` record. */
  readonly name: string;
  readonly kind: "file" | "directory";
  readonly sizeBytes: number;
  readonly mode: number;
  readonly modifiedAt: Date;
}

const block = 512;

/** Header blocks of one member in GNU format, which is what Heroku's fork of WAL-E writes. */
export function tarHeader(header: TarHeader): Buffer {
  const name = Buffer.from(header.name);
  const own = headerBlock(name.subarray(0, 100), header.kind === "directory" ? "5" : "0", header);
  if (name.length <= 100) return own;
  const long = Buffer.concat([name, Buffer.from([0])]);
  const record = { ...header, sizeBytes: long.length };
  return Buffer.concat([headerBlock(Buffer.from("././@LongLink"), "L", record), long, tarPadding(long.length), own]);
}

/** Zeros that fill a member's last block. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((block - (sizeBytes % block)) % block);
}

/** The end of an archive: two zero blocks. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * block);
}

function headerBlock(name: Buffer, type: string, header: TarHeader): Buffer {
  const out = Buffer.alloc(block);
  name.copy(out, 0);
  out.write(octal(header.mode, 7), 100);
  out.write(octal(0, 7), 108);
  out.write(octal(0, 7), 116);
  writeSize(out, header.sizeBytes);
  out.write(octal(Math.floor(header.modifiedAt.getTime() / 1000), 11), 136);
  out.write("        ", 148);
  out.write(type, 156);
  out.write("ustar  \0", 257, "latin1");
  out.write("postgres", 265);
  out.write("postgres", 297);
  const sum = out.reduce((total, byte) => total + byte, 0);
  out.write(`${octal(sum, 6)}\0 `, 148);
  return out;
}

/** Octal where it fits (8 GiB), base-256 beyond. */
function writeSize(out: Buffer, sizeBytes: number): void {
  if (sizeBytes < 8 ** 11) {
    out.write(octal(sizeBytes, 11), 124);
    return;
  }
  out.writeUInt8(0x80, 124);
  out.writeBigUInt64BE(BigInt(sizeBytes), 128);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
