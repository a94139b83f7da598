import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { extractTar, nothingSeen, type ExtractionTarget } from "../../src/archive/restore/extract.ts";
import { tarEnd, tarHeader, tarPadding } from "../../src/archive/tar/tar-writer.ts";
import { readTar } from "../../src/archive/tar/tar.ts";

const run = promisify(execFile);

async function* chunks(bytes: Buffer, size = 700): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function namesAndSizes(bytes: Buffer): Promise<Array<[string, string, number]>> {
  const members: Array<[string, string, number]> = [];
  for await (const member of readTar(chunks(bytes), "part")) members.push([member.name, member.kind, member.sizeBytes]);
  return members;
}

async function inTemp<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp("/tmp/drawbridge-tar-");
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function targetIn(dir: string): ExtractionTarget {
  return {
    into: join(dir, "into"),
    tablespacesDir: join(dir, "ts"),
    owner: undefined,
    seen: nothingSeen(),
    onBytes: () => undefined,
  };
}

function member(name: string, content = "", kind: "file" | "directory" = "file"): Buffer {
  const body = Buffer.from(content);
  const header = tarHeader({ name, kind, sizeBytes: body.length, mode: 0o600, modifiedAt: new Date(0) });
  return Buffer.concat([header, body, tarPadding(body.length)]);
}

/** A link member: our writer makes none, so the type is put in and the sum corrected. */
function link(name: string, type: "1" | "2", to: string): Buffer {
  const header = tarHeader({ name, kind: "file", sizeBytes: 0, mode: 0o777, modifiedAt: new Date(0) });
  header.write(type, 156);
  header.write(to, 157);
  header.write("        ", 148);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return header;
}

describe("the tar reader", () => {
  test.each(["gnu", "pax", "ustar", "v7"])("reads what GNU tar writes as %s", async (format) => {
    await inTemp(async (dir) => {
      const long =
        format === "gnu" || format === "pax" ? `${"d".repeat(90)}/${"f".repeat(120)}` : `${"d".repeat(40)}/f`;
      await mkdir(join(dir, "in", long.split("/")[0] ?? ""), { recursive: true });
      await writeFile(join(dir, "in", long), "x".repeat(1_300));
      await run("tar", [`--format=${format}`, "-cf", join(dir, "out.tar"), "-C", join(dir, "in"), long]);
      expect(await namesAndSizes(await readFile(join(dir, "out.tar")))).toEqual([[long, "file", 1_300]]);
    });
  });

  test("reads sizes beyond 8 GiB, which only base-256 can hold", async () => {
    const header = tarHeader({
      name: "big",
      kind: "file",
      sizeBytes: 9 * 2 ** 30,
      mode: 0o600,
      modifiedAt: new Date(0),
    });
    const members = readTar(chunks(header), "part");
    const first = await members.next();
    expect(first.done === true ? undefined : first.value.sizeBytes).toBe(9 * 2 ** 30);
  });

  test("any set of files comes back as it was written, whatever the sizes of the chunks", async () => {
    const name = fc
      .stringMatching(/^[a-zA-Z0-9é_/]{1,150}[a-z]$/)
      .filter((text) => !text.includes("//") && !text.startsWith("/"));
    const files = fc.uniqueArray(fc.record({ name, content: fc.string({ maxLength: 2_000 }) }), {
      selector: (file) => file.name,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 5_000 }), async (wanted, size) => {
        const bytes = Buffer.concat([...wanted.map((file) => member(file.name, file.content)), tarEnd()]);
        const found: typeof wanted = [];
        for await (const one of readTar(chunks(bytes, size), "part")) {
          const parts: Buffer[] = [];
          for await (const chunk of one.body()) parts.push(chunk);
          found.push({ name: one.name, content: Buffer.concat(parts).toString() });
        }
        expect(found).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });

  test("a stream cut anywhere is an error that names the object", async () => {
    const whole = Buffer.concat([member("a", "x".repeat(600)), member("b", "y"), tarEnd()]);
    for (const length of [0, 100, 512, 900, 1_536, 2_100, whole.length - 1_024]) {
      await expect(namesAndSizes(whole.subarray(0, length))).rejects.toThrow(/^part: ends too early/);
    }
  });

  test("something behind the end is an error", async () => {
    const bytes = Buffer.concat([member("a", "x"), tarEnd(), Buffer.alloc(1_000), Buffer.from("x")]);
    await expect(namesAndSizes(bytes)).rejects.toThrow(/behind the end/);
  });
});

describe("unpacking", () => {
  test("the root member named / is the data directory; host files stay out; local settings move aside", async () => {
    await inTemp(async (dir) => {
      const target = targetIn(dir);
      const members = [
        member("/", "", "directory"),
        member("pg_wal/000000010000000000000001", "x"),
        member("postmaster.pid", "1"),
        member("standby.signal"),
        member("postgresql.auto.conf", "port = 1"),
        member("global/pg_control", "control"),
        member("pg_tblspc/16386/PG_15/5/1", "row"),
      ];
      await extractTar(chunks(Buffer.concat([...members, tarEnd()])), "part", target);
      const there = await run("find", [".", "-type", "f"], { cwd: dir });
      expect(there.stdout.trim().split("\n").toSorted()).toEqual([
        "./into/global/pg_control.restoring",
        "./into/postgresql.auto.conf.from-archive",
        "./ts/16386/PG_15/5/1",
      ]);
      expect([...target.seen.tablespaceOids]).toEqual(["16386"]);
    });
  });

  test("a symlinked pg_wal becomes a directory of our own", async () => {
    await inTemp(async (dir) => {
      await extractTar(chunks(Buffer.concat([link("pg_wal", "2", "/elsewhere/wal"), tarEnd()])), "part", targetIn(dir));
      expect((await run("find", ["into", "-mindepth", "1", "-printf", "%y %P"], { cwd: dir })).stdout).toBe("d pg_wal");
    });
  });

  test.each([
    ["a name that climbs out", member("base/../../etc/passwd", "x")],
    ["a hard link that climbs out", link("base/1/1", "1", "../../etc/passwd")],
    ["a symlink below the top", link("base/1", "2", "/etc")],
  ])("%s is refused", async (_what, bytes) => {
    await inTemp(async (dir) => {
      await expect(extractTar(chunks(Buffer.concat([bytes, tarEnd()])), "part_7", targetIn(dir))).rejects.toThrow(
        /part_7/,
      );
    });
  });
});
