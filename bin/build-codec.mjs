#!/usr/bin/env node
// Compiles src/archive/codec/assembly (AssemblyScript) to codec.wasm, and writes beside it what it was made from.
// The compiler is fetched by npx and is no dependency: it brings 94 MB, and the module changes rarely.
// `node bin/build-codec.mjs FOLDER` writes into FOLDER instead, `--hash` only says what the sources' hash is.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const compiler = "assemblyscript@0.28.20";
const flags = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--enable", "bulk-memory", "--noColors"];
const codec = resolve(import.meta.dirname, "../src/archive/codec");
const assembly = join(codec, "assembly");

/** SHA-256 over name and text of each source, the compiler's version and its flags. */
function hashSources() {
  const hash = createHash("sha256").update(`${compiler} ${flags.join(" ")}\n`);
  const names = readdirSync(assembly).filter((name) => name.endsWith(".as.ts"));
  for (const name of names.toSorted()) hash.update(`${name}\n`).update(readFileSync(join(assembly, name)));
  return hash.digest("hex");
}

/** Compiles into `folder`: codec.wasm and codec.wasm.json. */
function buildCodec(folder) {
  const wasm = join(folder, "codec.wasm");
  execFileSync("npx", ["--yes", "-p", compiler, "asc", "codec.as.ts", "-o", wasm, ...flags], {
    cwd: assembly,
    stdio: "inherit",
  });
  const facts = { compiler, flags: flags.join(" "), sources: hashSources(), wasm: sha256(readFileSync(wasm)) };
  writeFileSync(join(folder, "codec.wasm.json"), `${JSON.stringify(facts, undefined, 2)}\n`);
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

const [wish] = process.argv.slice(2);
if (wish === "--hash") process.stdout.write(`${hashSources()}\n`);
else buildCodec(resolve(wish ?? codec));
