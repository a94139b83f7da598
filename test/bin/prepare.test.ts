import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const prepare = join(root, "bin/prepare.mjs");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "drawbridge-prepare-"));
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A PATH with links to some programs and nothing else. */
function pathWith(name: string, ...programs: string[]): string {
  const bin = join(folder, name);
  mkdirSync(bin);
  for (const program of programs)
    symlinkSync(execFileSync("which", [program], { encoding: "utf8" }).trim(), join(bin, program));
  return bin;
}

function run(args: string[], env: NodeJS.ProcessEnv, options: { uid?: number; gid?: number } = {}) {
  const clean = { ...env, DRAWBRIDGE_PG_BINDIR: env["DRAWBRIDGE_PG_BINDIR"], npm_execpath: undefined };
  const done = spawnSync(process.execPath, args, { env: clean, encoding: "utf8", cwd: "/", ...options });
  return { status: done.status, said: done.stderr + done.stdout };
}

describe("preparation", () => {
  test("says in one line each what it found, and quickly", () => {
    const startedMs = Date.now();
    const { status, said } = run([prepare], process.env);
    expect(status, said).toBe(0);
    for (const thing of [
      "npm packages",
      "Node 24",
      "PostgreSQL 17",
      "source and bridge",
      "pg_dump",
      "redis-server",
      "lzop",
    ]) {
      expect(said).toContain(thing);
    }
    expect(said.trim().split("\n")).toHaveLength(7);
    expect(Date.now() - startedMs).toBeLessThan(5_000);
  });

  test("does not care about HOME", () => {
    expect(run([prepare], { ...process.env, HOME: "/nonexistent" }).status).toBe(0);
  });

  test("names the exact command and stops where there is no apt-get", () => {
    const { status, said } = run([prepare], { PATH: pathWith("without-apt", "node") });
    expect(status).toBe(1);
    expect(said).toContain("missing: redis-server, lzop");
    expect(said).toContain("sudo apt-get update && sudo apt-get install -y redis-server lzop");
  });

  test("uses the words of another system's package manager", () => {
    const PATH = pathWith("brew-only");
    writeFileSync(join(PATH, "brew"), "#!/bin/sh\n", { mode: 0o755 });
    expect(run([prepare], { PATH }).said).toContain("\n  brew install redis lzop\n");
  });

  test.runIf(process.getuid?.() === 0)("names the command where it may not install", () => {
    const PATH = pathWith("without-sudo", "apt-get");
    const files = ["bin", "package.json", "package-lock.json"];
    const checkout = join(folder, "checkout");
    mkdirSync(checkout);
    for (const file of files) cpSync(join(root, file), join(checkout, file), { recursive: true });
    const script = `import { installPackages } from ${JSON.stringify(join(checkout, "bin/prepare/install.mjs"))};
      try { installPackages([{ part: "lzop" }], process.env, console.error) } catch (error) { console.log(error.message) }`;
    const nobody = { uid: 65_534, gid: 65_534 };
    const node = join(folder, "node");
    cpSync(process.execPath, node);
    const done = spawnSync(node, ["--input-type=module", "-e", script], {
      env: { PATH },
      encoding: "utf8",
      cwd: "/",
      ...nobody,
    });
    expect(done.stdout).toContain("needs root");
    expect(done.stdout).toContain("sudo apt-get install -y lzop");
  });

  test("refuses a directory that a person named and that has no server", () => {
    const { status, said } = run([prepare], { ...process.env, DRAWBRIDGE_PG_BINDIR: folder });
    expect(status).toBe(1);
    expect(said).toContain(`DRAWBRIDGE_PG_BINDIR=${folder} has no postgres, initdb, pg_ctl`);
  });

  test("refuses client programs older than the server", () => {
    const bin = join(folder, "old-client");
    mkdirSync(bin);
    for (const program of ["pg_dump", "pg_restore", "psql"]) {
      writeFileSync(join(bin, program), `#!/bin/sh\necho "${program} (PostgreSQL) 14.1"\n`, { mode: 0o755 });
    }
    const newer = join(folder, "new-server");
    mkdirSync(newer);
    for (const program of ["postgres", "initdb", "pg_ctl"]) {
      writeFileSync(join(newer, program), `#!/bin/sh\necho "${program} (PostgreSQL) 16.2"\n`, { mode: 0o755 });
    }
    const named = { DRAWBRIDGE_PG_BINDIR: newer, DRAWBRIDGE_PG_CLIENT_BINDIR: bin };
    const { status, said } = run([prepare], { ...process.env, ...named });
    expect(status).toBe(1);
    expect(said).toContain("is older than the server 16.2");
  });

  test("knows its three words only", () => {
    expect(run([prepare, "sandbx"], process.env)).toMatchObject({ status: 1, said: expect.stringContaining("usage:") });
  });
});

describe("what preparation starts", () => {
  const script = (
    text: string,
  ): string => `import { runToEnd } from ${JSON.stringify(join(root, "bin/prepare/run.mjs"))};
    process.exitCode = await runToEnd(process.execPath, ["-e", ${JSON.stringify(text)}]);`;

  test("hands its exit status back", () => {
    const done = spawnSync(process.execPath, ["--input-type=module", "-e", script("process.exit(7)")]);
    expect(done.status).toBe(7);
  });

  test("sees one Ctrl-C, though terminal and npm both send it, and is waited for", async () => {
    const text = `let seen = 0; process.on("SIGINT", () => { seen += 1; setTimeout(() => process.exit(40 + seen), 300) });
      console.log("ready"); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script(text)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGINT");
    await new Promise((done) => setImmediate(done));
    child.kill("SIGINT");
    const [status] = await once(child, "exit");
    expect(status).toBe(41);
  });
});
