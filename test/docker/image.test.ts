import { readFileSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copied, copyFiles, dockerfile, instructions, root, start, words } from "./image-files.ts";

describe("the image", () => {
  it("does not run as root, and its health check asks the program", () => {
    expect(instructions("USER")).toEqual(["1000:1000"]);
    expect(dockerfile.indexOf("USER")).toBeLessThan(dockerfile.indexOf("ENTRYPOINT"));
    expect(instructions("HEALTHCHECK")[0]).toMatch(/"\/app\/bin\/main\.mjs", "health"\]$/);
    expect(words(instructions("ENTRYPOINT")[0]).slice(0, 3)).toEqual(["tini", "--", "node"]);
  });

  it("takes nothing of the checkout that its ignore file keeps out, and no secret", () => {
    const allowed = readFileSync(join(root, "docker/Dockerfile.dockerignore"), "utf8").trim().split("\n");
    expect(allowed[0]).toBe("*");
    expect([...copied].toSorted()).toEqual(
      allowed
        .slice(1)
        .map((line) => line.slice(1))
        .toSorted(),
    );
    expect(dockerfile).not.toMatch(/^(ARG|ENV) .*(TOKEN|PASSWORD|SECRET|_KEY)/m);
  });
});

// The packages are those of the checkout here; image.nightly.test.ts installs them as the image does.
describe("the image's start commands, with the files that it copies", () => {
  let app: string;
  beforeAll(async () => {
    app = await mkdtemp(join(tmpdir(), "drawbridge-image-"));
    copyFiles(app);
    symlinkSync(join(root, "node_modules"), join(app, "node_modules"));
  });
  afterAll(() => rm(app, { recursive: true, force: true }));

  it.each([
    [["--help"], /Usage: drawbridge/],
    [["journal", "init", "--help"], /roles/],
    [["health", "--help"], /serve/],
  ])("answers %j", async (args, says) => {
    expect((await start(app, args)).stdout).toMatch(says);
  });

  it("loads everything that its roles need, and then names what they lack", { timeout: 120_000 }, async () => {
    const [command = "", ...rest] = words(instructions("CMD").at(-1));
    expect(command).toBe("serve");
    for (const role of ["bot", "worker", command]) {
      await expect(start(app, [role, ...rest]), role).rejects.toThrow(/drawbridge\.yaml.*there is no such file/s);
    }
    await expect(start(app, ["journal", "init"])).rejects.toThrow(/DRAWBRIDGE_ADMIN_JOURNAL_URL/);
    await expect(start(app, ["health"])).rejects.toThrow(/DB_CONNECTION/);
  });
});
