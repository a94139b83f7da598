import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alignedMemory } from "../../../src/archive/codec/wasm.ts";
import { openOut, outMemory, type OutMemory, type OutOptions } from "../../../src/archive/restore/out-file.ts";
import { inTemp, pieces } from "../tar/kit.ts";

const mib = 1024 * 1024;
const usual: OutOptions = { exclusive: true, owner: undefined, sizeBytes: 0, direct: true };
// O_DIRECT of Linux on x86 and ARM, as /proc shows it (octal)
const directFlags = 0o40_000 | 0o200_000;

/** How many descriptors of this process write that file past the page cache. */
function directDescriptors(path: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) !== path) return false;
      const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
      return (Number.parseInt(flags ?? "0", 8) & directFlags) !== 0;
    } catch {
      return false; // the one that the directory was read through
    }
  }).length;
}

/** Memory that the disk of this machine may refuse to write from directly. */
function crookedMemory(): OutMemory {
  return { gather: outMemory().gather, direct: new Uint8Array(alignedMemory(mib + 65_536).buffer, 1, mib) };
}

function writeAll(path: string, content: Buffer, sizes: readonly number[], memory: OutMemory): void {
  const file = openOut(path, { ...usual, exclusive: false, sizeBytes: content.length }, memory);
  for (const piece of pieces(content, sizes)) file.write(piece);
  file.close();
}

describe("a file that is written from its beginning to its end", () => {
  it("has what it was given: any length, any pieces, through the page cache, past it, and where the disk refuses that", () =>
    inTemp(async (dir) => {
      const source = randomBytes(7 * mib);
      const memories = [outMemory(), crookedMemory(), { gather: outMemory().gather }];
      const length = fc.oneof(
        fc.nat({ max: source.length }),
        fc.tuple(fc.nat({ max: 6 }), fc.integer({ min: -2, max: 2 })).map(([m, by]) => Math.max(0, m * mib + by)),
        fc.nat({ max: 1500 }).map((blocks) => blocks * 4096),
      );
      const sizes = fc.array(fc.integer({ min: 500, max: 3 * mib }), { minLength: 1, maxLength: 5 });
      fc.assert(
        fc.property(length, sizes, fc.constantFrom(...memories), (bytes, cut, memory) => {
          const path = join(dir, "1259");
          const content = source.subarray(0, bytes);
          writeAll(path, content, cut, memory);
          expect(readFileSync(path).equals(content)).toBe(true);
        }),
        { numRuns: 60 },
      );
    }));

  it("goes past the page cache only when it is large and was told to", () =>
    inTemp(async (dir) => {
      const memory = outMemory();
      const descriptors = (name: string, options: Partial<OutOptions>): number => {
        const path = join(dir, name);
        const file = openOut(path, { ...usual, ...options }, memory);
        const count = directDescriptors(path);
        file.abandon();
        expect(directDescriptors(path)).toBe(0);
        return count;
      };
      expect(descriptors("large", { sizeBytes: 4 * mib })).toBe(1);
      expect(descriptors("small", { sizeBytes: 4 * mib - 1 })).toBe(0);
      expect(descriptors("not-told", { sizeBytes: 4 * mib, direct: false })).toBe(0);
    }));

  it("replaces a longer one that an earlier try left, or refuses it, and nobody else may read it", () =>
    inTemp(async (dir) => {
      const path = join(dir, "2619");
      writeFileSync(path, randomBytes(9 * mib));
      const options = { ...usual, sizeBytes: 5 * mib };
      expect(() => openOut(path, options, outMemory())).toThrow("EEXIST");
      expect(statSync(path).size).toBe(9 * mib);
      const content = randomBytes(5 * mib + 17);
      writeAll(path, content, [mib], outMemory());
      expect(readFileSync(path).equals(content)).toBe(true);
      openOut(join(dir, "2620"), options, outMemory()).close();
      expect(statSync(join(dir, "2620")).mode & 0o777).toBe(0o600);
    }));

  it("given up, it stays half and can be written again", () =>
    inTemp(async (dir) => {
      const path = join(dir, "2621");
      const content = randomBytes(5 * mib);
      const memory = outMemory();
      const half = openOut(path, { ...usual, sizeBytes: content.length }, memory);
      half.write(content.subarray(0, 2_500_000));
      half.abandon();
      expect(statSync(path).size).toBeLessThan(content.length);
      writeAll(path, content, [700_000], memory);
      expect(readFileSync(path).equals(content)).toBe(true);
    }));
});
