import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";

const autogroup = "/proc/self/autogroup";

// a kernel without such groups has nothing to show
describe.skipIf(!existsSync(autogroup))("a process that carries WAL", () => {
  test("lets other sessions have the processors first when it has a session of its own", async () => {
    expect(await groupAfterwards({ detached: true })).toMatch(/ nice 10$/);
  });

  test("also when several do so at the same moment, which the system forbids to who is not root", async () => {
    const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    const said = await Promise.all([1, 2, 3].map(() => groupAfterwards({ detached: true, ...user })));
    expect(said.map((line) => line.replace(/.* nice/, "nice"))).toEqual(["nice 10", "nice 10", "nice 10"]);
  });

  test("leaves the session alone that it shares with somebody's shell", async () => {
    const before = readFileSync(autogroup, "utf8").trim();
    expect(await groupAfterwards({ detached: false })).toBe(before);
    expect(readFileSync(autogroup, "utf8").trim()).toBe(before);
  });
});

async function groupAfterwards(how: { detached: boolean; uid?: number; gid?: number }): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "give-way-main.ts")], {
    ...how,
    stdio: ["ignore", "pipe", "inherit"],
    cwd: "/",
  });
  const [said] = await Promise.all([text(child.stdout), once(child, "exit")]);
  return said.trim();
}
