import { mkdtemp, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findServerUser } from "../../../src/archive/server/server-user.ts";
import { ownerAbove } from "../../../src/archive/standalone/owner-above.ts";

const us = userInfo();

describe.runIf(us.uid === 0)("the server's user, looked for by root", () => {
  test("is the first of those who are there, by name or number, and never root", async () => {
    const nobody = { name: "nobody", owner: { uid: expect.any(Number), gid: expect.any(Number) } };
    expect(await findServerUser(undefined, ["0", "nosuchuser", "nobody", "root"])).toEqual(nobody);
    const { owner } = await findServerUser("nobody");
    expect(await findServerUser(undefined, [String(owner?.uid)])).toEqual(nobody);
  });

  test("is nobody else than the one who is named", async () => {
    await expect(findServerUser("nosuchuser", ["nobody"])).rejects.toThrow(/no user nosuchuser/);
    await expect(findServerUser("root", ["nobody"])).rejects.toThrow(/refuses to run as root/);
    await expect(findServerUser(undefined, ["root"])).rejects.toMatchObject({ code: "DB_BAD_INPUT" });
  });
});

describe.runIf(us.uid !== 0)("the server's user, looked for by somebody else", () => {
  test("is that person, and nobody else can be named", async () => {
    expect(await findServerUser()).toEqual({ name: us.username, owner: undefined });
    await expect(findServerUser("nosuchuser")).rejects.toThrow(/only root/);
  });
});

test("a path that is not there yet belongs to who owns what it lies in", async () => {
  const home = await mkdtemp("/tmp/drawbridge-owner-");
  expect(await ownerAbove(join(home, "a/b/data"))).toBe(us.uid);
  await rm(home, { recursive: true });
});
