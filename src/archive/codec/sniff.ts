import { damage } from "./damage.ts";

/** How an object is compressed. */
export type Compression = "lzop" | "lz4" | "zstd" | "brotli" | "gzip" | "none";

const byExtension: Readonly<Record<string, Compression | "lzma">> = {
  lzo: "lzop",
  lz4: "lz4",
  zst: "zstd",
  br: "brotli",
  gz: "gzip",
  lzma: "lzma",
};

const magics: ReadonlyArray<readonly [compression: Compression, magic: Buffer]> = [
  ["lzop", Buffer.from("894c5a4f000d0a1a0a", "hex")],
  ["lz4", Buffer.from("04224d18", "hex")],
  ["zstd", Buffer.from("28b52ffd", "hex")],
  ["gzip", Buffer.from("1f8b", "hex")],
];

/** How many of an object's first bytes `sniff` wants to see; fewer only where the object is shorter. */
export const sniffedBytes = 64;

/** Extensions an archive may use, in the order in which they are looked for. `lzma` is found, then refused. */
export const compressedExtensions: readonly string[] = Object.keys(byExtension);

/**
 * How an object is compressed, from its name's extension and its first bytes. Brotli and plain content have no mark of
 * their own, so there the name alone speaks, unless the bytes belong to something else.
 * @throws DrawbridgeError `DB_ARCHIVE_INVALID` when they disagree, and for encrypted objects, error pages and LZMA.
 */
export function sniff(key: string, head: Uint8Array): Compression {
  const named = byExtension[key.slice(key.lastIndexOf(".") + 1)] ?? "none";
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (isErrorPage(bytes)) throw damage(key, `it is an error page and no object of an archive: ${shown(bytes)}`);
  if (named === "lzma") {
    throw damage(
      key,
      "it is compressed with LZMA, which Drawbridge does not read; have the archive written with lz4, zstd or brotli " +
        "(WALG_COMPRESSION_METHOD), or copy it into a folder, unpack each object with `xz --format=lzma -d` and use file://",
    );
  }
  if (isOpenPgp(bytes)) throw damage(key, `it is encrypted with OpenPGP (GPG). ${howToDecrypt}`);
  const marked = markOf(bytes, named);
  if (marked === named || (named === "none" && marked !== undefined)) return marked;
  if (marked !== undefined) throw damage(key, `its name says ${named}, its first bytes say ${marked}`);
  if (named === "brotli" || named === "none") return named;
  if (bytes.length === 0) throw damage(key, "it is empty");
  throw damage(
    key,
    `it is not ${named} data (it starts with ${bytes.toString("hex", 0, 8)}): damaged, or encrypted by its writer ` +
      `(GPG, libsodium or a key of KMS). ${howToDecrypt}`,
  );
}

const howToDecrypt =
  "Drawbridge does not decrypt: ask for an archive without encryption, or copy it into a folder, decrypt each object " +
  "there with the writer's own tool and use file://";

/** What the first bytes say. An object that is shorter than its own mark still counts as marked: its decoder calls it cut. */
function markOf(bytes: Buffer, named: Compression): Compression | undefined {
  const found = magics.find(([compression, magic]) => {
    if (compression === named && bytes.length > 0 && bytes.length < magic.length) {
      return magic.subarray(0, bytes.length).equals(bytes);
    }
    return bytes.subarray(0, magic.length).equals(magic);
  })?.[0];
  // 1f 8b may well begin a brotli stream; the longer marks do so less often than disks err
  return found === "gzip" && named === "brotli" ? undefined : found;
}

/** So much white space may stand before an error page's first word. The bytes may be 8 MiB, and a text of them is a copy. */
const pageStartBytes = 1_024;

/** What S3, proxies and web servers say instead of an object. No brotli stream begins with `<`: its reserved bit is set. */
function isErrorPage(bytes: Buffer): boolean {
  return /^(\xef\xbb\xbf)?\s*<(\?xml|!doctype|html|error|head|body)/i.test(bytes.toString("latin1", 0, pageStartBytes));
}

function shown(bytes: Buffer): string {
  return JSON.stringify(bytes.toString("latin1", 0, 40));
}

/**
 * An encrypted OpenPGP message begins with a session key packet: tag 1 (for a public key, version 3 or 6) or tag 3 (for a
 * passphrase, version 4 to 6), with its length in the old or the new form (RFC 9580, 4.2).
 */
function isOpenPgp(bytes: Buffer): boolean {
  if (bytes.toString("latin1", 0, 15) === "-----BEGIN PGP ") return true;
  const [tag = 0, second = 0] = bytes;
  const isNew = tag === 0xc1 || tag === 0xc3;
  const lengthBytes = isNew ? (second < 192 ? 1 : second < 224 ? 2 : 5) : { 0x84: 1, 0x85: 2, 0x8c: 1, 0x8d: 2 }[tag];
  if (lengthBytes === undefined) return false;
  const version = bytes[1 + lengthBytes] ?? 0;
  const isPublicKey = tag === 0x84 || tag === 0x85 || tag === 0xc1;
  return isPublicKey ? version === 3 || version === 6 : version >= 4 && version <= 6;
}
