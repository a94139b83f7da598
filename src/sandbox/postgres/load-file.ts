import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { execa } from "execa";
import { DrawbridgeError } from "../../errors.ts";
import { redact, type Secret } from "../../redact.ts";

/** A person's own data, and where to put it. */
export interface LoadOptions {
  /** A plain SQL file, or one of `pg_dump -Fc`. */
  readonly file: string;
  /** Directory of `psql` and `pg_restore`. */
  readonly clientBindir: string;
  readonly url: Secret;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads the file as the role of the URL: whose the objects were and who had rights on them stays behind.
 * @throws DrawbridgeError `DB_BAD_INPUT` with the first error and, for SQL, its line.
 */
export async function loadFile({ file, clientBindir, url, signal }: LoadOptions): Promise<void> {
  const at = new URL(url.reveal());
  const where = [
    "-h",
    at.hostname,
    "-p",
    at.port,
    "-U",
    decodeURIComponent(at.username),
    "-d",
    decodeURIComponent(at.pathname.slice(1)),
  ];
  const how = {
    env: { PGPASSWORD: decodeURIComponent(at.password) },
    reject: false,
    ...(signal ? { cancelSignal: signal } : {}),
  } as const;
  const isArchive = await beginsWith(file, "PGDMP");
  const result = isArchive
    ? await execa(
        join(clientBindir, "pg_restore"),
        ["--no-owner", "--no-privileges", "--exit-on-error", ...where, file],
        how,
      )
    : await execa(
        join(clientBindir, "psql"),
        ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", ...where, "-f", "-"],
        {
          ...how,
          input: Readable.from(withoutOwners(file)),
        },
      );
  signal?.throwIfAborted();
  if (!result.failed) return;
  const words = String(result.stderr).trim().slice(0, 2_000).replaceAll("psql:<stdin>:", `${file}, line `);
  throw new DrawbridgeError(
    "DB_BAD_INPUT",
    `${file} cannot be loaded: ${redact(words === "" ? (result.shortMessage ?? "") : words)}`,
  );
}

async function beginsWith(file: string, magic: string): Promise<boolean> {
  try {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(magic.length), 0, magic.length, 0);
    return buffer.subarray(0, bytesRead).toString("latin1") === magic;
  } catch (cause) {
    throw new DrawbridgeError("DB_BAD_INPUT", `${file} cannot be read`, { cause });
  }
}

/** Statements of a plain `pg_dump` that `--no-owner --no-privileges` would leave out, and a setting only newer servers know. */
const leftOut =
  /^(ALTER (?!DEFAULT PRIVILEGES).* OWNER TO .*;|ALTER DEFAULT PRIVILEGES .*;|(GRANT|REVOKE) .*;|SET transaction_timeout = 0;)$/;

/** The file's lines, with an empty one for each that is left out, so that psql's line numbers stay true. Rows of COPY are not looked at. */
export async function* withoutOwners(file: string): AsyncGenerator<string> {
  let inCopy = false;
  for await (const line of createInterface({
    input: createReadStream(file, "utf8"),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    if (inCopy) inCopy = line !== "\\.";
    else if (/^COPY .* FROM stdin;$/i.test(line)) inCopy = true;
    else if (leftOut.test(line)) {
      yield "\n";
      continue;
    }
    yield `${line}\n`;
  }
}
