import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DrawbridgeError } from "../errors.ts";
import { extensions } from "../postgres/catalog.ts";
import { createExtension } from "../postgres/extensions.ts";
import { dumpSchema, loadSchema } from "../postgres/schema-dump.ts";
import { userTables } from "../postgres/tables.ts";
import type { Secret } from "../redact.ts";
import { openControl } from "./databases.ts";
import type { World } from "./world.ts";

/** Enough for tens of thousands of objects. */
const deadlineMs = 1_800_000;

/**
 * Copies the schema (no rows) from one database into another, empty one: extensions first, then everything as pg_dump
 * orders it. @throws DrawbridgeError `DB_UNEXPECTED` (terminal) naming what did not load.
 */
export async function copySchema(
  world: World,
  how: { from: Secret; into: Secret; signal: AbortSignal },
): Promise<{ tables: number }> {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-schema-"));
  try {
    await using source = openControl(how.from, "schema");
    await using target = openControl(how.into, "schema");
    const ignored = new Set(world.config.policy.ignoreExtensions);
    const wanted = (await extensions(source)).filter((extension) => !ignored.has(extension.name));
    for (const extension of wanted) await createExtension(target, extension);
    const file = join(folder, "schema.dump");
    await dumpSchema({
      bindir: world.clientBindir,
      url: how.from,
      file,
      deadlineMs,
      signal: how.signal,
    });
    const load = { bindir: world.clientBindir, url: how.into, file, deadlineMs, signal: how.signal };
    const errors = await loadSchema(load);
    if (errors.length > 0) {
      const first = errors.slice(0, 5).map(({ object, message }) => `${object}: ${message}`);
      throw new DrawbridgeError("DB_UNEXPECTED", `${errors.length} objects did not load: ${first.join("; ")}`, {
        outcome: "terminal",
      });
    }
    return { tables: (await userTables(target)).length };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
