import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { link, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inTemp, readAll } from "./kit.ts";

const run = promisify(execFile);
const hasPython = spawnSync("python3", ["-c", "import tarfile"]).status === 0;

/** Something to be packed: sizes sit around multiples of a block, names around the limits of the header. */
interface Node {
  readonly name: string;
  readonly kind: "file" | "symlink" | "hardlink" | "directory";
  readonly sizeBytes: number;
}

const piece = fc
  .oneof(
    fc.stringMatching(/^[a-z0-9_.-]{1,12}$/),
    fc.stringMatching(/^[a-zäöü€字]{30,60}$/),
    fc.constant("n".repeat(99)),
    fc.constant("n".repeat(100)),
    fc.constant("n".repeat(101)),
  )
  .filter((text) => text !== "." && text !== ".." && Buffer.byteLength(text) <= 240);

const sizeBytes = fc.oneof(
  fc.constantFrom(0, 1, 511, 512, 513, 1_023, 1_024, 1_025, 8_192, 10_240),
  fc.integer({ min: 0, max: 70_000 }),
);

const tree = fc.uniqueArray(
  fc.record({
    name: fc.array(piece, { minLength: 1, maxLength: 3 }).map((parts) => parts.map((part) => `d${part}`).join("/")),
    kind: fc.constantFrom<Node["kind"]>("file", "file", "file", "symlink", "hardlink", "directory"),
    sizeBytes,
  }),
  { selector: (node) => node.name, minLength: 1, maxLength: 8 },
);

const cuts = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 4 });

/** Lays the tree out; what would lie under a file or link is left out. */
async function plant(root: string, nodes: readonly Node[]): Promise<void> {
  await writeFile(join(root, "0first"), "the target of hard links");
  for (const [index, node] of nodes.entries()) {
    const path = join(root, node.name);
    const made = await mkdir(dirname(path), { recursive: true }).then(
      () => true,
      () => false,
    );
    if (!made) continue;
    const content = Buffer.alloc(node.sizeBytes, `${index} `);
    const act = {
      file: () => writeFile(path, content, { flag: "wx" }),
      symlink: () => symlink(`/elsewhere/${"t".repeat(index * 20)}`, path),
      hardlink: () => link(join(root, "0first"), path),
      directory: () => mkdir(path, { recursive: true }).then(() => undefined),
    }[node.kind];
    await act().catch(() => undefined);
  }
}

/** What Python's tarfile reads, one line a member: kind, name, target and a digest of the content. */
async function listed(file: string): Promise<string[]> {
  const { stdout } = await run("python3", ["-c", lister, file], { maxBuffer: 2 ** 26 });
  return stdout.split("\n").slice(0, -1);
}

const lister = `
import sys, tarfile, hashlib
sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
t = tarfile.open(sys.argv[1])
for m in t:
    kind = "file" if m.isreg() else "directory" if m.isdir() else "symlink" if m.issym() else "hardlink"
    content = t.extractfile(m).read() if m.isreg() else b""
    print("|".join([kind, m.name.rstrip("/"), m.linkname, hashlib.md5(content).hexdigest()]))
`;

/** The same lines from our parser. */
function ours(bytes: Buffer, sizes: readonly number[]): string[] {
  return readAll(bytes, sizes).map(({ kind, name, linkName, content }) => {
    const hash = createHash("md5").update(content).digest("hex");
    return [kind, name.replace(/\/+$/, ""), kind.endsWith("link") ? linkName : "", hash].join("|");
  });
}

describe.skipIf(!hasPython)("the tar parser reads what real tools write", () => {
  test.each(["gnu", "pax", "ustar", "oldgnu"])(
    "GNU tar --format=%s: random trees, whatever the sizes of the pieces",
    async (format) => {
      await fc.assert(
        fc.asyncProperty(tree, cuts, async (nodes, sizes) => {
          await inTemp(async (dir) => {
            await mkdir(join(dir, "in"));
            await plant(join(dir, "in"), nodes);
            const file = join(dir, "out.tar");
            // ustar cannot hold every name: tar says so and leaves the member out
            await run("tar", [`--format=${format}`, "-cf", file, "-C", join(dir, "in"), "."]).catch(() => undefined);
            expect(ours(await readFile(file), sizes)).toEqual(await listed(file));
          });
        }),
        { numRuns: 6 },
      );
    },
  );

  test.each(["GNU_FORMAT", "PAX_FORMAT"])("Python's tarfile in stream mode, %s, as wal-e writes", async (format) => {
    const writer = `
import sys, tarfile
t = tarfile.open(fileobj=open(sys.argv[2], "wb"), mode="w|", format=tarfile.${format})
t.add(sys.argv[1], arcname="/")
t.close()`;
    await fc.assert(
      fc.asyncProperty(tree, cuts, async (nodes, sizes) => {
        await inTemp(async (dir) => {
          await mkdir(join(dir, "in"));
          await plant(join(dir, "in"), nodes);
          const file = join(dir, "out.tar");
          await run("python3", ["-c", writer, join(dir, "in"), file]);
          expect(ours(await readFile(file), sizes)).toEqual(await listed(file));
        });
      }),
      { numRuns: 4 },
    );
  });
});
