import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";

const module = new URL("../../src/cli/last-words.ts", import.meta.url).href;

function dying(how: string): { status: number | null; said: string } {
  const script = `import { guardLastWords } from ${JSON.stringify(module)}; guardLastWords(process.env); ${how}`;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: {
      PATH: process.env["PATH"],
      AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG",
      SOME_URL: "postgres://u:ge@heim12345@h/d",
    },
  });
  return { status: child.status, said: child.stdout + child.stderr };
}

it.each([
  ["an exception", "throw Object.assign(new Error('no'), { connectionString: process.env.SOME_URL })"],
  [
    "a rejection that nobody handles",
    "Promise.reject(new Error(process.env.AWS_SECRET_ACCESS_KEY, { cause: process.env.SOME_URL }))",
  ],
  ["something that is no error", "Promise.reject({ password: 'x', key: process.env.AWS_SECRET_ACCESS_KEY })"],
  ["an error of a timer", "setTimeout(() => { throw new Error('ge@heim12345') }, 1)"],
])("a process that dies of %s gives no secret away, and says where it died", (_what, how) => {
  const { status, said } = dying(how);
  expect(status).toBe(1);
  expect(said).toContain("DB_UNEXPECTED");
  for (const secret of ["wJalrXUtnFEMI", "heim12345", "connectionString"]) expect(said).not.toContain(secret);
});
