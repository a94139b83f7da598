import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tarEnd } from "../../../src/archive/tar/tar-writer.ts";
import { inTemp, member, special, targetIn, unpack, withSum } from "../tar/kit.ts";

const run = promisify(execFile);

async function filesIn(dir: string): Promise<string[]> {
  const { stdout } = await run("find", [".", "-mindepth", "1", "-printf", "%y %P\\0"], { cwd: dir });
  return stdout.split("\0").slice(0, -1).toSorted();
}

describe("unpacking a part", () => {
  test("the root member named / is the data directory; host files stay out; local settings move aside", async () => {
    await inTemp(async (dir) => {
      const members = [
        member("/", "", "directory"),
        member("pg_wal/000000010000000000000001", "x"),
        member("pg_replslot/a/", "", "directory"),
        member("postmaster.pid", "1"),
        member("standby.signal"),
        member("postgresql.auto.conf", "port = 1"),
        member("/global/pg_control", "control"),
        member("pg_tblspc/16386/PG_15/5/1", "row"),
      ];
      const facts = unpack(Buffer.concat([...members, tarEnd()]), await targetIn(dir));
      const made = (await filesIn(dir)).filter((line) => line.startsWith("f "));
      expect(made).toEqual([
        "f into/global/pg_control.restoring",
        "f into/postgresql.auto.conf.from-archive",
        "f ts/16386/PG_15/5/1",
      ]);
      expect(facts).toMatchObject({ tablespaceOids: ["16386"], members: 8, required: ["global/pg_control"] });
      expect(Buffer.from(facts.kept["global/pg_control"] ?? "", "base64").toString()).toBe("control");
    });
  });

  test("what an earlier restore of ours left in the source is dropped, before or after the file whose name it has", async () => {
    const ours = ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"];
    for (const existing of ["refused", "replaced"] as const) {
      await inTemp(async (dir) => {
        const target = await targetIn(dir);
        const members = [
          ...ours.map((name) => member(`${name}.from-archive`, "stale")),
          ...ours.map((name) => member(name, "true")),
          member("./pg_hba.conf.from-archive", "stale"),
          member("drawbridge.restoring", "stale"),
          member("global/pg_control", "true"),
          member("global/pg_control.restoring", "stale"),
          member("base/1/pg_hba.conf.from-archive", "a relation's directory is not ours"),
        ];
        unpack(Buffer.concat([...members, tarEnd()]), target, undefined, existing);
        const made = (await filesIn(target.into)).filter((line) => line.startsWith("f ")).map((line) => line.slice(2));
        const aside = ours.map((name) => `${name}.from-archive`);
        const expected = [...aside, "base/1/pg_hba.conf.from-archive", "global/pg_control.restoring"];
        expect(made).toEqual(expected.toSorted());
        for (const name of [...aside, "global/pg_control.restoring"])
          expect(await readFile(join(target.into, name), "utf8")).toBe("true");
      });
    }
  });

  test("a symlinked pg_wal becomes a directory of our own", async () => {
    await inTemp(async (dir) => {
      const target = await targetIn(dir);
      unpack(Buffer.concat([special("pg_wal", "2", "/elsewhere/wal"), tarEnd()]), target);
      expect(await filesIn(target.into)).toEqual(["d pg_wal"]);
    });
  });

  test("symlinks to files of the archive's host are left out, and so are those below what is emptied", async () => {
    await inTemp(async (dir) => {
      const target = await targetIn(dir);
      const names = ["postgresql.conf", "pg_hba.conf", "postgresql.auto.conf", "recovery.conf", "standby.signal"];
      const links = [...names, "server.crt", "postmaster.pid", "pg_wal/archive"].map((name) =>
        special(name, "2", "/etc/x"),
      );
      const volumes = ["log", "pg_log"].map((name) => special(name, "2", "/var/log"));
      const { leftOut } = unpack(Buffer.concat([...links, ...volumes, tarEnd()]), target);
      // what belongs to the archive's host in any case is not worth a word
      const told = ["postgresql.conf", "pg_hba.conf", "postgresql.auto.conf", "server.crt"];
      expect(leftOut).toEqual(told.map((name) => `${name} (to /etc/x)`));
      expect(await filesIn(target.into)).toEqual(["d log", "d pg_log"]);
    });
  });

  test("files of every size around the gathering of small pieces come out byte by byte", async () => {
    await inTemp(async (dir) => {
      const target = await targetIn(dir);
      const sizes = [0, 1, 131_071, 131_072, 262_143, 262_144, 262_145, 700_001];
      const content = (size: number): string => Buffer.alloc(size, `${size}-`).toString();
      const members = sizes.map((size) => member(`base/1/${size}`, content(size)));
      for (const cut of [1_000, 65_536, 200_000, 2_000_000]) {
        const into = join(dir, `cut ${cut}`);
        unpack(Buffer.concat([...members, tarEnd()]), { ...target, into: into }, [cut]);
        for (const size of sizes) expect(await readFile(join(into, `base/1/${size}`), "utf8")).toBe(content(size));
      }
    });
  });

  test.each([
    ["a name that climbs out", member("base/../../etc/passwd", "x")],
    ["a hard link that climbs out", special("base/1/1", "1", "../../etc/passwd")],
    ["a symlink below the top", special("base/1", "2", "/etc")],
    ["a symlink in place of PG_VERSION", special("PG_VERSION", "2", "/etc/x")],
    ["a device", special("base/null", "3")],
    ["a fifo", special("pipe", "6")],
    ["a file that comes twice", Buffer.concat([member("base/1/2", "x"), member("base/1/2", "y")])],
    ["a file below a file", Buffer.concat([member("base/1", "x"), member("base/1/2", "y")])],
    ["a file in place of a directory", Buffer.concat([member("base/1/2", "y"), member("base/1", "x")])],
    ["a name longer than the disk can hold", member("n".repeat(300), "y")],
    ["a pg_control of a megabyte", member("global/pg_control", "x".repeat(2 ** 20))],
  ])("%s is refused", async (_what, bytes) => {
    await inTemp(async (dir) => {
      const target = await targetIn(dir);
      expect(() => unpack(Buffer.concat([bytes, tarEnd()]), target)).toThrow(
        expect.objectContaining({ code: "DB_ARCHIVE_INVALID", message: expect.stringMatching(/^part_7: /) }),
      );
    });
  });

  test("whatever a hostile archive says, nothing outside of its two directories changes", async () => {
    const evil = fc.constantFrom(
      ..."../canary /../canary ./../../canary into/../../canary pg_tblspc/1/../../../canary pg_tblspc/../canary".split(
        " ",
      ),
      ..."pg_tblspc/16386/canary pg_wal pg_wal/x pg_tblspc/16386 base base/1 a/b/c / . .. // canary x\0y".split(" "),
    );
    const type = fc.constantFrom("0", "1", "2", "5", "7", "L", "K", "x", "g", "3", "\0");
    const one = fc.record({ name: evil, type, to: evil, content: fc.constantFrom("", "data", "18 path=../canary\n") });
    const flips = fc.array(fc.record({ at: fc.nat(20_000), byte: fc.nat(255) }), { maxLength: 3 });
    await inTemp(async (dir) => {
      const target = await targetIn(join(dir, "inner"));
      await writeFile(join(dir, "canary"), "sings");
      await writeFile(join(dir, "inner/canary"), "sings");
      await mkdir(join(target.into, "pg_tblspc"), { recursive: true });
      // left there by a restore that broke off late
      await symlink(dir, join(target.into, "pg_tblspc/16386"));
      const outside = async (): Promise<string[]> =>
        (await filesIn(dir)).filter((line) => !/ inner\/(?:into|ts)\//.test(line));
      const before = await outside();
      await fc.assert(
        fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 6 }), flips, async (members, mutations) => {
          const bytes = Buffer.concat([...members.map(build), tarEnd()]);
          for (const { at, byte } of mutations) if (at < bytes.length) bytes[at] = byte;
          try {
            unpack(bytes, target, [997]);
          } catch (fault) {
            expect(fault).toMatchObject({ code: "DB_ARCHIVE_INVALID" });
          }
        }),
        { numRuns: 400 },
      );
      expect(await outside()).toEqual(before);
      for (const path of ["canary", "inner/canary"]) expect(await readFile(join(dir, path), "utf8")).toBe("sings");
    });
  });
});

function build({ name, type, to, content }: { name: string; type: string; to: string; content: string }): Buffer {
  const bytes = member(name, content);
  bytes.write(type, 156);
  bytes.write(to, 157);
  return Buffer.concat([withSum(bytes.subarray(0, 512)), bytes.subarray(512)]);
}
